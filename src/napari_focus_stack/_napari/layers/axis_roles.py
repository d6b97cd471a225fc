"""Roles of the axes of a layer: z, time, channel, position, and the y and x of the planes.

Labels decide where there are any. Without labels the lengths and the pixels do, and the choice is
shown, so that the user can correct it.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Sample = Callable[[int], NDArray[np.float32]]

AxisRole = Literal["z", "time", "channel", "position"]
SERIES_ROLES: tuple[AxisRole, ...] = ("position", "time", "channel")
"""Roles of the axes along which stacks lie, in the order that files have them."""
LABELS: dict[AxisRole, tuple[str, ...]] = {
    "z": ("z", "depth", "focus", "plane", "slice"),
    "time": ("t", "time", "frame", "timepoint"),
    "channel": ("c", "ch", "channel", "wavelength"),
    "position": ("p", "pos", "position", "scene", "field"),
}
"""Labels of axes in the files of microscopes and in napari, in lower case, without a final "s"."""
MOST_CHANNELS = 8
"""Largest length of an unlabelled axis that counts as channels."""
LEAST_LIKENESS_OF_TIMES = 0.5
"""Likeness of neighbouring pictures from which on they count as times of one channel: 0.51 to 0.95
in five films of cells, 0.16 to 0.48 between the stains of four specimens."""
TILES = 8
"""Tiles along each side of a sample in which detail is compared."""


@dataclass(frozen=True)
class AxisRoles:
    """Roles of the axes of a layer.

    Attributes
    ----------
    z : int
        Axis of the planes. Of the others the last two are y and x.
    series : tuple of (int, str)
        Axis and role of each of the rest, in order.
    by : {"label", "length", "content", "choice"}
        Evidence of z.
    labelled : bool
        Whether labels decided all of them.
    """

    z: int
    series: tuple[tuple[int, AxisRole], ...] = ()
    by: Literal["label", "length", "content", "choice"] = "label"
    labelled: bool = False

    def axis(self, role: AxisRole) -> int | None:
        """Return the axis of a role.

        Parameters
        ----------
        role : {"z", "time", "channel", "position"}
            The role.

        Returns
        -------
        int or None
            None if no axis has it.
        """
        if role == "z":
            return self.z
        return next((axis for axis, own in self.series if own == role), None)

    def exchanged(self, axis: int, role: AxisRole) -> AxisRoles:
        """Return the roles after the user has given an axis another one.

        Parameters
        ----------
        axis : int
            The axis.
        role : {"z", "time", "channel", "position"}
            Its new role; the axis that had it gets the old one.

        Returns
        -------
        AxisRoles
            With one axis for each role.
        """
        before: dict[int, AxisRole] = {**dict(self.series), self.z: "z"}
        holder = self.axis(role)
        if holder is not None and axis in before:
            before[holder] = before[axis]
        elif holder is not None:  # y or x becomes z
            del before[holder]
        before[axis] = role
        z = next(number for number, own in before.items() if own == "z")
        rest = tuple(sorted((number, own) for number, own in before.items() if number != z))
        return AxisRoles(z, rest, "choice")


def is_name(label: str) -> bool:
    """Return whether a label is a name, and not the number that napari gives for want of one.

    Parameters
    ----------
    label : str
        Label of an axis of a layer or of a slider.

    Returns
    -------
    bool
        False for numbers as in "-3", and in "axis -3" of older napari.
    """
    return not label.removeprefix("axis ").lstrip("-").isdigit() and bool(label)


def label_role(label: str) -> AxisRole | None:
    """Return the role that a label stands for.

    Parameters
    ----------
    label : str
        Label of an axis.

    Returns
    -------
    str or None
        None for other labels.
    """
    word = label.casefold().strip()
    word = word.removesuffix("s") if len(word) > 1 else word
    return next((role for role, words in LABELS.items() if word in words), None)


def likely_roles(labels: Sequence[str], shape: Sequence[int], sample: Sample) -> AxisRoles:
    """Return the roles that the axes of a layer most likely have.

    Parameters
    ----------
    labels : sequence of str
        Label of each axis.
    shape : sequence of int
        Length of each axis, three or more, without colour.
    sample : callable
        Called with an axis; returns (n, y, x) float32 pictures along it, reduced, in the middle of
        the other axes. Not called where labels and lengths decide.

    Returns
    -------
    AxisRoles
        With one axis for each role.
    """
    known = {axis: role for axis, label in enumerate(labels) if (role := label_role(label))}
    z, by = _likely_z(known, shape, sample)
    free = [axis for axis in range(len(shape)) if axis != z][:-2]
    named = {axis: known[axis] for axis in free if known.get(axis, "z") != "z"}
    unnamed = [axis for axis in free if axis not in named]
    found = _likely_series(unnamed, shape, sample)
    series = _distinct(named | dict(zip(unnamed, found, strict=True)))
    return AxisRoles(z, series, by, by == "label" and not unnamed)


def _likely_z(
    known: dict[int, AxisRole], shape: Sequence[int], sample: Sample
) -> tuple[int, Literal["label", "length", "content"]]:
    labelled = [axis for axis, role in known.items() if role == "z"]
    if labelled:
        return labelled[0], "label"
    candidates = [axis for axis in range(len(shape) - 2) if axis not in known]
    if not candidates:  # labels without a z: the axis next to y and x, as in (t, c, y, x)
        return len(shape) - 3, "length"
    long = [axis for axis in candidates if shape[axis] > 2] or candidates
    if len(long) == 1:
        return long[0], "length"
    scores = {axis: focus_change(sample(axis)) for axis in long}
    return max(long, key=lambda axis: (scores[axis], shape[axis])), "content"


def _likely_series(axes: Sequence[int], shape: Sequence[int], sample: Sample) -> list[AxisRole]:
    """Return the roles of unlabelled axes, which files hold as (p, t, c), z before or after c."""
    if len(axes) != 1:
        return list(SERIES_ROLES[-len(axes) :]) if axes else []
    [axis] = axes
    if shape[axis] > MOST_CHANNELS:
        return ["time"]
    alike = neighbour_likeness(sample(axis)) >= LEAST_LIKENESS_OF_TIMES
    return ["time" if alike else "channel"]


def _distinct(series: dict[int, AxisRole]) -> tuple[tuple[int, AxisRole], ...]:
    """Return roles of which no two axes have the same; the first keeps it."""
    taken: dict[int, AxisRole] = {}
    for axis, role in series.items():
        free = [role, "time", "channel", "position"]
        taken[axis] = next((one for one in free if one not in taken.values()), role)
    return tuple(sorted(taken.items()))


def neighbour_likeness(pictures: NDArray[np.float32]) -> float:
    """Return how alike neighbouring pictures are, wherever the specimen has moved.

    Structures are compared relative to the light around them: shading is the same in all channels.

    Parameters
    ----------
    pictures : numpy.ndarray
        (n, y, x) float32.

    Returns
    -------
    float
        Mean of the largest normalised cross-correlation of each pair; 0 without two pictures that
        show something.
    """
    structures = [_band(picture) for picture in pictures]
    pairs = [
        _largest_correlation(one, other)
        for one, other in itertools.pairwise(structures)
        if one.std() > 0 and other.std() > 0
    ]
    return float(np.mean(pairs)) if pairs else 0.0


def _band(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return structures of 3 pixels to a twelfth of a side, relative to the light around them."""
    coarse = cv2.GaussianBlur(picture, (0, 0), min(picture.shape) / 12)
    floor = np.float32(0.1) * np.abs(picture).mean() + np.float32(1e-12)
    band: NDArray[np.float32] = (cv2.GaussianBlur(picture, (0, 0), 3) - coarse) / (
        np.abs(coarse) + floor
    )
    return band


