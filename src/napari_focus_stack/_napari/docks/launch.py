"""Entry points: a folder opened without a choice of readers, the stack dock, the demo."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from napari.utils.history import get_open_history, update_open_history
from qtpy.QtWidgets import QApplication, QFileDialog

from napari_focus_stack._napari.docks.stack import FocusStackWidget
from napari_focus_stack._napari.viewer.dock_tabs import STACK, dock_of, once_settled
from napari_focus_stack._napari.viewer.preferences import PLUGIN
from napari_focus_stack.errors import FocusStackError

if TYPE_CHECKING:
    import napari


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


def show_stack_widget(viewer: napari.viewer.Viewer) -> None:
    """Open the stack dock, with the whole field in view beside it, or bring it to the front.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Whose window it stands in.
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


DEFAULT_SAMPLE = "histology"
SCREENS = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
"""Without any of them Qt aborts the whole process."""


def open_demo(name: str | None = None) -> None:
    """Open napari on a built-in sample with the widget docked, and return when it is closed.

    Parameters
    ----------
    name : str, optional
        Of the sample.

    Raises
    ------
    FocusStackError
        napari or a Qt binding is missing, or there is no screen.
    """
    if sys.platform.startswith("linux") and not any(map(os.environ.get, SCREENS)):
        raise FocusStackError("napari needs a screen; there is none here (DISPLAY is not set).")
    try:
        import napari
        import qtpy.QtWidgets  # noqa: F401 - napari itself imports without Qt
    except ImportError as problem:  # qtpy's own errors derive from it
        raise FocusStackError(
            f"napari cannot open a window here ({problem}); install napari-focus-stack[all]."
        ) from problem
    from napari_focus_stack._napari.docks.launch import show_stack_widget
    from napari_focus_stack._napari.io.sample_data import sample_layer

    data, arguments, _ = sample_layer(name or DEFAULT_SAMPLE)
    viewer = napari.Viewer(title="napari - Focus Stack demo")
    viewer.add_image(data, **arguments)
    show_stack_widget(viewer)
    napari.run()
