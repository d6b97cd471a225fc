"""File > IO Utilities > Open folder as focus stack: no choice of readers, and ready to stack."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari.utils.history import get_open_history, update_open_history
from qtpy.QtWidgets import QApplication, QFileDialog

from .docking import show_stack_widget

if TYPE_CHECKING:
    import napari

PLUGIN = "napari-focus-stack"


def open_folder(viewer: napari.viewer.Viewer) -> None:
    """Ask for a folder, open its images as one stack, and the dock to stack them with.

    Nothing happens if none is chosen.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Given by napari.
    """
    before = get_open_history()
    folder = QFileDialog.getExistingDirectory(
        QApplication.activeWindow(),
        "Open folder as focus stack",
        before[0] if before else str(Path.home()),
    )
    if folder:
        update_open_history(folder)
        if viewer.open(folder, plugin=PLUGIN):
            show_stack_widget(viewer)
