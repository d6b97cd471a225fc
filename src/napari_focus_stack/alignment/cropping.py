"""The part of the field that all planes recorded.

A plane that moved covers only a part of the reference's field; elsewhere the result comes from the
other planes. Cropping restricts results to the part that every plane recorded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_focus_stack.alignment.registered_stack import finite_planes
from napari_focus_stack.imgproc.transforms import Matrix, apply

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_TAKEN = 0.1
"""Part of the field that any plane may fail to cover without being an outlier."""
FAR_MORE = 3.0
"""Ratio of the part lost to an outlier to that lost to any other plane.

In an even drift the second plane from the reference loses twice as much as the first, the fourth
1.3 times as much as the third; in real stacks that zoom by 2, 4 and 8 % the worst plane loses 1.2
to 1.9 times as much as the next one. The median is no standard of comparison: half of the planes
of a zoom lose nothing.
"""
FEWEST, FEW = 5, 8
"""Smallest stack with an outlier, and planes to one outlier: at most one plane in eight, and one in
any stack of five or more.

A stage that was pushed moves all later planes: the field is smaller then, and they count.
"""
LEAST_LEFT_SHARE = 0.25
"""Smallest part of the field that a crop may leave: half of each side."""
LEAST_SIDE = 32
SLACK = 0.01
"""Pixels by which a plane may end inside the reference's edge: rounding of transforms."""

Box = tuple[int, int, int, int]
"""First row, end row, first column, end column."""


@dataclass(frozen=True)
class Crop:
    """The part of the field that remains, and the planes that were disregarded.

    Attributes
    ----------
    box : tuple of int or None
        First row, end row, first column, end column; None where nothing is cropped.
    outliers : dict of int to float
        Planes that were disregarded, with the part of the field that each does not cover.
    too_small : bool
        Whether nothing is cropped because too little would remain.
    """

    box: Box | None
    outliers: dict[int, float]
    too_small: bool = False


def common_crop(transforms: Matrix, field: tuple[int, ...]) -> Crop:
    """Find the part of the reference plane that all planes but outliers recorded.

    Parameters
    ----------
    transforms : numpy.ndarray
        (n, 3, 3) float64, reference pixel (x, y, 1) to pixel of plane k; a plane with NaN is
        disregarded.
    field : tuple of int
        (Y, X) of the planes.

    Returns
    -------
    Crop
        A box whose every pixel was recorded by every plane that is not an outlier.

    Notes
    -----
    An outlier fails to cover over 10 % of the field, and over three times as much as any other
    plane; there is at most one for every eight planes, and none among fewer than five.
    """
    fitting = finite_planes(transforms)
    boxes = {int(k): recorded_box(transforms[k], field) for k in fitting}
    whole = (0, field[0], 0, field[1])
    taken = {k: 1 - _area(box) / _area(whole) for k, box in boxes.items()}
    outliers = {k: taken[k] for k in _outliers(taken)}
    box = _intersection([whole, *(box for k, box in boxes.items() if k not in outliers)])
    if box == whole:
        return Crop(None, outliers)
    height, width = box[1] - box[0], box[3] - box[2]
    if min(height, width) < LEAST_SIDE or _area(box) < LEAST_LEFT_SHARE * _area(whole):
        return Crop(None, {}, too_small=True)
    return Crop(box, outliers)


def recorded_box(matrix: Matrix, field: tuple[int, ...]) -> Box:
    """Return the rows and columns of the reference plane between all four edges of a plane.

    Parameters
    ----------
    matrix : numpy.ndarray
        (3, 3), reference pixel (x, y, 1) to pixel of the plane.
    field : tuple of int
        (Y, X) of both planes.

    Returns
    -------
    tuple of int
        First row, end row, first column, end column; no end is before its start. All of its pixels
        lie inside the plane, however the plane is turned or tilted, because each straight edge of
        the plane stays outside the box between its own two ends.
    """
    h, w = field[:2]
    frame = np.array([[0, w - 1, w - 1, 0], [0, 0, h - 1, h - 1], [1, 1, 1, 1]], np.float64)
    back = np.asarray(np.linalg.inv(matrix), np.float64)
    x, y = apply(back, frame)  # clockwise from the upper left corner
    y0, y1 = _whole_pixels(max(y[0], y[1]), min(y[2], y[3]), h)
    x0, x1 = _whole_pixels(max(x[0], x[3]), min(x[1], x[2]), w)
    return y0, y1, x0, x1


def _whole_pixels(first: float, last: float, size: int) -> tuple[int, int]:
    start = min(max(int(np.ceil(first - SLACK)), 0), size)
    return start, min(max(int(np.floor(last + SLACK)) + 1, start), size)


def _outliers(taken: dict[int, float]) -> list[int]:
    """Return the planes that lose far more of the field than all others."""
    most = max(len(taken) // FEW, 1) if len(taken) >= FEWEST else 0
    worst = sorted(taken, key=lambda k: taken[k], reverse=True)
    for count in range(most, 0, -1):
        if taken[worst[count - 1]] > max(MOST_TAKEN, FAR_MORE * taken[worst[count]]):
            return worst[:count]
    return []


def _intersection(boxes: Sequence[Box]) -> Box:
    y0, y1, x0, x1 = zip(*boxes, strict=True)
    return max(y0), min(y1), max(x0), min(x1)


def _area(box: Box) -> int:
    return max(box[1] - box[0], 0) * max(box[3] - box[2], 0)
