"""Heights of results in files of other programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_focus_stack.analysis.height_map import HeightMap, as_height_map
from napari_focus_stack.io.height_files import write_heights
from napari_focus_stack.io.height_scale import HeightScale

if TYPE_CHECKING:
    import os

    from napari_focus_stack.result import StackResult


def save_heights(
    source: StackResult | HeightMap, path: str | os.PathLike[str], *, sure_only: bool = False
) -> None:
    """Write the heights of a result with their pixel size and unit, whole or not at all.

    Parameters
    ----------
    source : StackResult or HeightMap
        Heights, for example those that were levelled.
    path : path
        `.tif` for Fiji and most programs, `.gsf` for Gwyddion or `.x3p` (ISO 25178-72) for programs
        of surface metrology. Depth in planes fits `.tif` alone.
    sure_only : bool, optional
        Leave out heights whose depth is unsure: they become NaN, which Gwyddion masks. Other
        programs have no confidence and count every height.

    Raises
    ------
    OutputError
        The suffix is another, the format needs a z step or a pixel size that is unknown, or the
        file cannot be written.
    """
    surface = as_height_map(source)
    heights = np.where(surface.counted, surface.heights, np.nan) if sure_only else surface.heights
    y, x = surface.pixel_size
    write_heights(path, heights, HeightScale(y, x, surface.pixel_unit, surface.unit))