def _largest_correlation(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Return the correlation of the middle of a picture with the place of another that fits it."""
    rows, cols = (side // 8 for side in one.shape)
    middle = one[rows : one.shape[0] - rows, cols : one.shape[1] - cols]
    return float(cv2.matchTemplate(other, middle, cv2.TM_CCOEFF_NORMED).max())


def focus_change(pictures: NDArray[np.float32]) -> float:
    """Return how far detail comes into focus and leaves it along an axis, of like pictures.

    Along z the energy of detail, relative to the brightness, changes from tile to tile while the
    coarse picture stays; over time neither changes much, and between channels both do.

    Parameters
    ----------
    pictures : numpy.ndarray
        (n, y, x) float32.

    Returns
    -------
    float
        Median range of the logarithm of the energy in a tile, times the likeness of neighbours.
    """
    if len(pictures) < 2:
        return 0.0
    energies = np.stack([_tile_energies(picture) for picture in pictures])
    ranges = np.ptp(np.log(energies), axis=0)
    return float(np.median(ranges)) * max(_coarse_correlation(pictures), 0.0)


def _coarse_correlation(pictures: NDArray[np.float32]) -> float:
    """Return the mean correlation of neighbouring pictures, smoothed; 1 where they are even."""
    smooth = [cv2.GaussianBlur(picture, (0, 0), 2).ravel() for picture in pictures]
    pairs = [
        float(np.corrcoef(one, other)[0, 1]) if one.std() and other.std() else 1.0
        for one, other in itertools.pairwise(smooth)
    ]
    return float(np.mean(pairs))


def _tile_energies(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the energy of the Laplacian over that of the picture, in tiles."""
    detail = cv2.Laplacian(picture, cv2.CV_32F) ** 2
    size = (TILES, TILES)
    energy = cv2.resize(detail, size, interpolation=cv2.INTER_AREA)
    whole = cv2.resize(picture**2, size, interpolation=cv2.INTER_AREA)
    floor = np.float32(1e-12) + np.float32(1e-6) * whole.mean()
    tiles: NDArray[np.float32] = (energy + floor) / (whole + floor)
    return tiles
