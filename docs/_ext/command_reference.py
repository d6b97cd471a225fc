"""Directive `command-reference`: every subcommand and option, as argparse has them.

Texts are taken as they are: help such as '{name}_z{z}.tif' or '*.png' is no markup. That is why
sphinx-argparse-cli is not used, which parses it as such.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from napari_focus_stack.cli.parsers import every_parser

if TYPE_CHECKING:
    from sphinx.application import Sphinx


def command_section(parser: argparse.ArgumentParser) -> nodes.section:
    """Return usage, description, options and closing remark of a parser.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Of the command or of a subcommand.

    Returns
    -------
    docutils.nodes.section
        A section with one section for each group of options.
    """
    section = _section(parser.prog, parser.prog)
    section += nodes.paragraph(text=parser.description)
    usage = " ".join(parser.format_usage().split()).removeprefix("usage: ")
    section += nodes.literal_block(text=usage, language="text", classes=["usage"])
    for group in parser._action_groups:
        actions = [action for action in group._group_actions if action.help != argparse.SUPPRESS]
        if actions:
            section += _group_section(parser, str(group.title), actions)
    if parser.epilog:
        section += nodes.paragraph(text=parser.epilog)
    return section


def _group_section(
    parser: argparse.ArgumentParser, title: str, actions: list[argparse.Action]
) -> nodes.section:
    section = _section(title[0].upper() + title[1:], f"{parser.prog} {title}")
    section += nodes.definition_list(
        "", *(_option(parser, action) for action in actions), classes=["options"]
    )
    return section


def _option(parser: argparse.ArgumentParser, action: argparse.Action) -> nodes.definition_list_item:
    """Return an option with its values, and its help."""
    formatter = parser._get_formatter()
    is_option = bool(action.option_strings)
    metavar = (
        formatter._get_default_metavar_for_optional(action)
        if is_option
        else formatter._get_default_metavar_for_positional(action)
    )
    values = "" if action.nargs == 0 else formatter._format_args(action, metavar)
    names = action.option_strings or [values]
    anchor = nodes.make_id(f"{parser.prog} {names[-1]}")
    term = nodes.term("", ids=[anchor])
    for number, name in enumerate(names):
        term += [nodes.Text(", ")] if number else []
        term += nodes.literal(text=f"{name} {values}" if is_option and values else name)
    explanation = formatter._expand_help(action) if action.help else ""
    return nodes.definition_list_item(
        "", term, nodes.definition("", nodes.paragraph(text=explanation))
    )


def _section(title: str, anchor: str) -> nodes.section:
    return nodes.section("", nodes.title(text=title), ids=[nodes.make_id(anchor)], names=[anchor])


class CommandReference(SphinxDirective):
    """All commands, each as a section."""

    def run(self) -> list[nodes.Node]:
        """Return the sections.

        Returns
        -------
        list of docutils.nodes.Node
            A section for each command.
        """
        return [command_section(parser) for parser in every_parser().values()]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive, and return what Sphinx expects of an extension."""
    app.add_directive("command-reference", CommandReference)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
