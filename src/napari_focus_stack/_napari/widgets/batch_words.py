"""Sentences of the command in the words of the batch dock, which has no options to type."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from napari_focus_stack.errors import FocusStackError

if TYPE_CHECKING:
    import threading
    from collections.abc import Generator

    from napari_focus_stack._napari.workers.job import Steps

DO_ALL = "Do all again"
IN_THE_DOCK = {
    r"or --redo to do all of them again": f"or tick '{DO_ALL}' to replace them",
    r"or --redo\b": f"or tick '{DO_ALL}'",
    r"or name its files \(--pattern\)": "or describe the names of its files in 'File names' "
    "under More",
    r"\(--pattern\)": "('File names' under More)",
    r"give --pattern \"([^\"]+)\"": r"give '\1' as 'File names' under More",
    r"name them with --axes": "stack it by the command, which can name them",
    r"select one (of them )?with --position": r"stack it by the command, which can select one",
    r"takes OME-Zarr alone: --format zarr": "takes OME-Zarr alone: choose it as Format",
    r"give more \(--memory\)": "take fewer workers",
    r"give --memory [^,;.]+(\.\d+\w*)?": "give the memory in napari's preferences",
}
"""What messages of the command say of its options, as patterns, and what is said here."""


def in_dock_words(sentence: str) -> str:
    """Return a sentence that names what is in the dock, and not options of the command.

    Parameters
    ----------
    sentence : str
        Sentence of the command.

    Returns
    -------
    str
        The same, in the dock's words.
    """
    for option, here in IN_THE_DOCK.items():
        sentence = re.sub(option, here, sentence)
    return sentence


def in_words_of_the_dock(steps: Steps) -> Steps:
    """Return steps whose errors are in the words of the dock.

    Parameters
    ----------
    steps : callable
        As `Job` takes it.

    Returns
    -------
    callable
        The same work.
    """

    def translated(cancel: threading.Event) -> Generator[Any, None, Any]:
        try:
            return (yield from steps(cancel))
        except FocusStackError as problem:
            raise FocusStackError(in_dock_words(str(problem))) from problem

    return translated
