"""What the parsers of `focusstack` and its subcommands share."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import re
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from napari_focus_stack.errors import SettingsError
from napari_focus_stack.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

SHORT = {"gaussian": "-g", "laplacian": "-l"}
"""Parameters that have a short option too, the original's."""
_VALUES = {"reference": ("middle", "first", "N"), "memory": ("SIZE",)}
_BOX = ("Y0", "Y1", "X0", "X1")


class Parser(argparse.ArgumentParser):
    """Tells a wrong call in one line, as every other error."""

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing the usage."""
        raise SettingsError(f"{message}; see {self.prog} --help.")


def flag(name: str) -> str:
    """Option of a parameter, as it is typed."""
    return "--" + name.replace("_", "-")


def as_path(text: str) -> Path:
    """File or folder of that name."""
    if not text:  # an unset shell variable; Path("") would be the current folder
        raise argparse.ArgumentTypeError("the name is empty")
    return Path(text)


def as_switch(text: str) -> bool:
    """Truth value in any of the usual words."""
    words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    if text.lower() not in words:
        raise argparse.ArgumentTypeError(f"'{text}' is neither true nor false")
    return words[text.lower()]


def add_settings(group: argparse._ArgumentGroup) -> None:
    """Give a parser an option for each field of `Settings`, None where it is not given."""
    for field in dataclasses.fields(Settings):
        explanation = field.metadata["help"].replace("%", "%%")
        if "switch" in field.metadata:
            group.add_argument(
                flag(field.name), action=argparse.BooleanOptionalAction, help=explanation
            )
        elif "box" in field.metadata:
            group.add_argument(
                *(flag(field.name),), type=_literal, nargs=4, metavar=_BOX, help=explanation
            )
        else:
            default = "" if field.default is None else f" [{field.default}]"
            group.add_argument(
                *flags(field.name),
                type=_literal,
                metavar="|".join(field.metadata.get("choices", _VALUES.get(field.name, "N"))),
                help=explanation + default,
            )


def flags(name: str) -> list[str]:
    """Every option of a parameter, as it is typed."""
    return [SHORT[name], flag(name)] if name in SHORT else [flag(name)]


def _literal(text: str) -> int | float | str:
    """Read a number where it is one; `Settings` says what is wrong with the rest."""
    if re.fullmatch(r"\d*,\d+", text):  # a decimal comma
        text = text.replace(",", ".")
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            return kind(text)
    return text


@contextlib.contextmanager
def options_named() -> Iterator[None]:
    """Let an error of `Settings` name the option as it is typed."""
    try:
        yield
    except SettingsError as wrong:
        name, _, rest = str(wrong).partition(" ")
        if name not in {field.name for field in dataclasses.fields(Settings)}:
            raise
        raise SettingsError(f"{'/'.join(flags(name))} {rest}") from wrong
