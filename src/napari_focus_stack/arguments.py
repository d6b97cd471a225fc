"""What the parsers of `focusstack` and its subcommands share."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NoReturn

from napari_focus_stack.errors import SettingsError


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
