"""Directive `settings-table`: every setting with its option, default and explanation.

The rows come from the fields of `Settings` and `SeriesSettings`, of which the command makes its
options, too.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from napari_focus_stack.cli.shared_options import flags
from napari_focus_stack.series.series_settings import SeriesSettings
from napari_focus_stack.settings import Settings

if TYPE_CHECKING:
    from sphinx.application import Sphinx

KINDS = {"stack": Settings, "series": SeriesSettings}


def rows(kind: type) -> list[list[nodes.Node]]:
    """Return name, option, default and explanation of each field.

    Parameters
    ----------
    kind : type
        `Settings` or `SeriesSettings`.

    Returns
    -------
    list of list of docutils.nodes.Node
        A row for each field.
    """
    return [
        [
            nodes.literal(text=field.name),
            nodes.literal(text=", ".join(flags(field.name))),
            _default(field.default),
            nodes.Text(field.metadata["help"]),
        ]
        for field in dataclasses.fields(kind)
    ]


def _default(value: Any) -> nodes.Node:
    if value is None:
        return nodes.Text("by the recording")
    return nodes.literal(text="off" if value is False else str(value))


def table(head: list[str], body: list[list[nodes.Node]]) -> nodes.table:
    """Return a table.

    Parameters
    ----------
    head : list of str
        Titles of the columns.
    body : list of list of docutils.nodes.Node
        Cells of each row.

    Returns
    -------
    docutils.nodes.table
        The table.
    """
    group = nodes.tgroup(cols=len(head))
    group += [nodes.colspec(colwidth=1) for _ in head]
    group += nodes.thead("", _row([nodes.Text(title) for title in head]))
    group += nodes.tbody("", *(_row(cells) for cells in body))
    return nodes.table("", group, classes=["settings", "colwidths-auto"])


def _row(cells: list[nodes.Node]) -> nodes.row:
    return nodes.row("", *(nodes.entry("", nodes.paragraph("", "", cell)) for cell in cells))


class SettingsTable(SphinxDirective):
    """Table of the settings of a "stack" or a "series"."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the table.

        Returns
        -------
        list of docutils.nodes.Node
            The table alone.
        """
        head = ["Python", "command", "default", "meaning"]
        return [table(head, rows(KINDS[self.arguments[0]]))]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive, and return what Sphinx expects of an extension."""
    app.add_directive("settings-table", SettingsTable)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
