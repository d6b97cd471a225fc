"""Surface mesh of a result, with fewer triangles where the surface is flat."""

from __future__ import annotations

import importlib
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack.analysis.height_map import PIXEL, PLANE, HeightMap, as_height_map
from napari_focus_stack.analysis.mesh import (
    FEWEST_VERTICES,
    TriangleMesh,
    averaged,
    grid_mesh,
    reduced_size,
    scaled_colours,
)
from napari_focus_stack.analysis.mesh_files import write_mesh
from napari_focus_stack.errors import InputError, SettingsError
from napari_focus_stack.io.sources import Spacing

if TYPE_CHECKING:
    import os

    from numpy.typing import NDArray

    from napari_focus_stack.imgproc.pyramids import Plane
    from napari_focus_stack.result import StackResult

MOST_FACES = 500_000
"""Largest number of triangles by default."""
_START = 8
"""Triangles before decimation for each one after.

Averaging alone to 500,000 triangles deviates from a rough surface of 12 megapixels by 0.038 um (RMS
of its 5 um); decimation from 4, 8 and 16 times as many by 0.018, 0.013 and 0.012 um, and takes 2, 5
and 10 s of CPU time.
"""
_MOST_AT_START = 4_000_000
"""Triangles that are decimated in 5 s and with 1.4 GB at the peak of the process; twice as many
take 2.6 GB."""


