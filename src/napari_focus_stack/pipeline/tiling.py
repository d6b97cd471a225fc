"""Plan of the memory of a run: the field as a whole or, if that does not fit, in tiles.

Each tile is fused with a margin around it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_focus_stack._utils.memory import drop_pages, memory_mapped_zeros
from napari_focus_stack._utils.threads import row_bands
from napari_focus_stack._utils.wording import format_bytes
from napari_focus_stack.errors import SettingsError
from napari_focus_stack.imgproc.pyramids import Plane, level_count
from napari_focus_stack.pipeline.memory_needs import memory_needs, with_threads
from napari_focus_stack.pipeline.tiles import Tiling, cut

if TYPE_CHECKING:
    from napari_focus_stack.pipeline.run import Run

TILE_LEVELS = 5
"""Pyramid levels that a tile has of its own. Coarser ones depend on pixels beyond its margin, so
they are fused for the whole field first: with 7 levels of its own, a tile is up to 6 grey levels
off (`sphere`)."""


def fusion_rounds(run: Run, tiling: Tiling, tiles: int | None = None) -> int:
    """Return how many times the fusion reads every plane.

    Parameters
    ----------
    run : Run
        The run.
    tiling : Tiling
        Division of the field.
    tiles : int, optional
        Number of tiles that are fused; all of them by default.

    Returns
    -------
    int
        Number of rounds over all planes.
    """
    count = len(tiling.tiles) if tiles is None else tiles
    return count * (2 if run.settings.picks else 1) + has_coarse(run, tiling)


def plan_tiling(run: Run, on_plane: bool = False) -> Tiling:
    """Divide the field of a run as its memory allows.

    Parameters
    ----------
    run : Run
        The run.
    on_plane : bool
        Whether whole planes are passed to the caller as they are fused.

    Returns
    -------
    Tiling
        The whole field as one tile, or as few tiles as fit.

    Raises
    ------
    SettingsError
        Not even the smallest tile fits, or whole planes are requested and do not fit.
    """
    height, width = run.kind.shape[:2]
    tiling = cut((height, width), run.limit, memory_needs(run.kind, run.settings, on_plane))
    if on_plane and not tiling.whole:
        raise SettingsError(
            f"memory {format_bytes(run.limit)} is too little for whole planes beside the "
            f"results, which --debug (on_plane) takes; give "
            f"{format_bytes(with_threads(tiling.untiled))} or leave it out."
        )
    return tiling


def has_coarse(run: Run, tiling: Tiling) -> bool:
    """Return whether the pyramid of the field has coarser levels than those of its tiles.

    Parameters
    ----------
    run : Run
        The run.
    tiling : Tiling
        Division of the field.

    Returns
    -------
    bool
        Whether there are such levels.
    """
    return not tiling.whole and level_count(run.source.plane_shape) > TILE_LEVELS


def height_map(depth: Plane, z_step: float, tiling: Tiling) -> Plane:
    """Return the height, which is depth times z step.

    Parameters
    ----------
    depth : numpy.ndarray
        (Y, X) float32, in planes.
    z_step : float
        Distance of neighbouring planes.
    tiling : Tiling
        Division of the field.

    Returns
    -------
    numpy.ndarray
        (Y, X) float32, in the unit of the step; in a temporary file if the field is in tiles.
    """
    height: Plane = (
        np.empty_like(depth) if tiling.whole else memory_mapped_zeros(depth.shape, depth.dtype)
    )
    for rows in row_bands(depth.shape):
        np.multiply(depth[rows], np.float32(z_step), out=height[rows])
        drop_pages(depth)
        drop_pages(height)
    return height
