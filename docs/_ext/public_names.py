"""Role of single backticks in docstrings: a link for a public name, code for anything else."""

from __future__ import annotations

import importlib
from functools import cache
from typing import TYPE_CHECKING

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.util.docutils import SphinxRole

if TYPE_CHECKING:
    from sphinx.application import Sphinx

PACKAGE = "napari_focus_stack"
NAMESPACES = ("analysis", "correction", "depth", "simulation")


@cache
def public_names() -> dict[str, str]:
    """Return the full name of everything public, by its name with and without the namespace.

    Returns
    -------
    dict of str to str
        Such as "analysis.profile" and "profile" to "napari_focus_stack.analysis.profile".
    """
    full = {}
    for namespace in (*NAMESPACES, ""):
        home = f"{PACKAGE}.{namespace}".rstrip(".")
        for name in importlib.import_module(home).__all__:
            if not name.startswith("_"):
                full[f"{namespace}.{name}".lstrip(".")] = f"{home}.{name}"
                full[name] = f"{home}.{name}"
    return full


class PublicName(SphinxRole):
    """Text in single backticks."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return a reference, or code.

        Returns
        -------
        tuple of list of docutils.nodes.Node and list of docutils.nodes.system_message
            One node, and no messages.
        """
        code = nodes.literal(text=self.text, classes=["py", "py-obj"])
        target = public_names().get(self.text)
        if target is None:
            return [code], []
        link = pending_xref(
            "", code, refdomain="py", reftype="obj", reftarget=target, refdoc=self.env.docname
        )
        return [link], []


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the role, and return what Sphinx expects of an extension."""
    app.add_role("public-name", PublicName())
    return {"parallel_read_safe": True, "parallel_write_safe": True}
