"""Options that the parsers of `focusstack` and its subcommands share."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import re
import sys
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NoReturn

from napari_focus_stack.errors import SettingsError
from napari_focus_stack.io.places import as_place, is_remote
from napari_focus_stack.series.series_settings import SeriesSettings
from napari_focus_stack.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

SHORT = {"gaussian": "-g", "laplacian": "-l"}
"""Parameters that also have a short option, that of the original command."""
_VALUES = {"reference": ("middle", "first", "N"), "memory": ("SIZE",)}
_LONGEST_COMPLAINT = 400
_BOX = ("Y0", "Y1", "X0", "X1")


class Once(argparse.Action):
    """Option that may be given once, such as a file, of which the first would be lost."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        """Store the value, or refuse a second one."""
        if getattr(namespace, self.dest) is not None:
            parser.error(f"{option_string} may be given once; run the command again for more")
        setattr(namespace, self.dest, values)


class Parser(argparse.ArgumentParser):
    """Parser that reports a wrong call in one line, as all other errors.

    Parameters
    ----------
    **options
        Of argparse.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.color = False  # from Python 3.14 on; escapes of colours would be shown as text

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Take numbers below 0 for numbers, also with a decimal comma or an exponent.

        Parameters
        ----------
        args : sequence of str, optional
            Arguments; those of the program by default.
        namespace : argparse.Namespace, optional
            Where values are stored.

        Returns
        -------
        tuple of argparse.Namespace and list of str
            Values, and arguments that are left.
        """
        given = sys.argv[1:] if args is None else args
        return super().parse_known_args([_plain_negative(text) for text in given], namespace)

    def error(self, message: str) -> NoReturn:
        """Raise an error instead of printing the usage.

        Parameters
        ----------
        message : str
            Message of argparse.

        Raises
        ------
        SettingsError
            Always.
        """
        if len(message) > _LONGEST_COMPLAINT:
            message = f"{message[:_LONGEST_COMPLAINT]}..."
        raise SettingsError(f"{message}; see {self.prog} --help.")


def flag(name: str) -> str:
    """Return the long option of a parameter.

    Parameters
    ----------
    name : str
        Name of the parameter.

    Returns
    -------
    str
        Such as "--z-step".
    """
    return "--" + name.replace("_", "-")


def as_path(text: str) -> Path:
    """Convert the argument of an option to a path.

    Parameters
    ----------
    text : str
        Name of a file or folder.

    Returns
    -------
    pathlib.Path
        The path.

    Raises
    ------
    argparse.ArgumentTypeError
        The name is empty, or a URL.
    """
    place = as_input(text)
    if is_remote(place):
        raise argparse.ArgumentTypeError(f"'{text}' is a URL, and must be a file or folder on disk")
    return place


def as_input(text: str) -> Path:
    """Convert the argument of an option to the place of an input.

    Parameters
    ----------
    text : str
        Name of a file or folder, or URL.

    Returns
    -------
    pathlib.Path
        Path, or `upath.UPath` of a URL.

    Raises
    ------
    argparse.ArgumentTypeError
        The name is empty.
    InputError
        The URL is of no known kind, or needs a library that is missing.
    """
    if not text:  # an unset shell variable; Path("") would be the current folder
        raise argparse.ArgumentTypeError("the name is empty")
    return as_place(text)


def as_switch(text: str) -> bool:
    """Convert the argument of an option to a truth value.

    Parameters
    ----------
    text : str
        "true", "yes", "1", "false", "no" or "0", in any case.

    Returns
    -------
    bool
        Truth value.

    Raises
    ------
    argparse.ArgumentTypeError
        The text is none of these words.
    """
    words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    if text.lower() not in words:
        raise argparse.ArgumentTypeError(f"'{text}' is neither true nor false")
    return words[text.lower()]


def as_number(text: str) -> float:
    """Convert the argument of an option to a number, which may have a decimal comma.

    Parameters
    ----------
    text : str
        Such as "0.5" or "0,5".

    Returns
    -------
    float
        The number.

    Raises
    ------
    argparse.ArgumentTypeError
        It is none, or not finite.
    """
    number = _literal(text)
    if isinstance(number, str) or not abs(number) <= sys.float_info.max:
        raise argparse.ArgumentTypeError(f"'{text}' is no number")
    return float(number)


def add_settings(group: argparse._ArgumentGroup) -> None:
    """Add an option for each field of `Settings`; it is None if a call does not use it.

    Parameters
    ----------
    group : argparse._ArgumentGroup
        Group of the parser.
    """
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
    """Return every option of a parameter.

    Parameters
    ----------
    name : str
        Name of the parameter.

    Returns
    -------
    list of str
        Short option, if there is one, and long option.
    """
    return [SHORT[name], flag(name)] if name in SHORT else [flag(name)]


def _plain_negative(text: str) -> str:
    """Return a number below 0 as argparse tells it from an option; other text remains."""
    if re.fullmatch(r"-(\d+[.,]?\d*|[.,]\d+)(e[+-]?\d{1,2})?", text, re.IGNORECASE) is None:
        return text
    return f"{Decimal(text.replace(',', '.')):f}"


def _literal(text: str) -> int | float | str:
    """Convert a number; other text remains, and is refused by `Settings` if it is wrong."""
    if re.fullmatch(r"-?\d*,\d+", text):  # a decimal comma
        text = text.replace(",", ".")
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            return kind(text)
    return text


@contextlib.contextmanager
def options_named() -> Iterator[None]:
    """Replace the name of a parameter by its option in errors of settings, of stack and series.

    Yields
    ------
    None
        Nothing; the function is a context manager.

    Raises
    ------
    SettingsError
        The block raised one.
    """
    try:
        yield
    except SettingsError as wrong:
        name, _, rest = str(wrong).partition(" ")
        if name not in {
            field.name for kind in (Settings, SeriesSettings) for field in dataclasses.fields(kind)
        }:
            raise
        raise SettingsError(f"{'/'.join(flags(name))} {rest}") from wrong
