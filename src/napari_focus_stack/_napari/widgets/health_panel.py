"""Panel of advice on the recording, from the last run."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from magicgui.widgets import Label
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QSizePolicy

if TYPE_CHECKING:
    from collections.abc import Mapping

WELL, AMISS = "\N{CHECK MARK}", "\N{WARNING SIGN}"
TITLE = "At the microscope"
SMALL_DRIFT = " (small, and removed)"


class HealthPanel(Label):
    """Panel with a line for each piece of advice; hidden before the first run."""

    def __init__(self) -> None:
        super().__init__(
            visible=False, tooltip="Advice for the next recording, from the planes of the last run."
        )
        self.native.setWordWrap(True)
        self.native.setTextFormat(Qt.TextFormat.RichText)
        self.native.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)

    def show_advice(self, advice: Mapping[str, list[str]], aligned: bool = False) -> None:
        """Show the advice of a report, or nothing if it has none.

        Parameters
        ----------
        advice : mapping of str to list of str
            Sentences by subject.
        aligned : bool
            Whether the planes were moved.
        """
        self.value = "<br>".join([f"<b>{TITLE}</b>", *lines(advice, aligned)]) if advice else ""
        self.visible = bool(advice)


def lines(advice: Mapping[str, list[str]], aligned: bool = False) -> list[str]:
    """Return one line for each sentence, and a last one for the subjects without any.

    Parameters
    ----------
    advice : mapping of str to list of str
        Sentences by subject.
    aligned : bool
        Whether the planes were moved, which removed a drift too small for a sentence.

    Returns
    -------
    list of str
        Lines in rich text.
    """
    amiss = [
        f"{AMISS} <i>{escape(subject)}</i>: {escape(sentence)}"
        for subject, sentences in advice.items()
        for sentence in sentences
    ]
    well = [
        f"{escape(subject)}{SMALL_DRIFT if aligned and subject == 'drift' else ''}"
        for subject, sentences in advice.items()
        if not sentences
    ]
    return [*amiss, *([f"{WELL} nothing to improve: {', '.join(well)}"] if well else [])]
