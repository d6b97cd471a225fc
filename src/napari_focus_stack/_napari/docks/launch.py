"""Entry points: a folder or file opened without a choice of readers, the stack dock."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari.layers import Layer
from napari.utils.history import get_open_history, update_open_history
from qtpy.QtWidgets import QApplication, QFileDialog, QInputDialog

from napari_focus_stack._napari.docks.stack import FocusStackWidget
from napari_focus_stack._napari.io.folder_reader import (
    names_without_pattern,
    read_by_pattern,
    read_layers,
)
from napari_focus_stack._napari.io.results_reader import get_reader as saved_results_reader
from napari_focus_stack._napari.viewer.dock_tabs import STACK, dock_of, once_settled
from napari_focus_stack._napari.viewer.preferences import PLUGIN

if TYPE_CHECKING:
    from collections.abc import Sequence

    import napari

    from napari_focus_stack._napari.io.folder_reader import LayerData
    from napari_focus_stack.io.name_axes import NameAxes


def open_folder(viewer: napari.viewer.Viewer) -> None:
    """Ask for a folder, open its images as a stack or series, and the dock to stack them with.

    The pattern of names is asked for where they count channels or times as no microscope does.
    Nothing happens if none is chosen.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer, which napari passes.
    """
    folder = QFileDialog.getExistingDirectory(
        QApplication.activeWindow(), "Open folder as focus stack", _last_folder()
    )
    if folder:
        update_open_history(folder)
        counted = names_without_pattern(folder)
        if counted is not None:
            pattern = _ask_for_pattern(counted)
            _add(viewer, read_by_pattern(folder, pattern) if pattern else [])
        elif viewer.open(folder, plugin=PLUGIN):
            show_stack_widget(viewer)


def _ask_for_pattern(counted: NameAxes) -> str:
    """Ask for the pattern of the files' names; return nothing if the user gives none."""
    given, accepted = QInputDialog.getText(
        QApplication.activeWindow(),
        "Open folder as focus stack",
        f"The names of the files count {' and '.join(counted.tokens)}.\n"
        "Write {z} for the plane, {c} for the channel, {t} for the time point,\n"
        "{p} for the position, and * for anything else:",
        text=counted.pattern,
    )
    return given if accepted else ""


def open_file(viewer: napari.viewer.Viewer) -> None:
    """Ask for a file, open it with its axes, and the dock to stack it with.

    Nothing happens if none is chosen. napari has no reader of ours for TIFF, since it would ask
    before every TIFF which reader to take.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer, which napari passes.
    """
    file, _ = QFileDialog.getOpenFileName(
        QApplication.activeWindow(), "Open file as focus stack", _last_folder()
    )
    if not file:
        return
    update_open_history(file)
    read = saved_results_reader(file) or read_layers
    _add(viewer, read(file))


def _add(viewer: napari.viewer.Viewer, found: Sequence[LayerData]) -> None:
    """Add layers that were read, and open the dock if there are any."""
    layers = [Layer.create(*data) for data in found if data[0] is not None]
    for layer in layers:
        viewer.add_layer(layer)
    if layers:
        show_stack_widget(viewer)


def _last_folder() -> str:
    """Return the folder that was opened last."""
    before = get_open_history()
    return before[0] if before else str(Path.home())


def show_stack_widget(viewer: napari.viewer.Viewer) -> None:
    """Open the stack dock, with the whole field in view beside it, or bring it to the front.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer whose window the dock is in.
    """
    opened = viewer.window.dock_widgets.get(STACK)
    shown = FocusStackWidget(viewer) if opened is None else opened
    if opened is None:
        viewer.window.add_dock_widget(shown, name=STACK)
    dock = dock_of(shown.native)
    assert dock is not None, "napari docks what it is given"
    dock.show()
    dock.raise_()
    if opened is None:
        once_settled(dock, viewer.reset_view)
