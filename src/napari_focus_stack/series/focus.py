"""Focusing of a series in one call."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_focus_stack._utils.steps import drain
from napari_focus_stack.errors import SettingsError
from napari_focus_stack.pipeline.options import Options, chosen, with_options
from napari_focus_stack.series.arrays import series_of_array
from napari_focus_stack.series.destinations import InMemory
from napari_focus_stack.series.files import OnDisk
from napari_focus_stack.series.model import Series
from napari_focus_stack.series.opening import open_series
from napari_focus_stack.series.series_settings import SeriesSettings
from napari_focus_stack.series.steps import focus_series_steps

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping
    from typing import Unpack

    from napari_focus_stack.io.sources import Spacing
    from napari_focus_stack.series.result import SeriesProgress, SeriesResult
    from napari_focus_stack.series.series_settings import SlabMethod
    from napari_focus_stack.settings import Settings


@with_options(Options)
def focus_series(
    source: Any,
    *,
    out: str | os.PathLike[str] | None = None,
    axes: str | None = None,
    pattern: str | None = None,
    spacing: Spacing | None = None,
    lead_channel: str | int = "auto",
    follow: str = "alignment",
    slab: int = 1,
    slab_method: SlabMethod = "max",
    smooth_time: int = 1,
    drift: bool = False,
    transforms: Mapping[tuple[int, int], Any] | None = None,
    settings: Settings | None = None,
    progress: Callable[[SeriesProgress], object] | None = None,
    cancel: threading.Event | None = None,
    **options: Unpack[Options],
) -> SeriesResult:
    """Fuse every stack of a series: the z axis goes, channels, times and positions remain.

    One channel leads: its planes are aligned, and the others take its transforms, so that all
    channels stay registered. A stack that fails is marked and named, and the rest goes on.

    Parameters
    ----------
    source : Series, path, list of paths or array-like
        Result of `open_series`; what it opens; or an array with named axes (NumPy, dask, zarr or
        xarray.DataArray).
    out : path, optional
        File for the images, .ome.tif or .ome.zarr, with depth, height, confidence and reports
        beside it; without it, results are in memory. Stacks are written one at a time.
    axes, pattern : str, optional
        Names of axes, as in "TCZYX", and of files, as in "{name}_t{t}_z{z}_c{c}.tif"; see
        `open_series`.
    spacing : Spacing, optional
        Pixel size and z step of an array.
    lead_channel : str or int
        "auto", the channel whose depth is surest, judged once for the series; a name; a number; or
        "each": every channel is aligned by itself.
    follow : str
        What the others take from the lead: "alignment" (their focus is their own), "surface"
        (their pixels at its depth), or "surface:2" (two planes later).
    slab : int
        Planes around the surface that are projected, odd.
    slab_method : {"max", "mean"}
        Projection of the slab.
    smooth_time : int
        Time points, odd, whose registered planes are averaged before depth is measured, for films
        so weak that depth flickers. The image stays that of its own time point.
    drift : bool
        Whether the drift of the field over time, estimated on the fused images, is removed.
    transforms : mapping of (int, int) to array-like, StackResult or path, optional
        Prior transforms by position and time point; see `stack_steps`.
    settings : Settings, optional
        All parameters of the stacks at once, instead of single options.
    progress : callable, optional
        Called with a `SeriesProgress` before each plane.
    cancel : threading.Event, optional
        Once set, the call raises `Cancelled`.
    method : {"pyramid", "depth", "laplacian"}
        How planes are fused.
    align : {"auto", "none", "shift", "similarity", "affine", "homography"}
        Motion model of the lead channel.
    reference : int, "middle" or "first"
        Plane that the others are aligned to.
    gaussian, laplacian : int
        Sizes of the filters of method "laplacian", odd, in pixels.
    brightness : {"auto", "match", "keep"}
        Whether planes are brought to the brightness of the reference.
    align_region : tuple of int, optional
        First row, end row, first column, end column that alignment is confined to.
    crop : bool
        Whether results are cropped to the part that all planes recorded; not for films.
    values : {"fused", "recorded"}
        Whether pixels may lie between recorded values.
    occlusion : {"auto", "off"}
        Whether the blur that foreground objects cast over the background is removed.
    pixel_size : float, optional
        Size of a pixel in the specimen, in the unit of the source (µm if it has none); by default
        that of the source.
    z_step : float, optional
        Distance of neighbouring planes, in the unit of the pixel size.
    z_factor : float
        Factor on distances along z, for example the refractive index of the medium that is
        focused through, divided by that of the objective's medium.
    z_uncertainty : float
        Relative standard uncertainty of the z scale.
    memory : int or str, optional
        Memory that the run may use, in bytes or as in "1.5GB".
    threads : int, optional
        Number of threads.

    Returns
    -------
    SeriesResult
        Images, depth, heights and confidence by position, (T, C, Y, X); reports; failures.

    Raises
    ------
    InputError
        The series cannot be opened, or no stack of it can be fused.
    SettingsError
        An option does not exist, is out of bounds or does not fit the series.
    OutputError
        A result cannot be written; nothing of it remains.
    Cancelled
        `cancel` was set.

    See Also
    --------
    open_series : Axes, sizes and names without reading pixels.
    focus_stack : A single stack.

    Examples
    --------
    >>> import numpy as np
    >>> film = np.random.default_rng(0).integers(0, 255, (2, 3, 32, 32), np.uint8)
    >>> focus_series(film, axes="TZYX", align="none").image.shape
    (2, 1, 32, 32)
    """
    series_settings = SeriesSettings(
        lead_channel=lead_channel,
        follow=follow,
        slab=slab,
        slab_method=slab_method,
        smooth_time=smooth_time,
        drift=drift,
    )
    series = _as_series(source, axes, pattern, spacing)
    steps = focus_series_steps(
        series,
        chosen(settings, options),
        series_settings,
        InMemory() if out is None else OnDisk(Path(out), series),
        transforms=transforms,
        cancel=cancel,
    )
    return drain(steps, progress)


def _as_series(
    source: Any, axes: str | None, pattern: str | None, spacing: Spacing | None
) -> Series:
    """Return any source as a series."""
    if isinstance(source, Series):
        if axes is not None or pattern is not None:
            raise SettingsError("axes and pattern belong to open_series; leave them out here.")
        _refuse_spacing(spacing)
        return source
    paths = source[0] if isinstance(source, list | tuple) and source else source
    if isinstance(paths, str | os.PathLike):
        _refuse_spacing(spacing)
        return open_series(source, pattern=pattern, axes=axes)
    if pattern is not None:
        raise SettingsError("pattern names the files of a folder, and the source is an array.")
    return series_of_array(source, axes, spacing)


def _refuse_spacing(spacing: Spacing | None) -> None:
    """Refuse distances for a source that has its own."""
    if spacing is not None:
        raise SettingsError("spacing is for arrays; give z_step for the distance of planes.")
