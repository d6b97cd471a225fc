"""Site of the documentation: ``python -m sphinx -W --keep-going -n docs build/docs``.

The pages are Markdown that GitHub shows as well; `_ext/repository_links.py` makes their links to
files of the repository work here. The options of the command, the settings and the public names
come from the package itself.
"""

from __future__ import annotations

import sys
from pathlib import Path

from napari_focus_stack import __version__

sys.path.insert(0, str(Path(__file__).with_name("_ext")))

project = "napari-focus-stack"
author = "The napari-focus-stack developers"
project_copyright = author
release = version = __version__
REPOSITORY = "https://github.com/napari-focus-stack/napari-focus-stack"

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    # MathJax's own files, so that formulas are readable without a network
    "sphinx-mathjax-offline",
    "sphinx_copybutton",
    "sphinx_design",
    "command_reference",
    "public_names",
    "repository_links",
    "settings_table",
]
exclude_patterns = ["_ext", "_templates"]
templates_path = ["_templates"]

myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_fence_as_directive = ["math"]  # as GitHub writes formulas
# GitHub shows lines that begin with % or +++; MyST would leave them out
myst_disable_syntax = ["myst_line_comment", "myst_block_break", "myst_target"]
myst_heading_anchors = 4  # slugs are those of GitHub

repository_files = f"{REPOSITORY}/blob/main"
repository_pages = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "benchmarks/README.md": "benchmarks.md",
}

# publishers refuse robots; the form of DOIs is tested in tests/docs/test_links.py
linkcheck_ignore = [r"https://doi\.org/"]

autosummary_generate = True
autosummary_ignore_module_all = False
autosummary_imported_members = True
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # numpydoc's sections state the types, with shapes
numpydoc_show_class_members = False
default_role = "public-name"

smartquotes = False  # quotes are part of options and messages

html_theme = "pydata_sphinx_theme"
html_title = "napari-focus-stack"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_show_sourcelink = False
html_theme_options = {
    "github_url": REPOSITORY,
    "navbar_align": "left",
    "show_nav_level": 1,
    "show_toc_level": 2,
    "use_edit_page_button": False,
    "navigation_with_keys": False,
    "footer_start": ["copyright"],
    "footer_end": ["theme-version"],
}
