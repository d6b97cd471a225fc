"""Triangles over a height map and the image on it: two for each four neighbours."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from napari_focus_stack.errors import InputError, SettingsError
from napari_focus_stack.imgproc.dtypes import computable
from napari_focus_stack.io.sources import COLOUR_CHANNELS

if TYPE_CHECKING:
    from napari_focus_stack.imgproc.pyramids import Plane
    from napari_focus_stack.io.sources import Spacing

BooleanMask = NDArray[np.bool_]

MOST_VERTICES = 400_000
"""Largest number of vertices by default."""
FEWEST_VERTICES = 4
"""Least number of vertices that may be asked for."""
MEASURED_SHARE = 0.5
"""Least share of a vertex's pixels that must have a height."""


@dataclass(frozen=True, eq=False)
class TriangleMesh:
    """Triangles over a height map; `surface.SurfaceMesh` explains the fields."""

    vertices: NDArray[np.float32]
    faces: NDArray[np.int32]
    colors: NDArray[np.float32] | None
    values: NDArray[np.float32] | None
    limits: tuple[float, float]
    texcoords: NDArray[np.float32]
    unit: str | None = None
    exaggeration: float = 1.0
    picture: NDArray[Any] | None = None


def grid_mesh(
    height: NDArray[Any],
    image: NDArray[Any],
    spacing: Spacing,
    *,
    most_vertices: int = MOST_VERTICES,
    exaggeration: float = 1.0,
    limits: tuple[float, float] | None = None,
) -> TriangleMesh:
    """Create the surface of a height map with the colours of an image, in physical units.

    Parameters
    ----------
    height : numpy.ndarray
        (Y, X) in the unit of the spacing, NaN where there is none. A result without a height,
        because the z step is unknown, has a depth; used as the height, its planes are 1 apart.
    image : numpy.ndarray
        (Y, X) grey, (Y, X, 3) RGB or (Y, X, 4) RGBA, of any type of real number.
    spacing : Spacing
        Pixel size along y and x, 1 where unknown. Its z does not count, because heights include
        it.
    most_vertices : int, optional
        Largest number of vertices; height and image are averaged over areas to reduce them, so
        that the view remains fluid.
    exaggeration : float, optional
        Factor on z alone. A viewer may stretch z instead, without creating the surface anew.
    limits : tuple of float, optional
        Values that are shown black and white. By default 0 and 255 for uint8, 0 and the largest
        value for other colours, the smallest and largest for other greys.

    Returns
    -------
    TriangleMesh
        Two triangles for each four neighbours that all have a height; vertices without a
        triangle are left out.

    Raises
    ------
    InputError
        Height and image do not match, or there are no neighbouring heights for a triangle.
    SettingsError
        A number is out of bounds.
    """
    _check(height, image)
    _check_numbers(most_vertices, exaggeration, limits)
    shape = height.shape
    size = reduced_size(shape, most_vertices)
    z, known = averaged(height.astype(np.float32, copy=False), size)
    faces, used = _triangles(known)
    if not len(faces):
        raise InputError("The height map has no heights side by side; choose another.")
    rows, cols = (_centres(before, after) for before, after in zip(shape, size, strict=True))
    y, x = np.meshgrid(rows, cols, indexing="ij")
    places = [z * np.float32(exaggeration), y * (spacing.y or 1.0), x * (spacing.x or 1.0)]
    across = [(x + 0.5) / shape[1], 1 - (y + 0.5) / shape[0]]
    picture = averaged(image, size)[0]
    shown = limits or _limits(image, picture)
    painted = picture[used]
    return TriangleMesh(
        vertices=np.stack([place[used] for place in places], axis=1).astype(np.float32),
        faces=faces,
        colors=None if image.ndim == 2 else scaled_colours(painted, shown, image.dtype),
        values=painted if image.ndim == 2 else None,
        limits=shown,
        texcoords=np.stack([place[used] for place in across], axis=1).astype(np.float32),
        unit=spacing.unit,
        exaggeration=exaggeration,
    )


