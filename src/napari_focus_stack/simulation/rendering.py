"""Simulated focus stacks of known truth, rendered from an image and a depth map.

The scene is cut into layers of equal depth, and each plane is composed from them front to back,
every layer blurred by the disc that the lens makes of its points: layered image formation, as in
S. W. Hasinoff and K. N. Kutulakos, "A layer-based restoration framework for variable-aperture
photography", ICCV 2007, https://doi.org/10.1109/ICCV.2007.4408898. Foreground that is out of focus
spreads over the background and lets it through; background out of focus never spreads over the
foreground.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from napari_focus_stack.imgproc.defocus import disc_kernel

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import ArrayLike, DTypeLike

Floats = NDArray[np.float32]

LAYERS_PER_PLANE = 6
"""Layers for each plane in focus: their distance is a sixth of a plane in focus, and a sixth of the
distance from focus farther away. What is rendered lies up to a twelfth of a plane beside the depth
that is given."""

_TILE = 128
"""Side of the tiles, in pixels: a tile holds few layers, so most blurs are never computed."""

_OPAQUE = 1e-4
"""Share of the light of farther layers that may be lost: a fortieth of a grey level."""


@dataclass(frozen=True)
class SensorNoise:
    """Noise of a sensor, in units of the image's white (1.0).

    Attributes
    ----------
    read : float
        Standard deviation of the constant, Gaussian part.
    shot : float
        Signal of one electron, so that a signal s has Poisson noise of variance ``shot * s``; it is
        1e-4 for a full well of 10 000 electrons. 0 means no shot noise.
    """

    read: float = 0.0
    shot: float = 0.0


def render_stack(
    image: ArrayLike,
    depth: ArrayLike,
    planes: int,
    blur_per_plane: float,
    *,
    margin: int = 0,
    transforms: ArrayLike | None = None,
    gains: Sequence[float] | None = None,
    noise: SensorNoise | None = None,
    dtype: DTypeLike = np.uint8,
    white: float | None = None,
    seed: int = 0,
    layers_per_plane: int = LAYERS_PER_PLANE,
) -> NDArray[Any]:
    """Render the planes that a thin lens records of a scene, one focus after the other.

    A point at depth d appears in plane k as a disc of radius ``blur_per_plane * abs(d - k)``. A
    greater depth is nearer to the lens. At the edges, the image is mirrored.

    Parameters
    ----------
    image : array-like
        (Y, X) or (Y, X, C), the scene all in focus, 0 (black) to 1 (white).
    depth : array-like
        (Y, X), depth at which each pixel is in focus, in planes; values outside 0 to planes - 1 are
        in focus in no plane.
    planes : int
        Number of planes.
    blur_per_plane : float
        Radius of the blur one plane out of focus, in pixels.
    margin : int
        Pixels along each edge of `image` that lie outside the field. They are cut off, but come
        into view where a plane moves. `transforms` refer to pixels of the field.
    transforms : array-like, optional
        (planes, 3, 3): takes a pixel (x, y, 1) of the field to the pixel of plane k that shows the
        same point, as `StackResult.transforms`. A plane whose transform is the identity is not
        resampled; the others are, once (Lanczos).
    gains : sequence of float, optional
        Brightness of each plane, 1 by default.
    noise : SensorNoise, optional
        Noise of the sensor; none by default.
    dtype : dtype
        Type of the planes: uint8, uint16 or float32.
    white : float, optional
        Value of an image of 1: by default the largest of an integer dtype, or 1. With 4095, uint16
        planes are those of a 12-bit camera.
    seed : int
        Seed of the noise.
    layers_per_plane : int
        Layers for each plane in focus, from which depth is rounded: with 6 by up to a twelfth of a
        plane, with 30 by a sixtieth, in two to four times the time.

    Returns
    -------
    numpy.ndarray
        (planes, Y, X) or (planes, Y, X, C), without the margin. Integers are rounded and clipped to
        0 and `white`; float32 is not clipped, so that noise may exceed these limits.

    Raises
    ------
    ValueError
        Shapes, or the numbers of transforms or gains, do not fit.

    Notes
    -----
    Layers are composed front to back [1]_. A layer adds light in proportion to the blurred mask of
    its visible part, limited to the opacity that nearer layers left. Where the sum stays below 1,
    the background is hidden in the image; it gets the colour of the farthest background around it.

    References
    ----------
    .. [1] S. W. Hasinoff and K. N. Kutulakos, "A layer-based restoration framework for
       variable-aperture photography", ICCV 2007, https://doi.org/10.1109/ICCV.2007.4408898.
    """
    scene = _Scene(image, depth, planes, blur_per_plane, layers_per_plane)
    matrices = None if transforms is None else np.asarray(transforms, np.float64)
    if matrices is not None and matrices.shape != (planes, 3, 3):
        raise ValueError(f"transforms have shape {matrices.shape}, not {(planes, 3, 3)}.")
    if gains is not None and len(gains) != planes:
        raise ValueError(f"{len(gains)} gains for {planes} planes.")
    still = scene.planes()

    def record(k: int) -> Floats:
        """Render plane `k` as the sensor records it."""
        view = _field(still[k], margin, None if matrices is None else matrices[k])
        view = view if gains is None else view * np.float32(gains[k])
        return _record(view, noise or SensorNoise(), np.random.default_rng([seed, k]))

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        field = list(pool.map(record, range(planes)))
    return _digitise(np.stack(field), np.dtype(dtype), white)


def drift(
    planes: int,
    shape: tuple[int, int],
    *,
    zoom: float = 0.0,
    angle: float = 0.0,
    shift: float = 0.0,
    reference: int | None = None,
    seed: int = 0,
) -> NDArray[np.float64]:
    """Return the motion of a focus drive: breathing, rotation and a random walk.

    Parameters
    ----------
    planes : int
        Number of planes.
    shape : tuple of int
        (Y, X) of the field, whose centre magnification and rotation leave in place.
    zoom : float
        Change of magnification per plane.
    angle : float
        Rotation per plane, in degrees.
    shift : float
        Standard deviation of each step of the walk along x and along y, in pixels.
    reference : int, optional
        Plane that does not move, the middle one by default.
    seed : int
        Seed of the walk.

    Returns
    -------
    numpy.ndarray
        (planes, 3, 3) float64 similarities for `render_stack`; the identity at `reference`.
    """
    stays = planes // 2 if reference is None else reference
    walk = np.cumsum(np.random.default_rng(seed).normal(0.0, shift, (planes, 2)), axis=0)
    walk -= walk[stays].copy()
    centre = (np.array(shape[::-1]) - 1) / 2
    matrices = np.tile(np.eye(3), (planes, 1, 1))
    for k in range(planes):
        scale, turn = 1 + zoom * (k - stays), np.deg2rad(angle * (k - stays))
        linear = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        matrices[k, :2, :2] = linear
        matrices[k, :2, 2] = centre - linear @ centre + walk[k]
    return matrices


class _Scene:
    """An image with its depth, mirrored at its edges by the radius of the widest blur."""

    def __init__(
        self,
        image: ArrayLike,
        depth: ArrayLike,
        planes: int,
        blur_per_plane: float,
        layers_per_plane: int,
    ) -> None:
        picture, surface = np.asarray(image, np.float32), np.asarray(depth, np.float32)
        if picture.ndim not in (2, 3) or picture.shape[:2] != surface.shape:
            raise ValueError(f"image {picture.shape} and depth {surface.shape} do not fit.")
        self.shape, self.count, self.blur = picture.shape, planes, blur_per_plane
        self.layers_per_plane = layers_per_plane
        farthest = max(planes - 1 - float(surface.min()), float(surface.max()), 0.0)
        self.reach = len(self._kernel(self._layer(np.float32(farthest)))) // 2
        border = (self.reach,) * 4
        channels = picture.reshape(*surface.shape, -1)
        whole = np.concatenate([channels, np.ones_like(channels[..., :1])], axis=-1)
        mirror = cv2.BORDER_REFLECT_101
        self.colours = np.asarray(cv2.copyMakeBorder(whole, *border, mirror), np.float32)
        self.depth = np.asarray(cv2.copyMakeBorder(surface, *border, mirror), np.float32)
        self.hidden = _hidden_ground(self.colours, self.depth, self.reach)

    def planes(self) -> Floats:
        """Return all planes, (n, Y, X[, C]), without motion or noise."""
        height, width = self.shape[:2]
        out = np.empty((self.count, height, width, self.colours.shape[-1] - 1), np.float32)
        tiles = [(y, x) for y in range(0, height, _TILE) for x in range(0, width, _TILE)]

        def fill(corner: tuple[int, int]) -> None:
            y, x = corner
            inner = out[:, y : y + _TILE, x : x + _TILE]
            for k in range(self.count):
                inner[k] = self._tile(k, y, x, *inner.shape[1:3])

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(fill, tiles))
        return out.reshape(self.count, *self.shape)

    def _tile(self, k: int, y: int, x: int, height: int, width: int) -> Floats:
        """Compose the layers of plane `k` within one tile, front to back."""
        channels = self.colours.shape[-1]
        laid = np.zeros((height, width, channels), np.float32)
        for light in self._layers(k, y, x, height, width):
            covers, left_over = light[..., -1], 1 - laid[..., -1]
            gain = np.minimum(covers, left_over) / np.maximum(covers, np.float32(_OPAQUE**2))
            cv2.accumulateProduct(light, cv2.merge([gain] * channels), laid)
            if left_over.max() < _OPAQUE:
                break
        y, x = y + self.reach, x + self.reach
        hidden = self.hidden[y : y + height, x : x + width]
        return laid[..., :-1] + (1 - laid[..., -1:]) * hidden

    def _layers(self, k: int, y: int, x: int, height: int, width: int) -> Iterator[Floats]:
        """Yield each layer in a tile from the front: blurred light and mask, (Y, X, C + 1)."""
        window = np.s_[y : y + height + 2 * self.reach, x : x + width + 2 * self.reach]
        layers, colours = self._layer(self.depth[window] - np.float32(k)), self.colours[window]
        for layer in np.unique(layers)[::-1]:
            kernel = self._kernel(layer)
            skip = self.reach - len(kernel) // 2
            inner = np.s_[skip : layers.shape[0] - skip, skip : layers.shape[1] - skip]
            mask = (layers[inner] == layer).view(np.uint8)
            if not mask.any():
                continue
            light = cv2.copyTo(colours[inner], mask)
            if layer:
                light = cv2.filter2D(light, -1, kernel)
            r = len(kernel) // 2
            yield np.array(light[r : r + height, r : r + width], np.float32)

    def _layer(self, distance: Any) -> NDArray[np.int32]:
        """Return the number of the layer at a distance from focus, positive towards the lens.

        Layers are spaced by the inverse hyperbolic sine: evenly in focus, and in a fixed ratio far
        from it, where one blur hardly differs from the next.
        """
        number: NDArray[np.int32] = np.rint(self.layers_per_plane * np.arcsinh(distance)).astype(
            np.int32
        )
        return number

    def _kernel(self, layer: Any) -> Floats:
        """Return the blur of a layer."""
        return disc_kernel(float(np.sinh(abs(int(layer)) / self.layers_per_plane)) * self.blur)


def _hidden_ground(colours: Floats, depth: Floats, reach: int) -> Floats:
    """Return the colour, (Y, X, C), of the farthest background within `reach` of each pixel."""
    span = float(np.ptp(depth))
    fall = min(1.5, 60.0 / max(span, 1.0))  # e-fold per plane; 60 keeps float32 from underflow
    weight = np.exp(-fall * (depth - depth.min()))[..., None]
    spread = cv2.GaussianBlur(colours * weight, (0, 0), max(reach / 2, 0.5))
    colour: Floats = spread[..., :-1] / np.maximum(spread[..., -1:], np.float32(1e-37))
    return colour


def _field(plane: Floats, margin: int, matrix: NDArray[np.float64] | None) -> Floats:
    """Return the field of a plane, moved by a transform."""
    height, width = plane.shape[0] - 2 * margin, plane.shape[1] - 2 * margin
    if matrix is None or np.array_equal(matrix, np.eye(3)):
        return plane[margin : margin + height, margin : margin + width]
    to_field = np.array([[1, 0, -margin], [0, 1, -margin], [0, 0, 1]], np.float64)
    moved = cv2.warpPerspective(
        plane,
        matrix @ to_field,
        (width, height),
        flags=cv2.INTER_LANCZOS4,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    within: Floats = np.clip(moved, plane.min(), plane.max(), dtype=np.float32)
    return within


def _record(plane: Floats, noise: SensorNoise, rng: np.random.Generator) -> Floats:
    """Add the noise of the sensor to a plane."""
    if noise.shot > 0:
        electrons = rng.poisson(np.maximum(plane, 0) / noise.shot)
        plane = (electrons * noise.shot).astype(np.float32)
    if noise.read > 0:
        plane = plane + np.float32(noise.read) * rng.standard_normal(plane.shape, np.float32)
    return plane


def _digitise(stack: Floats, dtype: np.dtype[Any], white: float | None) -> NDArray[Any]:
    """Convert planes to a type, with white at its value."""
    whole = np.issubdtype(dtype, np.integer)
    top = white if white is not None else np.iinfo(dtype).max if whole else 1.0
    values: NDArray[Any] = stack * np.float32(top)
    if whole:
        values = np.rint(np.clip(values, 0.0, np.float32(top)))
    return values.astype(dtype, copy=False)
