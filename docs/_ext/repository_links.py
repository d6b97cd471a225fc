"""Links of pages to files of the repository, which GitHub resolves and a site has not.

A link out of `docs` becomes that of the page of the site that shows the file, or else the file's
address at GitHub. A target that does not exist is a warning.
"""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from sphinx.util import logging

if TYPE_CHECKING:
    from sphinx.application import Sphinx

_LINK = re.compile(r"(!?)(\[(?:[^\[\]]|\[[^\[\]]*\]\([^()]*\)|\[[^\[\]]*\])*\])\(([^()\s]+)\)")
_LOGGER = logging.getLogger(__name__)


def site_target(app: Sphinx, source: Path, target: str) -> str | None:
    """Return what a relative link of a file becomes.

    Parameters
    ----------
    app : sphinx.application.Sphinx
        With `repository_files` and `repository_pages` in its configuration.
    source : pathlib.Path
        The file that has the link.
    target : str
        Such as "../README.md#install".

    Returns
    -------
    str or None
        The link of the site; None if nothing is there.
    """
    path, mark, anchor = target.partition("#")
    pages, root = Path(app.srcdir), Path(app.srcdir).parent
    file = Path(os.path.normpath(source.parent / path))
    if not file.exists():
        return None
    name = PurePosixPath(file.relative_to(root)).as_posix()
    if name in app.config.repository_pages:
        return f"/{app.config.repository_pages[name]}{mark}{anchor}"
    if file.suffix == ".md" and file.is_relative_to(pages):
        return f"/{file.relative_to(pages).as_posix()}{mark}{anchor}"
    return f"{app.config.repository_files}/{name}{mark}{anchor}"


def _rewritten(app: Sphinx, source: Path, text: str) -> str:
    """Return the text of a page with the links that the site needs."""

    def link(found: re.Match[str]) -> str:
        is_picture, label, target = found.groups()
        label = _LINK.sub(link, label)
        if "://" in target or target.startswith(("#", "/", "mailto:")):
            return f"{is_picture}{label}({target})"
        if is_picture:
            file = Path(os.path.normpath(source.parent / target))
            return f"![{label[1:-1]}](/{os.path.relpath(file, app.srcdir)})"
        new = site_target(app, source, target)
        if new is None:
            _LOGGER.warning("nothing is at '%s'", target, location=f"{source}:1")
        return f"{label}({new or target})"

    fenced = re.split(r"(^ *```.*?^ *```$)", text, flags=re.DOTALL | re.MULTILINE)
    return "".join(
        part if number % 2 else _LINK.sub(link, part) for number, part in enumerate(fenced)
    )


def _read_page(app: Sphinx, name: str, content: list[str]) -> None:
    """Rewrite a page as Sphinx reads it."""
    source = Path(app.env.doc2path(name))
    if source.suffix == ".md":
        content[0] = _rewritten(app, source, content[0])


def _read_included(app: Sphinx, path: Path, _: str, content: list[str]) -> None:
    """Rewrite a file of the repository that a page includes."""
    source = Path(app.srcdir, path).resolve()
    content[0] = _rewritten(app, source, content[0])


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the configuration and the events, and return what Sphinx expects of an extension."""
    app.add_config_value("repository_files", "", "env")
    app.add_config_value("repository_pages", {}, "env")
    app.connect("source-read", _read_page)
    app.connect("include-read", _read_included)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