@dataclass(frozen=True, eq=False)
class SurfaceMesh(TriangleMesh):
    """Surface of a result as triangles, for other programs.

    Attributes
    ----------
    vertices : numpy.ndarray
        (m, 3) float32: z, y, x in the units of the spacing; the centre of pixel (0, 0) is at 0.
    faces : numpy.ndarray
        (k, 3) int32: three vertices each, in such an order that the normal, the cross product of
        the first two edges as z, y, x, points to increasing z.
    colors : numpy.ndarray or None
        (m, 3) or (m, 4) float32, 0 to 1, RGB or RGBA; None for a grey image.
    values : numpy.ndarray or None
        (m,) float32 in grey levels of the image; None for a colour image.
    limits : tuple of float
        Values of the image that are shown black and white.
    texcoords : numpy.ndarray
        (m, 2) float32: position of each vertex on the whole image as a texture, from left (0) to
        right (1) and from bottom (0) to top (1), as napari's Surface takes it.
    unit : str or None
        Unit of the vertices; None where it is unknown.
    exaggeration : float
        Factor by which the heights of the vertices were multiplied.
    picture : numpy.ndarray or None
        (Y, X[, C]) the whole image, from which files take their texture; None for none.
    """

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the mesh to a file of the format that the suffix names.

        Parameters
        ----------
        path : path
            `.glb` or `.obj` (with the image as texture), `.ply` (with the colours of the
            vertices) or `.stl` (without colour); see `mesh_files.write_mesh`.

        Raises
        ------
        OutputError
            The suffix is another, or a file cannot be written.
        """
        write_mesh(path, self)


def surface_mesh(
    source: StackResult | HeightMap,
    image: NDArray[Any] | None = None,
    *,
    most_faces: int = MOST_FACES,
    exaggeration: float = 1.0,
    limits: tuple[float, float] | None = None,
    sure_only: bool = False,
) -> SurfaceMesh:
    """Create the surface of a result with its image on it, true to scale.

    Height and image are averaged over areas to four million triangles at most, and these decimated
    to the wanted number by their quadric error (Garland and Heckbert, 1997,
    doi:10.1145/258734.258849): flat parts get few triangles, edges many. Triangles at borders of
    the field and of holes remain.

    Parameters
    ----------
    source : StackResult or HeightMap
        Heights, and pixel sizes in the same unit; or neither calibrated, for a mesh without a
        unit, whose planes are as far apart as its pixels.
    image : numpy.ndarray, optional
        (Y, X) grey, (Y, X, 3) RGB or (Y, X, 4) RGBA, of any type of real number; that of the
        result by default. A height map without an image has grey levels by its heights.
    most_faces : int, optional
        Largest number of triangles.
    exaggeration : float, optional
        Factor on heights alone.
    limits : tuple of float, optional
        Values of the image that are shown black and white. By default 0 and 255 for uint8, 0 and
        the largest value for other colours, the smallest and largest for other greys.
    sure_only : bool, optional
        Leave holes where the depth is unsure, too. By default holes are only where there is no
        height, such as in painted background: heights without texture are estimated from their
        surroundings, and a surface for the eye or for printing is to be closed there.

    Returns
    -------
    SurfaceMesh
        Vertices in the unit of the heights. Its `save` writes files.

    Raises
    ------
    InputError
        Heights and pixels are in different units, height and image do not match, there are no
        neighbouring heights for a triangle, or fast-simplification is not installed.
    SettingsError
        A number is out of bounds.
    """
    least = 2 * FEWEST_VERTICES
    if not isinstance(most_faces, int | np.integer) or most_faces < least:
        raise SettingsError(f"most_faces {most_faces} must be a whole number, {least} or more.")
    surface = as_height_map(source)
    calibrated = (surface.unit, surface.pixel_unit) != (PLANE, PIXEL)
    if calibrated:
        surface.require_isometric("A mesh")
    heights = np.where(surface.counted, surface.heights, np.nan) if sure_only else surface.heights
    picture = getattr(source, "image", heights) if image is None else image
    y, x = surface.pixel_size
    spacing = Spacing(y=y, x=x, unit=surface.unit if calibrated else None)
    if picture is heights and limits is None:
        limits = _range(heights)

    def averaged_mesh(faces: int) -> TriangleMesh:
        return grid_mesh(
            heights,
            picture,
            spacing,
            most_vertices=faces // 2,
            exaggeration=exaggeration,
            limits=limits,
        )

    start = max(most_faces, min(_START * most_faces, _MOST_AT_START))
    fine = averaged_mesh(start)
    if len(fine.faces) > most_faces:
        colours = averaged(picture, reduced_size(surface.shape, start // 2))[0]
        fewer = _decimated(fine, most_faces, surface, colours, picture.dtype)
        # a map full of holes is border almost everywhere, which stays
        fine = averaged_mesh(most_faces) if len(fewer.faces) > most_faces else fewer
    return SurfaceMesh(**{**vars(fine), "picture": picture})


def _decimated(
    mesh: TriangleMesh,
    most_faces: int,
    surface: HeightMap,
    picture: Plane,
    dtype: np.dtype[Any],
) -> TriangleMesh:
    """Return a mesh with fewer triangles, coloured by an averaged image of a type of pixels."""
    middle = mesh.vertices.mean(axis=0, dtype=np.float64)
    # the library's thresholds are absolute: about one apart, vertices mean the same in every unit
    pitch = math.sqrt(2 * np.prod(np.ptp(mesh.vertices[:, 1:], axis=0)) / len(mesh.faces))
    points, faces = _simplified((mesh.vertices - middle) / pitch, mesh.faces, most_faces)
    vertices = points * pitch + middle
    down, across = ((vertices[:, 1:] / surface.pixel_size + 0.5) / surface.shape).T
    painted = _sampled(picture, down, across)
    colour = picture.ndim == 3
    return replace(
        mesh,
        vertices=vertices.astype(np.float32),
        faces=faces.astype(np.int32, copy=False),
        colors=scaled_colours(painted, mesh.limits, dtype) if colour else None,
        values=None if colour else painted,
        texcoords=np.stack([across, 1 - down], axis=1).astype(np.float32),
    )


def _range(heights: NDArray[Any]) -> tuple[float, float] | None:
    """Return the lowest and the highest height; None if there is no height."""
    finite = heights[np.isfinite(heights)]
    if not finite.size:
        return None
    low = float(finite.min())
    return low, max(float(finite.max()), math.nextafter(low, math.inf))


def _sampled(picture: Plane, down: Plane, across: Plane) -> Plane:
    """Return values between pixels at positions given as shares of both sides, edge to edge."""
    from scipy.ndimage import map_coordinates

    places = [down * picture.shape[0] - 0.5, across * picture.shape[1] - 0.5]
    channels = np.moveaxis(picture, -1, 0) if picture.ndim == 3 else picture[None]
    values = [map_coordinates(one, places, order=1, mode="nearest") for one in channels]
    found: Plane = np.stack(values, axis=-1) if picture.ndim == 3 else values[0]
    return found


def _simplified(
    points: NDArray[np.float64], faces: NDArray[np.int32], most_faces: int
) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Return fewer points and triangles, found by the optional library."""
    try:
        simplify = importlib.import_module("fast_simplification").simplify
    except ImportError:
        raise InputError(
            "A mesh with fewer triangles than the height map needs fast-simplification",
            'install it with pip install "napari-focus-stack[heights]"',
        ) from None
    try:
        found = simplify(points, faces, target_count=most_faces, preserve_border=True)
    except TypeError:  # before version 0.2; corners of borders are cut by a few vertices
        found = simplify(points, faces, target_count=most_faces)
    fewer: tuple[NDArray[np.float64], NDArray[Any]] = found
    return fewer
