"""Second pass over the planes: they become energies, an image and a depth; a third picks from them.

A stack that does not fit into memory goes through both tile by tile.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_focus_stack._utils.memory import drop_pages, memory_mapped_zeros
from napari_focus_stack._utils.threads import (
    ThreadTeam,
    opencv_on_one_thread,
    prefetch,
)
from napari_focus_stack._utils.windows import corner_of, counted_from, size_of
from napari_focus_stack._utils.wording import format_bytes
from napari_focus_stack.depth.estimation import (
    TRUSTED,
    DepthEstimator,
    edge_contrast,
    nearest_plane,
    peak_width,
    within_neighbours,
)
from napari_focus_stack.fusion.pyramid import PyramidFusion
from napari_focus_stack.fusion.selection import (
    Fusion,
    LaplacianFusion,
    NearestPlaneFusion,
    NearestValueFusion,
)
from napari_focus_stack.imgproc.dtypes import as_dtype, whole
from napari_focus_stack.imgproc.pyramids import Plane, level_count
from napari_focus_stack.occlusion.maps import Maps
from napari_focus_stack.occlusion.summary import OcclusionSummary
from napari_focus_stack.pipeline.occlusion import remove_occlusion_steps
from napari_focus_stack.pipeline.tiling import TILE_LEVELS, Tile, Tiling, has_coarse

if TYPE_CHECKING:
    from napari_focus_stack._utils.windows import Window
    from napari_focus_stack.alignment.cropping import Box
    from napari_focus_stack.alignment.registered_plane import RegisteredPlane
    from napari_focus_stack.fusion.focus_prior import WindowPrior
    from napari_focus_stack.pipeline.run import Run
    from napari_focus_stack.pipeline.survey import Survey
    from napari_focus_stack.result import Progress

OnPlane = Callable[[int, NDArray[Any], Plane], None]
"""Called with a plane's number, the plane as it is fused, and its energy (Y, X)."""


