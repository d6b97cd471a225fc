"""Demo in the viewer, for the command; importable where Qt or napari is missing."""

from __future__ import annotations

import os
import sys

from napari_focus_stack.errors import FocusStackError

DEFAULT_SAMPLE = "histology"
SCREENS = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
"""Without any of them Qt aborts the whole process."""


def open_demo(name: str | None = None) -> None:
    """Open napari on a built-in sample with the widget docked, and return when it is closed.

    Parameters
    ----------
    name : str, optional
        Name of the sample.

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
