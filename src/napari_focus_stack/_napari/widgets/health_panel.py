"""What a run tells of the recording, each line something to do at the microscope."""

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


class HealthPanel(Label):
    """Lines on the recording of the last run; not shown before one."""

    def __init__(self) -> None:
        super().__init__(
            visible=False, tooltip="What the planes tell of their recording, by the last run."
        )
        self.native.setWordWrap(True)
        self.native.setTextFormat(Qt.TextFormat.RichText)
        self.native.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)

    def show_advice(self, advice: Mapping[str, list[str]]) -> None:
        """Show what a report advises; nothing is shown if it judged nothing."""
        self.value = "<br>".join([f"<b>{TITLE}</b>", *lines(advice)]) if advice else ""
        self.visible = bool(advice)


def lines(advice: Mapping[str, list[str]]) -> list[str]:
    """List what is amiss, one line each, and then in one line what is well."""
    amiss = [
        f"{AMISS} <i>{escape(subject)}</i>: {escape(sentence)}"
        for subject, sentences in advice.items()
        for sentence in sentences
    ]
    well = [escape(subject) for subject, sentences in advice.items() if not sentences]
    return [*amiss, *([f"{WELL} {', '.join(well)}"] if well else [])]
