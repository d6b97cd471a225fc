"""Settings that fit no stack of a series, refused before any pixel is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_focus_stack.errors import InputError, SettingsError

if TYPE_CHECKING:
    from napari_focus_stack.series.model import Series
    from napari_focus_stack.series.series_settings import SeriesSettings
    from napari_focus_stack.settings import Settings


def check_settings(series: Series, settings: Settings, series_settings: SeriesSettings) -> None:
    """Refuse settings that fit no stack of a series.

    Parameters
    ----------
    series : Series
        The series, or a part of it.
    settings : Settings
        Parameters of every stack.
    series_settings : SeriesSettings
        Parameters of the series.

    Raises
    ------
    InputError
        The series has no z axis.
    SettingsError
        A setting does not fit.
    """
    stacked = [position for position in series.positions if position.planes > 1]
    if not stacked:
        raise InputError(
            f"'{series.path.name}' has no z axis, so there is nothing to stack; name its axes, as "
            "in TZYX, if one of them is the focus."
        )
    settings.reference_plane(max(position.planes for position in stacked))
    for position in stacked:
        settings.region_in(position.plane_shape)
    if abs(series_settings.offset or 0) >= max(position.planes for position in stacked):
        raise SettingsError(
            f"follow '{series_settings.follow}' leads out of every stack; the longest has "
            f"{max(position.planes for position in stacked)} planes."
        )
    longest = max(position.times for position in series.positions)
    if settings.crop and longest > 1:
        raise SettingsError(
            "crop would give every time point another size; crop the film afterwards."
        )
    if settings.crop and series_settings.lead_channel == "each":
        raise SettingsError("crop would give every channel another size; name a lead channel.")
    if longest == 1 and (series_settings.smooth_time > 1 or series_settings.drift):
        name = "smooth_time" if series_settings.smooth_time > 1 else "drift"
        raise SettingsError(f"{name} needs several time points; this series has one.")
