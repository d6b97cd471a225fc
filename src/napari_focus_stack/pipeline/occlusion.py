"""Removal of the blur that foreground objects cast over the background, tile by tile.

`ForegroundLayers` has the formula. It holds for a lens that is focused through the stack and for
opaque objects. Where one is transparent or glows, the wrong light is subtracted, and the check
refuses it: a restored background is kept only where it explains the planes better than before.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_focus_stack._utils.threads import ThreadTeam
from napari_focus_stack.alignment.cropping import common_crop
from napari_focus_stack.occlusion.background import restore_background
from napari_focus_stack.occlusion.boundaries import LEAST_JUMP, depth_discontinuities
from napari_focus_stack.occlusion.cut_fronts import fronts_at_end
from napari_focus_stack.occlusion.lens import SHIFTS, SharpPatch, measured_lens
from napari_focus_stack.occlusion.model_check import unexplained_by_one_surface
from napari_focus_stack.occlusion.orientation import Change, Shown, StackOrientation
from napari_focus_stack.occlusion.patch import ImagingModel
from napari_focus_stack.occlusion.patch_grid import DepthGrid, FlatPatch, PatchWindow, batches
from napari_focus_stack.occlusion.samples import SampledPatch
from napari_focus_stack.occlusion.summary import OcclusionSummary, Why
from napari_focus_stack.occlusion.voting import first_votes, further_votes
from napari_focus_stack.pipeline.occlusion_memory import AT_FIRST, CANDIDATES, SAMPLE, PatchMemory
from napari_focus_stack.pipeline.occlusion_planes import Kind, PlaneWindows, Wanted

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from numpy.typing import NDArray

    from napari_focus_stack.imgproc.pyramids import Plane
    from napari_focus_stack.occlusion.maps import FusedMaps
    from napari_focus_stack.pipeline.run import Run
    from napari_focus_stack.pipeline.survey import Survey
    from napari_focus_stack.result import Progress

FEWEST_FOR_OCCLUSION = 5
"""Planes, at least: with fewer, none is out of focus by the three that foreground blur takes."""
FEWEST_JUMPS, DISCONTINUITY_SHARE = 100, 1 / 4000
"""Least discontinuities: in pixels of a field or a sample, and as a part of the field, because
depth maps of large fields have some in any case."""
AT_THE_EDGE = 16
"""Pixels from the border of any plane within which the border may cause discontinuities."""
AT_HALF_SIZE = 2
"""Samples that are checked at half the size first: more often than not they suffice."""
MOST_SAMPLES = 10
"""Samples, at most, from which the front end of the stack is found."""
AT_ONCE = 0.045
"""Lead after the first samples that suffices: 0.086 or more at half the size in all scenes of the
bench with occlusion. Without it at half the size (`pcb`: 0.037), or without any lead at full size,
the search ends there."""


def remove_occlusion_steps(
    team: ThreadTeam, run: Run, survey: Survey, maps: FusedMaps, earlier: OcclusionSummary
) -> Generator[Progress, None, tuple[OcclusionSummary, Plane]]:
    """Restore the background under the blur of foreground objects, in the maps themselves.

    Parameters
    ----------
    team : ThreadTeam
        Threads that share the work.
    run : Run
        Source and settings.
    survey : Survey
        Result of the first pass.
    maps : FusedMaps
        Maps of a tile; changed in place.
    earlier : OcclusionSummary
        Summary of the tiles before, with the lens and the front end of the stack if found there.

    Returns
    -------
    summary : OcclusionSummary
        Summary without the pixels of this tile, of which only a part may be kept.
    cover : numpy.ndarray
        (Y, X) float32: share of the light that was removed from a pixel; 0 where it is unchanged.

    Yields
    ------
    Progress
        Before each plane.

    Raises
    ------
    InputError
        A plane cannot be read; the message names it.
    Cancelled
        The run was cancelled.
    """
    cover = np.zeros_like(maps.depth)
    orientation, found = yield from _oriented(team, run, survey, maps, earlier)
    if orientation is not None:
        step = _OcclusionStep(team, run, survey, maps, orientation.cells)
        yield from step.restore(orientation, cover)
        near = len(survey.alignment.order) - 1 if orientation.last_is_near else 0
        edges, at_end = fronts_at_end(maps.depth, orientation.light.jump, near)
        found = replace(found, edges=found.edges + edges, edges_at_end=found.edges_at_end + at_end)
    return found, cover


def _oriented(
    team: ThreadTeam, run: Run, survey: Survey, maps: FusedMaps, earlier: OcclusionSummary
) -> Generator[Progress, None, tuple[StackOrientation | None, OcclusionSummary]]:
    """Find discontinuities, lens and front end; return None if one of them is missing."""
    if len(survey.alignment.order) < FEWEST_FOR_OCCLUSION:
        return None, earlier.stopped(Why.FEW_PLANES)
    if not survey.alignment.in_order:
        return None, earlier.stopped(Why.NO_ORDER)
    edges = depth_discontinuities(maps.depth, LEAST_JUMP)
    _keep_recorded(edges, run, survey, maps.origin)
    if not _enough(edges):
        return None, earlier.stopped(Why.FLAT)
    if earlier.light is not None:
        edges &= depth_discontinuities(maps.depth, earlier.light.jump)
        grid = DepthGrid.of(maps.depth, maps.confidence, edges)
        known = StackOrientation(maps, grid, earlier.light, earlier.last_is_near)
        return known, earlier.stopped(Why.UNEXPLAINED)
    step = _OcclusionStep(team, run, survey, maps, DepthGrid.of(maps.depth, maps.confidence, edges))
    light, samples = yield from step.first_look()
    if light is None:
        return None, earlier.stopped(Why.NO_LENS)
    if light.jump > LEAST_JUMP:
        edges &= depth_discontinuities(maps.depth, light.jump)
        step.count_only(edges)
    if not _enough(edges):
        return None, earlier.stopped(Why.FLAT)
    if not step.can_orient():
        return None, earlier.stopped(Why.MEMORY, step.needed())
    orientation = yield from step.near_end(light, samples)
    if orientation is None:
        return None, earlier.stopped(Why.NO_END)
    found = replace(earlier, light=light, last_is_near=orientation.last_is_near)
    return orientation, found.stopped(Why.UNEXPLAINED)


def _enough(edges: NDArray[np.bool_]) -> bool:
    """Return whether a tile has more discontinuities than depth maps have in any case."""
    return int(np.count_nonzero(edges)) >= max(FEWEST_JUMPS, DISCONTINUITY_SHARE * edges.size)


def _keep_recorded(
    edges: NDArray[np.bool_], run: Run, survey: Survey, origin: tuple[int, int]
) -> None:
    """Drop discontinuities outside the part that all planes recorded, caused by their borders."""
    box = common_crop(survey.alignment.transforms, run.source.plane_shape[:2]).box
    if box is None:
        return
    inner = box + np.array([1, -1, 1, -1]) * AT_THE_EDGE - np.repeat(origin, 2)
    y0, y1, x0, x1 = np.maximum(inner, 0)
    kept = np.zeros_like(edges)
    kept[y0:y1, x0:x1] = edges[y0:y1, x0:x1]
    edges[:] = kept


class _OcclusionStep:
    """Removal of occlusion from one tile: lens, front end of the stack, and patch by patch."""

    def __init__(
        self, team: ThreadTeam, run: Run, survey: Survey, maps: FusedMaps, grid: DepthGrid
    ) -> None:
        self._team, self._run, self._survey = team, run, survey
        self._maps, self._grid = maps, grid
        self._order = survey.alignment.order
        self._planes = PlaneWindows(run, survey, maps.origin)

    def first_look(
        self,
    ) -> Generator[Progress, None, tuple[ImagingModel | None, list[SampledPatch]]]:
        """Measure the blur of every plane, None if the planes do not show it, and take samples."""
        flat = self._grid.flat_patches(len(self._order))
        parts = self._grid.samples(
            min(CANDIDATES, int(self._pixels_at_a_time() / SAMPLE**2)), SAMPLE
        )
        around = [range(p.plane + min(SHIFTS), p.plane + max(SHIFTS) + 1) for p in flat]
        wanted = [
            *(Wanted(p.window, r, Kind.GREY) for p, r in zip(flat, around, strict=True)),
            *self._wanted(parts, max(SHIFTS), Kind.HALVED_GREY),
        ]
        self._planes.expect(wanted)
        shown = yield from self._planes.read(wanted)
        light = self._measured(flat, shown[: len(flat)])
        samples = zip(parts, shown[len(flat) :], strict=True)
        return light, [SampledPatch(part, pixels, 2) for part, pixels in samples]

    def count_only(self, edges: NDArray[np.bool_]) -> None:
        """Count no discontinuities but these from now on."""
        self._grid = replace(self._grid, discontinuities=edges)

    def _measured(self, flat: list[FlatPatch], shown: list[Shown]) -> ImagingModel | None:
        """Return the imaging model that flat patches show; None if they show none."""
        sharp = []
        for patch, pixels in zip(flat, shown, strict=True):
            depth = self._maps.depth[patch.window]
            where = (np.abs(depth - np.float32(patch.plane)) < np.float32(0.5)) & pixels.recorded
            if where.any():
                sharp.append(SharpPatch(patch.plane, pixels.planes, where))
        lens = measured_lens(sharp, np.array(self._order))
        statistics = self._run.statistics
        if lens is None or statistics.span() <= 0:
            return None
        return ImagingModel.of(lens, self._survey.noise, statistics.span(), statistics.level())

    def near_end(
        self, light: ImagingModel, candidates: Sequence[SampledPatch]
    ) -> Generator[Progress, None, StackOrientation | None]:
        """Find the front end of the stack; None if neither end explains the planes, or both do."""
        ends = [StackOrientation(self._maps, self._grid, light, last) for last in (True, False)]
        samples = self._most_unexplained(ends[0], candidates)
        inspected = len(candidates)
        first = first_votes(self._team, ends, samples[:AT_HALF_SIZE], min(AT_HALF_SIZE, inspected))
        if first.hopeless(AT_ONCE):
            return None
        if first.front.beats(first.back, AT_ONCE):
            return first.end
        samples = yield from self._enlarged(ends[0], samples)
        votes = further_votes(self._team, ends, samples[:AT_FIRST], min(AT_FIRST, inspected))
        if votes.front.lead > 0 and not votes.front.beats(votes.back, AT_ONCE):
            votes = further_votes(self._team, ends, samples[AT_FIRST:], len(samples), votes)
        return votes.end if votes.front.beats(votes.back) else None

    def _most_unexplained(
        self, end: StackOrientation, candidates: Sequence[SampledPatch]
    ) -> list[SampledPatch]:
        """Return the samples with most discontinuities that no single surface explains."""
        found: dict[int, NDArray[np.bool_]] = {}

        def inspect(i: int) -> None:
            found[i] = unexplained_by_one_surface(candidates[i].patch(end))

        self._team.map(inspect, range(len(candidates)))
        counts = {i: np.count_nonzero(discontinuities) for i, discontinuities in found.items()}
        order = sorted(counts, key=lambda i: (-counts[i], i))[:MOST_SAMPLES]
        return [
            replace(candidates[i], unexplained=found[i])
            for i in order
            if counts[i] * candidates[i].step ** 2 >= FEWEST_JUMPS
        ]

    def _enlarged(
        self, end: StackOrientation, samples: Sequence[SampledPatch]
    ) -> Generator[Progress, None, list[SampledPatch]]:
        """Read samples at their full size."""
        around = int(np.ceil(end.light.jump))
        wanted = self._wanted([sample.part for sample in samples], around, Kind.GREY)
        self._planes.expect(wanted)
        found = yield from self._planes.read(wanted)
        large = [SampledPatch(s.part, shown, 1) for s, shown in zip(samples, found, strict=True)]
        return self._most_unexplained(end, large)

    def restore(
        self, orientation: StackOrientation, cover: Plane
    ) -> Generator[Progress, None, None]:
        """Restore the background where possible, in as many patches at once as fit into memory."""
        found: list[Change] = []

        def restore(todo: tuple[PatchWindow, Shown]) -> None:
            patch = orientation.patch(*todo)
            with ThreadTeam(1, self._team.check) as alone:
                background = restore_background(patch, alone)
            if background is not None:
                found.append(orientation.change(todo[0], patch, background))

        light, pixels = orientation.light, self._pixels_at_a_time()
        todo = list(batches(orientation.cells.parts(light.jump, light.reach, pixels), pixels))
        around = int(np.ceil(light.jump))
        requests = [self._wanted(batch, around, Kind.COLOURS) for batch in todo]
        self._planes.expect(*requests)
        for batch, wanted in zip(todo, requests, strict=True):
            planes = yield from self._planes.read(wanted)
            self._team.map(restore, list(zip(batch, planes, strict=True)))
            del planes
        for change in found:  # only once all are found, because patches reach beyond their windows
            change.put(self._maps, cover)

    def can_orient(self) -> bool:
        """Return whether enough samples to find the front end fit into memory."""
        return self._pixels_at_a_time() >= AT_FIRST * SAMPLE**2

    def needed(self) -> float:
        """Return the bytes of memory that a run needs for that; 0 if no amount would suffice."""
        return self._memory(self._run.kind.pixels).least()  # more memory may mean larger tiles

    def _pixels_at_a_time(self) -> float:
        """Return how many pixels of a batch fit into memory in all their planes."""
        return self._memory(self._maps.depth.size).pixels_within(self._run.limit)

    def _memory(self, area: int) -> PatchMemory:
        return PatchMemory(self._run.kind, len(self._order), area)

    def _wanted(self, parts: Sequence[PatchWindow], around: int, kind: Kind) -> list[Wanted]:
        """Request the informative planes of each patch: those in focus there, and some around."""
        found = []
        for part in parts:
            depth = self._maps.depth[part.outer]
            last = int(np.ceil(depth.max())) + around
            found.append(Wanted(part.outer, range(int(depth.min()) - around, last + 1), kind))
        return found
