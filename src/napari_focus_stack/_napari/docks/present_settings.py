"""Settings that the stack dock has at present, for the docks that stack with them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QDockWidget, QMainWindow

from napari_focus_stack._napari.docks.stack import FocusStackWidget
from napari_focus_stack._napari.viewer.dock_tabs import dock_of
from napari_focus_stack._napari.viewer.preferences import preferences
from napari_focus_stack._napari.widgets.last_settings import begin_as_left
from napari_focus_stack._napari.widgets.rows import label_of
from napari_focus_stack._napari.widgets.settings_form import ALWAYS_SHOWN, SettingsForm
from napari_focus_stack.series.series_settings import SeriesSettings
from napari_focus_stack.settings import Settings

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

OF_THE_MACHINE = ("threads", "memory")
"""Settings on which no result depends."""


@dataclass(frozen=True)
class PresentSettings:
    """Settings of the stack dock that hold for any stack.

    Attributes
    ----------
    settings : Settings
        Settings of each stack, without a z step.
    series_settings : SeriesSettings
        Settings of a series.
    outputs : tuple of str
        Roles of the maps that are added beside images.
    on_shapes : bool
        Whether that dock aligns on shapes, which other stacks do not have.
    """

    settings: Settings
    series_settings: SeriesSettings
    outputs: tuple[str, ...]
    on_shapes: bool = False

    @property
    def description(self) -> str:
        """The settings in one sentence: method, alignment, and what differs from the defaults."""
        fields = {**self.settings.as_dict(), **self.series_settings.as_dict()}
        usual = {**Settings().as_dict(), **SeriesSettings().as_dict()}
        told = [
            f"{label_of(name).replace('_', ' ').lower()} {_word(value)}"
            for name, value in fields.items()
            if name in ALWAYS_SHOWN or (value != usual[name] and name not in OF_THE_MACHINE)
        ]
        whole = " Its shapes are left out: alignment is on the whole field." * self.on_shapes
        return f"As set in the dock Focus Stack: {', '.join(told)}.{whole}"


def _word(value: Any) -> str:
    """Return the value of a setting as the form shows it."""
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else str(value)


def present_settings(native: QWidget) -> PresentSettings:
    """Return the settings that the stack dock has, or would have when it is opened.

    Parameters
    ----------
    native : QWidget
        Widget in a dock of the same window.

    Returns
    -------
    PresentSettings
        With threads and memory of the preferences.

    Raises
    ------
    SettingsError
        A value is out of bounds.
    """
    dock = _stack_dock(native)
    if dock is None:
        form, of_series, on_shapes = SettingsForm(), SeriesSettings(), False
        begin_as_left(form)
    else:
        form, of_series = dock.form, dock.series_form.settings()
        on_shapes = form.region is not None
    settings = replace(form.settings_of_any(), **preferences())
    return PresentSettings(settings, of_series, tuple(form.outputs()), on_shapes)


def _stack_dock(native: QWidget) -> FocusStackWidget | None:
    """Return the stack dock in the window of a dock; None if it is not open."""
    dock = dock_of(native)
    window = None if dock is None else dock.parent()
    if not isinstance(window, QMainWindow):
        return None
    inside = [
        getattr(one.widget(), "_magic_widget", None) for one in window.findChildren(QDockWidget)
    ]
    return next((one for one in inside if isinstance(one, FocusStackWidget)), None)
