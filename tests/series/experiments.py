"""Small experiments of known truth: channels and time points of scenes, as arrays and as series."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_focus_stack import ArraySource, Channel, InputError, Position, Series, Spacing
from tests.scenes import QUIET, scene

if TYPE_CHECKING:
    from collections.abc import Collection

    from napari_focus_stack import PlaneSource, StackIndex

SPACING = Spacing(y=0.5, x=0.25, z=2.0, unit="micrometer")


def two_channels(times: int = 1) -> np.ndarray:
    """(T, C, Z, Y, X) uint8: channel 0 dim and almost without texture, channel 1 with much."""
    moving = {"n": 6, "zoom": 0.02, "shift": 2.0, "noise": QUIET}
    film = []
    for t in range(times):
        dim = scene("brick", "dome", seed=3, **moving).planes // 12
        film.append(
            np.stack([dim, np.roll(scene("gravel", "dome", seed=3, **moving).planes, t, 2)])
        )
    return np.stack(film)


def as_series(
    array: np.ndarray, broken: Collection[tuple[int, int]] = (), seconds: tuple[float, ...] = ()
) -> Series:
    """Return an array (T, C, Z, Y, X) as a series, some of whose stacks cannot be opened."""
    position = Position(
        "",
        array.shape[0],
        tuple(Channel(name, c) for name, c in (("dim", "#0000FF"), ("bright", "#00FF00")))[
            : array.shape[1]
        ],
        array.shape[2],
        array.shape[3:],
        array.dtype,
        SPACING,
        seconds,
    )

    def read(index: StackIndex) -> PlaneSource:
        if (index.time, index.channel) in broken:
            raise InputError(f"planes are missing at time {index.time}.")
        return ArraySource(array[index.time, index.channel], spacing=SPACING)

    return Series(Path("experiment"), "test", [position], read)
