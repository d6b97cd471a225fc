"""Textures of a stack's planes, computed on access and kept for a while."""

from __future__ import annotations

from collections import OrderedDict
from functools import cached_property
from typing import TYPE_CHECKING

from napari_focus_stack._utils.sampling import evenly_taken
from napari_focus_stack.alignment.optical_sections import comes_and_goes
from napari_focus_stack.alignment.texture import Texture, texture_noise

if TYPE_CHECKING:
    from napari_focus_stack.alignment.scheduler import PairScheduler

MOST_TEXTURES = 16
"""Textures kept in memory, 2 MB each: a plane is compared with its neighbour, with the reference
and with a distant one, and all of them by two motions."""
FEWEST_SAMPLED = 8
"""Planes on which noise is measured."""


class Textures:
    """Texture of planes by their number, computed on access.

    Parameters
    ----------
    scheduler : PairScheduler
        Holds the reduced planes.
    planes : sequence of int
        Planes that show the same as the reference; noise is measured on them.
    """

    def __init__(self, scheduler: PairScheduler, planes: list[int]) -> None:
        self._scheduler, self._planes = scheduler, planes
        self._kept: OrderedDict[int, Texture] = OrderedDict()

    def __getitem__(self, k: int) -> Texture:
        """Return the texture of plane `k`."""
        if k not in self._kept:
            reduced = self._scheduler.reduced_plane(k)
            made = Texture.of(reduced, self._noise, self._scheduler.region, fine=self.of_sections)
            self._kept[k] = made
            if len(self._kept) > MOST_TEXTURES:
                self._kept.popitem(last=False)
        self._kept.move_to_end(k)
        return self._kept[k]

    @cached_property
    def of_sections(self) -> bool:
        """Whether the planes are optical sections, whose light comes and goes with focus."""
        return comes_and_goes(self._scheduler.light(k).recorded for k in self._planes)

    @cached_property
    def _noise(self) -> float:
        some = (
            self._scheduler.reduced_plane(k) for k in evenly_taken(self._planes, FEWEST_SAMPLED)
        )
        return texture_noise(some, fine=self.of_sections)