@dataclass(frozen=True)
class Fused:
    """The image, and the maps in the numbers of the whole stack.

    Attributes
    ----------
    image : numpy.ndarray
        (Y, X[, C]) in the dtype of the planes.
    recorded : numpy.ndarray
        (Y, X) bool: where some plane recorded anything.
    depth, index, confidence : numpy.ndarray
        (Y, X) float32, uint16 and float32.
    peak_width : float or None
        Median width of the focus curve, in planes.
    occlusion : OcclusionSummary
        What was unmixed.
    """

    image: NDArray[Any]
    recorded: NDArray[np.bool_]
    depth: Plane
    index: NDArray[np.uint16]
    confidence: Plane
    peak_width: float | None = None
    occlusion: OcclusionSummary = field(default_factory=OcclusionSummary)

    @property
    def maps(self) -> list[NDArray[Any]]:
        """Everything that has pixels."""
        return [self.image, self.recorded, self.depth, self.index, self.confidence]

    def cut(self, window: Window) -> Fused:
        """A part of all of them; copies, so that the whole can be forgotten."""
        image, recorded, depth, index, confidence = (whole[window].copy() for whole in self.maps)
        return Fused(image, recorded, depth, index, confidence, self.peak_width, self.occlusion)

    @classmethod
    def in_files(cls, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Fused:
        """Empty ones of some size that lie in temporary files."""
        flat = shape[:2]
        return cls(
            memory_mapped_zeros(shape, dtype),
            memory_mapped_zeros(flat, np.dtype(np.bool_)),
            memory_mapped_zeros(flat, np.dtype(np.float32)),
            memory_mapped_zeros(flat, np.dtype(np.uint16)),
            memory_mapped_zeros(flat, np.dtype(np.float32)),
        )


def fuse_steps(
    run: Run, survey: Survey, tiling: Tiling, box: Box | None, on_plane: OnPlane | None
) -> Generator[Progress, None, Fused]:
    """Fuse the planes of a run, as a survey has found them.

    Parameters
    ----------
    run, survey : Run, Survey
        The planes, and what is known of them.
    tiling : Tiling
        How the field is cut while it is fused.
    box : tuple of int, optional
        Rows and columns that the results are cut to.
    on_plane : callable, optional
        Told of every plane; only where the field is not cut.

    Yields
    ------
    Progress
        Before each plane.

    Returns
    -------
    Fused
        Through ``StopIteration.value`` (or ``yield from``).
    """
    known = OcclusionSummary()
    with opencv_on_one_thread(), ThreadTeam(run.threads, run.check) as team:
        if tiling.whole:
            fused, widths = yield from _fuse(
                team, run, survey, tiling.tiles[0], box, known, None, on_plane
            )
            if box is not None:
                fused = fused.cut(_window(box))
            return replace(fused, peak_width=peak_width([widths]), occlusion=known)
        return (yield from _fuse_tiles(team, run, survey, tiling, box, known))


def _fuse_tiles(
    team: ThreadTeam,
    run: Run,
    survey: Survey,
    tiling: Tiling,
    box: Box | None,
    known: OcclusionSummary,
) -> Generator[Progress, None, Fused]:
    """One tile after the other, into results that lie in files."""
    field = run.source.plane_shape
    rows, cols = _window(box or (0, field[0], 0, field[1]))
    shape = (rows.stop - rows.start, cols.stop - cols.start, *field[2:])
    result = Fused.in_files(shape, run.source.dtype)
    wanted = [
        (tile, shared) for tile in tiling.tiles if (shared := _shared(tile.inner, (rows, cols)))
    ]
    coarse = None
    run.fuse_in(len(wanted), int(has_coarse(run, tiling)))
    if has_coarse(run, tiling):
        coarse = yield from _fuse_coarse(team, run, survey, tiling.tiles)
    run.notes.append(
        f"The picture was fused in {len(wanted)} tiles to keep within the memory given; with "
        f"{format_bytes(tiling.untiled)} it is fused in one, and faster."
    )
    widths = []
    for tile, shared in wanted:
        fused, found = yield from _fuse(team, run, survey, tile, box, known, coarse, None)
        widths.append(found)
        there = counted_from((rows, cols), shared)
        for kept, part in zip(result.maps, fused.maps, strict=True):
            kept[there] = part[counted_from(tile.outer, shared)]
            drop_pages(kept)
        del fused
    return replace(result, peak_width=peak_width(widths), occlusion=known)


def _fuse_coarse(
    team: ThreadTeam, run: Run, survey: Survey, tiles: list[Tile]
) -> Generator[Progress, None, list[Plane]]:
    """The levels that tiles do not have, fused for the whole field: one channel each.

    Every plane is read off tile by tile and reduced; in memory it is a thousandth of its size then.
    """
    field, noise = run.source.plane_shape, survey.noise
    scale = 2**TILE_LEVELS
    small = tuple(-(-side // scale) for side in field[:2])
    further = level_count(field) - TILE_LEVELS
    shape = (*small, *field[2:])
    fusion = PyramidFusion(
        shape,
        np.dtype(np.float32),
        noise,
        team,
        bottom=TILE_LEVELS,
        count=further,
        prior=_prior_within(survey, whole(field)),
    )
    readers: dict[tuple[int, int], PyramidFusion] = {}
    channels = [np.empty(small, np.float32) for _ in range(1 if len(field) == 2 else field[2])]
    recorded = np.empty(small, np.uint8)
    with closing(_planes(run, survey)) as planes:
        for k, seen in planes:
            yield run.begin("fuse", k)
            for tile in tiles:
                size = size_of(tile.outer)
                if size not in readers:
                    readers[size] = _pyramid(team, run, survey, tile, TILE_LEVELS)
                origin = corner_of(tile.outer)
                found, valid = readers[size].reduced(seen, origin)
                there = _reduced_window(tile.inner, scale)
                here = counted_from(_reduced_window(tile.outer, scale), there)
                recorded[there] = 255 if valid is None else valid[here]
                for channel, part in zip(channels, found, strict=True):
                    channel[there] = part[here]
            valid = None if recorded.min() == 255 else recorded
            fusion.add_reduced(channels, valid, survey.light[k])
            del seen
    return fusion.built_channels()


def _reduced_window(window: Window, scale: int) -> Window:
    """A window that starts at multiples of `scale`, in pixels that are that much larger."""
    rows, cols = (slice(w.start // scale, -(-w.stop // scale)) for w in window)
    return rows, cols


def _pyramid(
    team: ThreadTeam, run: Run, survey: Survey, tile: Tile, levels: int | None, energy: bool = False
) -> PyramidFusion:
    outer = tile.outer
    return PyramidFusion(
        (*size_of(outer), *run.source.plane_shape[2:]),
        run.source.dtype,
        survey.noise,
        team,
        origin=corner_of(outer),
        keep_energy=energy,
        colour_halved=run.source.colour_halved,
        count=levels,
        prior=_prior_within(survey, outer),
    )


def _prior_within(survey: Survey, window: Window) -> WindowPrior | None:
    return None if survey.prior is None else survey.prior.within(window)


def _fuse(
    team: ThreadTeam,
    run: Run,
    survey: Survey,
    tile: Tile,
    box: Box | None,
    known: OcclusionSummary,
    coarse: list[Plane] | None,
    on_plane: OnPlane | None,
) -> Generator[Progress, None, tuple[Fused, list[Plane]]]:
    """Fuse one tile; the widths of its focus curves beside it."""
    method, dtype, outer = run.settings.method, run.source.dtype, tile.outer
    original = LaplacianFusion(run.settings.gaussian, run.settings.laplacian)
    levels = None if coarse is None else TILE_LEVELS
    pyramid = _pyramid(team, run, survey, tile, levels, energy=on_plane is not None)
    estimator = DepthEstimator(team)
    with closing(_planes(run, survey)) as planes:
        for k, seen in planes:
            yield run.begin("fuse", k)
            pyramid.add(seen)
            estimator.add(pyramid.energies, pyramid.plane_prior)
            if method == "laplacian" or on_plane is not None:
                plane, valid = seen.colour(outer)
                energy = original.add(plane, valid) if method == "laplacian" else pyramid.energy
                if on_plane is not None and energy is not None:
                    on_plane(k, as_dtype(plane, dtype), np.maximum(energy, 0))
            del seen
    small = None if coarse is None else _reduced_window(outer, 2**TILE_LEVELS)
    pyramid.build(None if coarse is None else [channel[small] for channel in coarse])
    shown = np.dtype(np.float32) if run.settings.picks else dtype
    painting = team.submit(partial(pyramid.image, shown)) if method == "pyramid" else None
    edge = edge_contrast(run.statistics.span(), survey.noise.deviation(run.statistics.level()))
    place, confidence = estimator.estimate(pyramid.brightness, edge, _prior_within(survey, outer))
    widths = estimator.widths(_inner(confidence >= TRUSTED, tile))
    image = np.empty(0, dtype) if painting is None else painting.result()
    recorded = pyramid.recorded
    confidence[~recorded] = 0
    del pyramid, estimator
    if run.settings.picks:
        by_depth = method == "depth"
        picking: Fusion = NearestPlaneFusion(place) if by_depth else NearestValueFusion(image)
        with closing(_planes(run, survey)) as planes:
            for k, seen in planes:
                yield run.begin("fuse", k)
                picking.add(*seen.colour(outer))
                del seen
        image = as_dtype(picking.image(), dtype)
    if run.settings.unmixes:
        maps = Maps(image, place, confidence, np.zeros_like(place), recorded, corner_of(outer))
        yield from remove_occlusion_steps(team, run, survey, maps, known)
        _take_down(known, maps, tile, box)
    numbers = np.array(survey.alignment.order)
    depth, index = nearest_plane(place, numbers)
    if method == "laplacian":
        image = as_dtype(original.image(), dtype)
        index = numbers[original.index].astype(np.uint16)
        confidence[np.abs(place - original.index) > 1] = 0
        depth = index.astype(np.float32)
    return Fused(image, recorded, depth, index, within_neighbours(confidence)), widths


def _take_down(known: OcclusionSummary, maps: Maps, tile: Tile, box: Box | None) -> None:
    """What was unmixed in the part of a tile that is kept."""
    kept = tile.inner if box is None else _shared(tile.inner, _window(box))
    if kept is not None:
        known.add(maps.cover[counted_from(tile.outer, kept)], corner_of(kept))


def _inner(marked: NDArray[np.bool_], tile: Tile) -> NDArray[np.bool_]:
    """What is marked in the part of a tile that is kept."""
    kept = np.zeros_like(marked)
    inner = counted_from(tile.outer, tile.inner)
    kept[inner] = marked[inner]
    return kept


def _planes(run: Run, survey: Survey) -> Generator[tuple[int, RegisteredPlane], None, None]:
    """Planes in the order of their focus, each read while the one before is worked on."""
    yield from prefetch(
        partial(survey.seen, run), survey.alignment.order, threads=min(1, run.readers)
    )


def _window(box: Box) -> Window:
    return slice(box[0], box[1]), slice(box[2], box[3])


def _shared(a: Window, b: Window) -> Window | None:
    """What two windows have in common; None for nothing."""
    spans = [slice(max(p.start, q.start), min(p.stop, q.stop)) for p, q in zip(a, b, strict=True)]
    return (spans[0], spans[1]) if all(s.start < s.stop for s in spans) else None