def reduced_size(shape: tuple[int, ...], most: int) -> tuple[int, int]:
    """Return rows and columns of as many vertices as allowed, equally far apart along y and x.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of the height map.
    most : int
        Largest number of vertices.

    Returns
    -------
    tuple of int
        Rows and columns.
    """
    factor = max(1.0, math.sqrt(shape[0] * shape[1] / most))
    height, width = (max(2, int(side / factor)) for side in shape)
    # a narrow field keeps at least two rows or columns
    return min(height, max(2, most // width)), min(width, max(2, most // height))


def _centres(before: int, after: int) -> Plane:
    """Return the positions of `after` equal parts of a side of `before` pixels, in pixels.

    Positions are averaged in the same way as heights. The centre of a part differs by up to a
    quarter of a pixel, because each part of a divided pixel has the value of the whole pixel.
    """
    places: Plane = _mean(np.arange(before, dtype=np.float32)[None], (1, after))[0]
    return places


def averaged(pixels: NDArray[Any], size: tuple[int, int]) -> tuple[Plane, BooleanMask]:
    """Return means of the finite pixels of areas, and which areas have enough of them.

    Parameters
    ----------
    pixels : numpy.ndarray
        (Y, X[, C]) numbers.
    size : tuple of int
        Areas along y and x.

    Returns
    -------
    means : numpy.ndarray
        (*size[, C]) float32; 0 without a finite pixel.
    known : numpy.ndarray
        (*size) bool: whether at least `MEASURED_SHARE` of the area is finite.
    """
    plane = computable(pixels)
    if plane.dtype.kind != "f" or np.isfinite(plane).all():
        mean = _mean(plane, size)
        return mean, np.ones(mean.shape[:2], bool)
    finite = np.isfinite(plane)
    share = _mean(finite.astype(np.float32), size)
    total = _mean(np.where(finite, plane, np.float32(0)), size)
    mean = np.divide(total, share, out=np.zeros_like(total), where=share > 0)
    known = np.asarray(share >= MEASURED_SHARE)
    return mean, known if known.ndim == 2 else np.asarray(known.all(2))


def _mean(plane: NDArray[Any], size: tuple[int, int]) -> Plane:
    """Return means over areas, as float32."""
    # means of integers are rounded to integers, by half a grey level at most
    mean = cv2.resize(plane, size[::-1], interpolation=cv2.INTER_AREA)
    single: Plane = mean.astype(np.float32, copy=False)
    return single


def _triangles(known: BooleanMask) -> tuple[NDArray[np.int32], BooleanMask]:
    """Return the faces between vertices with heights, and which vertices belong to one."""
    cells = known[:-1, :-1] & known[1:, :-1] & known[:-1, 1:] & known[1:, 1:]
    used = np.zeros_like(known)
    for rows in (np.s_[:-1], np.s_[1:]):
        for cols in (np.s_[:-1], np.s_[1:]):
            used[rows, cols] |= cells
    number = (np.cumsum(used, dtype=np.int32) - 1).reshape(used.shape)
    corner, right = number[:-1, :-1][cells], number[:-1, 1:][cells]
    below, across = number[1:, :-1][cells], number[1:, 1:][cells]
    faces = np.empty((len(corner), 2, 3), np.int32)
    faces[:, 0] = np.stack([corner, below, right], axis=1)
    faces[:, 1] = np.stack([right, below, across], axis=1)
    return faces.reshape(-1, 3), used


def _limits(image: NDArray[Any], picture: Plane) -> tuple[float, float]:
    """Return the values that are shown black and white by default."""
    if image.dtype == np.uint8:
        return 0.0, 255.0
    light = picture if picture.ndim == 2 else picture[..., :3]
    low = float(light.min()) if image.ndim == 2 else 0.0
    return low, max(float(light.max()), np.nextafter(low, math.inf))


def scaled_colours(painted: Plane, limits: tuple[float, float], dtype: np.dtype[Any]) -> Plane:
    """Scale colours to 0 to 1 between the limits, and alpha by the range of its type.

    Parameters
    ----------
    painted : numpy.ndarray
        (m, 3) or (m, 4) float32.
    limits : tuple of float
        Values that are shown black and white.
    dtype : numpy.dtype
        Type of the image.

    Returns
    -------
    numpy.ndarray
        As `painted`, 0 to 1.
    """
    low, high = limits
    # a black picture has limits that are nearer than float32 can say
    span = max(np.float32(high - low), np.finfo(np.float32).tiny)
    colours: Plane = (painted - np.float32(low)) / span
    if painted.shape[1] > 3:  # alpha uses the whole range of its type
        opaque = 1 if dtype.kind in "bf" else np.iinfo(dtype).max
        colours[:, 3] = painted[:, 3] / np.float32(opaque)
    return np.clip(colours, 0, 1, out=colours)


def _check(height: NDArray[Any], image: NDArray[Any]) -> None:
    """Check that a height map and an image make a surface."""
    if height.ndim != 2 or min(height.shape) < 2 or height.dtype.kind not in "uif":
        raise InputError(
            f"A height map of shape {height.shape} and type {height.dtype} makes no surface; give "
            "numbers with the axes y, x."
        )
    fits = image.ndim == 2 or (image.ndim == 3 and image.shape[2] in COLOUR_CHANNELS)
    if not fits or image.shape[:2] != height.shape or image.dtype.kind not in "buif":
        raise InputError(
            f"A picture of shape {image.shape} and type {image.dtype} does not fit a height map of "
            f"shape {height.shape}; give the two of one result."
        )


def _check_numbers(
    most_vertices: int, exaggeration: float, limits: tuple[float, float] | None
) -> None:
    """Check the numbers that are passed to `grid_mesh`."""
    if not most_vertices >= FEWEST_VERTICES:
        raise SettingsError(f"most_vertices {most_vertices} must be {FEWEST_VERTICES} or more.")
    if not 0 < exaggeration < math.inf:
        raise SettingsError(f"exaggeration {exaggeration} must be a number over 0.")
    if limits is not None and not -math.inf < limits[0] < limits[1] < math.inf:
        raise SettingsError(f"limits {limits} must be two rising numbers, for black and white.")
