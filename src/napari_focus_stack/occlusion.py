"""What is near blurs over what lies behind it: found, undone, and told.

See `Occluders` for the formula. It holds for a lens that is focused through the stack and for
things that are opaque; where something is seen through, or shines, what is subtracted is wrong, and
the check refuses it: a ground counts only where it explains the planes better than before.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from napari_focus_stack.bands import luminance
from napari_focus_stack.blurring import SHIFTS, SharpPatch, measured_lens
from napari_focus_stack.crew import Crew, ahead
from napari_focus_stack.cropping import common_crop
from napari_focus_stack.facing import Change, Facing, Maps, Shown, light_of
from napari_focus_stack.ground import Ground, ground_behind
from napari_focus_stack.memory import resident
from napari_focus_stack.outlining import LEAST_JUMP, jumps, widened
from napari_focus_stack.reblurring import occluding
from napari_focus_stack.recorded import Light, View
from napari_focus_stack.result import told_share
from napari_focus_stack.seams import CellMaps, Part, batches
from napari_focus_stack.transforms import moved_by, size_of
from napari_focus_stack.voting import Vote

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from numpy.typing import NDArray

    from napari_focus_stack.bands import Plane
    from napari_focus_stack.explaining import Check
    from napari_focus_stack.result import Progress
    from napari_focus_stack.running import Run
    from napari_focus_stack.survey import Survey
    from napari_focus_stack.transforms import Window

FEWEST_PLANES = 5
"""With fewer none is out of focus by the three planes that a veil takes."""
FEWEST_JUMPS, LEAST_SHARE = 100, 1 / 4000
"""Pixels, of a picture or a sample, and part of the picture: depth maps of large ones have some
anyway."""
AT_THE_EDGE = 16
"""Pixels from where not every plane recorded anything, where depth may jump for that."""
CANDIDATES, SAMPLES = 24, 10
"""Parts that are looked at for it, and those on which is decided which end of the stack is near."""
SAMPLE = 192
"""Pixels a side of such a part."""
AT_FIRST, AT_ONCE = 4, 0.045
"""Samples after which that much of a lead is enough, and none at all is too little."""
WANTING = (
    "Whether near things blur over what lies behind them was not looked at, for want of memory; "
    "give more of it."
)
MOST_BYTES = 10**9
"""Of planes that are held at a time."""
WORKING_MAPS = 60
"""Float32 maps, besides two of each plane, that a part takes while it is worked on."""
APART = 16
"""Pixels within which unmixed ones count as one region."""


@dataclass
class Occlusion:
    """What was found of it in a run.

    Attributes
    ----------
    light : Light or None
        How planes were recorded; None as long as nothing tells.
    last_is_near : bool
        Which end of the stack is near.
    regions : list of list of int
        First row, end row, first column, end column of the parts with unmixed pixels, in pixels of
        the reference plane. Depth may have changed up to 128 pixels beyond.
    pixels : int
        How many pixels of the image were changed.
    removed : float
        Sum of the shares of light that were taken from them.
    """

    light: Light | None = None
    last_is_near: bool = True
    regions: list[list[int]] = field(default_factory=list)
    pixels: int = 0
    removed: float = 0.0

    def add(self, cover: Plane, corner: tuple[int, int]) -> None:
        """Take down what was unmixed of a part of the results.

        Parameters
        ----------
        cover : numpy.ndarray
            (Y, X) float32: share of the light that was taken from each pixel.
        corner : tuple of int
            Row and column of the reference plane where it starts.
        """
        changed = cover > 0
        self.pixels += int(np.count_nonzero(changed))
        self.removed += float(cover.sum())
        grown = widened(changed, APART) if changed.any() else changed
        _, _, stats, _ = cv2.connectedComponentsWithStats(grown.view(np.uint8))
        for x, y, width, height, _ in stats[1:].tolist():
            seen = changed[y : y + height, x : x + width]
            rows, cols = (np.flatnonzero(seen.any(axis)) for axis in (1, 0))
            top, left = corner[0] + y, corner[1] + x
            box = top + rows[0], top + rows[-1] + 1, left + cols[0], left + cols[-1] + 1
            self.regions.append([int(side) for side in box])

    def as_dict(self, area: int) -> dict[str, Any]:
        """Plain dictionary, ready for JSON; `area` is how many pixels the results have."""
        if not self.pixels or self.light is None:
            return {"found": False}
        return {
            "found": True,
            "near_end": "last" if self.last_is_near else "first",
            "blur_per_plane": round(self.light.lens.blur, 3),
            "gamma": self.light.lens.gamma,
            "share": self.pixels / area,
            "mean_cover": self.removed / self.pixels,
            "regions": self.regions,
        }

    def told(self, area: int) -> list[str]:
        """Sentence for the user."""
        if not self.pixels:
            return []
        return [
            f"{told_share(self.pixels / area)} of the picture lay under the blur of what is "
            f"nearer, {self.removed / self.pixels:.0%} of its light on average; it was unmixed "
            "(the report says where; occlusion='off' leaves it)."
        ]


@dataclass(frozen=True)
class Sample:
    """A part that votes, with its jumps that count."""

    part: Part
    shown: Shown
    jumps: NDArray[np.bool_]


def unmix_steps(
    crew: Crew, run: Run, survey: Survey, maps: Maps, known: Occlusion
) -> Generator[Progress, None, None]:
    """Find what is hidden by what is near, and put what is behind in its place.

    Parameters
    ----------
    crew : Crew
        Who works.
    run, survey : Run, Survey
        The planes, and what is known of them.
    maps : Maps
        Changed in place.
    known : Occlusion
        Of the run so far; is added to.

    Yields
    ------
    Progress
        Before each plane.
    """
    order = survey.alignment.order
    if len(order) < FEWEST_PLANES or not survey.alignment.in_order:
        return
    apart = jumps(maps.depth, LEAST_JUMP)
    _keep_recorded(apart, run, survey, maps.origin)
    fewest = max(FEWEST_JUMPS, LEAST_SHARE * apart.size)
    if np.count_nonzero(apart) < fewest:
        return
    unveiling = _Unveiling(crew, run, survey, maps, apart)
    if known.light is None:
        light = yield from unveiling.light()
        if light is None:
            return
        apart &= jumps(maps.depth, light.jump)
        if np.count_nonzero(apart) < fewest:
            return
        facing = yield from unveiling.near_end(light)
        if facing is None:
            return
        known.light, known.last_is_near = facing.light, facing.last_is_near
    else:
        apart &= jumps(maps.depth, known.light.jump)
        facing = Facing(maps, apart, known.light, known.last_is_near)
    yield from unveiling.unmix(facing)


def _keep_recorded(
    apart: NDArray[np.bool_], run: Run, survey: Survey, origin: tuple[int, int]
) -> None:
    """Drop jumps where not every plane recorded anything: one plane's edge is no surface's."""
    box = common_crop(survey.alignment.transforms, run.source.plane_shape[:2]).box
    if box is None:
        return
    inner = box + np.array([1, -1, 1, -1]) * AT_THE_EDGE - np.repeat(origin, 2)
    y0, y1, x0, x1 = np.maximum(inner, 0)
    kept = np.zeros_like(apart)
    kept[y0:y1, x0:x1] = apart[y0:y1, x0:x1]
    apart[:] = kept


class _Unveiling:
    """One tile on its way: how it was recorded, which end is near, and then part by part."""

    def __init__(
        self, crew: Crew, run: Run, survey: Survey, maps: Maps, apart: NDArray[np.bool_]
    ) -> None:
        self._crew, self._run, self._survey = crew, run, survey
        self._maps, self._apart = maps, apart
        self._order = survey.alignment.order

    def light(self) -> Generator[Progress, None, Light | None]:
        """Measure the blur of every plane; None if the planes do not tell."""
        count, maps = len(self._order), self._maps
        patches = CellMaps(maps.depth, maps.confidence, self._apart).flat_patches(count)
        around = [range(p.plane + min(SHIFTS), p.plane + max(SHIFTS) + 1) for p in patches]
        planes = yield from self._planes([patch.window for patch in patches], around)
        sharp = []
        for patch, shown in zip(patches, planes, strict=True):
            flat = np.abs(maps.depth[patch.window] - np.float32(patch.plane)) < np.float32(0.5)
            flat &= shown.recorded
            bright = {k: luminance(plane) for k, plane in shown.planes.items()}
            if flat.any():
                sharp.append(SharpPatch(patch.plane, bright, flat))
        lens = measured_lens(sharp, np.array(self._order))
        census = self._run.census
        if lens is None or census.span() <= 0:
            return None
        return Light.of(lens, self._survey.noise, census.span(), census.level())

    def near_end(self, light: Light) -> Generator[Progress, None, Facing | None]:
        """Find which end of the stack is near: from there the ground explains the planes.

        None if from neither, or from both alike.
        """
        facings = [Facing(self._maps, self._apart, light, last) for last in (True, False)]
        samples, asked = yield from self._samples(facings[0])
        checks: list[list[Check]] = [[], []]
        for some in (slice(0, AT_FIRST), slice(AT_FIRST, None)):
            for known, facing in zip(checks, facings, strict=True):
                known += self._checks(facing, samples[some])
            seen = max(len(samples[: some.stop]), min(AT_FIRST, asked))
            votes = [Vote.of(known, seen) for known in checks]
            best, other = sorted(range(2), key=lambda i: -votes[i].lead)
            if votes[best].lead <= 0 or votes[best].beats(votes[other], AT_ONCE):
                break
        return facings[best] if votes[best].beats(votes[other]) else None

    def _samples(self, facing: Facing) -> Generator[Progress, None, tuple[list[Sample], int]]:
        """Parts in which something lies before something else, those with most of it first.

        And how many were looked at for it.
        """
        most = int(self._pixels_at_a_time() / SAMPLE**2)
        if most < AT_FIRST:
            if WANTING not in self._run.notes:
                self._run.notes.append(WANTING)
            return [], 0
        parts = facing.cells.samples(min(CANDIDATES, most), SAMPLE)
        planes = yield from self._planes(
            [part.outer for part in parts], self._depths(parts, facing.light)
        )
        found: dict[int, NDArray[np.bool_]] = {}

        def look(i: int) -> None:
            found[i] = occluding(facing.view(parts[i], planes[i]))

        self._crew.do(look, range(len(parts)))
        counts = {i: np.count_nonzero(jumps) for i, jumps in found.items()}
        order = sorted(counts, key=lambda i: (-counts[i], i))[:SAMPLES]
        order = [i for i in order if counts[i] >= FEWEST_JUMPS]
        return [Sample(parts[i], planes[i], found[i]) for i in order], len(parts)

    def _checks(self, facing: Facing, samples: Sequence[Sample]) -> list[Check]:
        """How well samples are explained once they are unmixed, where that tells anything."""
        found: dict[int, Check] = {}

        def look(i: int) -> None:
            sample = samples[i]
            view = replace(facing.view(sample.part, sample.shown), jumps=sample.jumps)
            ground = self._ground(view, judged=True)
            if ground is not None and ground.check.tells:
                found[i] = ground.check

        self._crew.do(look, range(len(samples)))
        return [found[i] for i in sorted(found)]

    def unmix(self, facing: Facing) -> Generator[Progress, None, None]:
        """Unmix what can be, as many parts at a time as fit into memory."""
        found: list[Change] = []

        def unmix(todo: tuple[Part, View]) -> None:
            ground = self._ground(todo[1])
            if ground is not None:
                found.append(facing.change(*todo, ground))

        light, pixels = facing.light, self._pixels_at_a_time()
        for batch in batches(facing.cells.parts(light.jump, light.reach, pixels), pixels):
            planes = yield from self._planes(
                [part.outer for part in batch], self._depths(batch, light)
            )
            views = [facing.view(*shown) for shown in zip(batch, planes, strict=True)]
            self._crew.do(unmix, list(zip(batch, views, strict=True)))
            del planes, views
        for change in found:  # not before all are: parts look beyond their own
            change.put(self._maps)

    def _ground(self, view: View, *, judged: bool = False) -> Ground | None:
        with Crew(1, self._crew.check) as alone:
            return ground_behind(view, alone, judged=judged)

    def _pixels_at_a_time(self) -> float:
        """How many pixels of a batch fit into memory in all their planes."""
        room = float(MOST_BYTES)
        if self._run.limit is not None:
            room = min(room, (self._run.limit - resident()) / 2)
        channels = 1 if self._maps.image.ndim == 2 else 3
        maps = len(self._order) * (2 * channels + 4) + WORKING_MAPS
        return max(room, 0) / (4 * maps)

    def _depths(self, parts: list[Part], light: Light) -> list[range]:
        """Planes that tell something of each part."""
        around, found = int(np.ceil(light.jump)), []
        for part in parts:
            depth = self._maps.depth[part.outer]
            last = int(np.ceil(depth.max())) + around
            found.append(range(int(depth.min()) - around, last + 1))
        return found

    def _planes(
        self, windows: list[Window], wanted: list[range]
    ) -> Generator[Progress, None, list[Shown]]:
        """Planes of each window, by their places in the order of focus, as far as they exist."""
        every = range(len(self._order))
        places = [i for i in every if any(i in these for these in wanted)]
        found = [Shown({}, np.ones(size_of(window), np.bool_)) for window in windows]
        self._run.expect(len(places))
        read, threads = partial(self._survey.seen, self._run), min(1, self._run.readers)
        with closing(ahead(read, [self._order[i] for i in places], threads)) as planes:
            for i, (k, seen) in zip(places, planes, strict=True):
                yield self._run.begin("unmix", k)
                for shown, window, these in zip(found, windows, wanted, strict=True):
                    if i in these:
                        plane, valid = seen.colour(moved_by(window, *self._maps.origin))
                        shown.planes[i] = np.ascontiguousarray(light_of(plane))
                        if valid is not None:
                            shown.recorded &= valid > 0
                del seen
        return found
