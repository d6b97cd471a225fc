"""Second pass over the planes, which fuses image and depth; a third picks recorded values.

Stacks that do not fit into memory are fused tile by tile.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_focus_stack._utils.memory import drop_pages
from napari_focus_stack._utils.threads import ThreadTeam, opencv_on_one_thread, prefetch
from napari_focus_stack._utils.windows import (
    corner_of,
    counted_from,
    intersection,
    reduced,
    size_of,
    whole,
    within,
)
from napari_focus_stack._utils.wording import format_bytes
from napari_focus_stack.depth.confidence import TRUSTED, within_neighbours
from napari_focus_stack.depth.estimation import (
    DepthEstimator,
    edge_contrast,
    nearest_plane,
    peak_width,
)
from napari_focus_stack.fusion.pyramid import PyramidFusion
from napari_focus_stack.fusion.selection import (
    Fusion,
    LaplacianFusion,
    NearestPlaneFusion,
    NearestValueFusion,
)
from napari_focus_stack.imgproc.dtypes import as_dtype
from napari_focus_stack.imgproc.pyramids import Plane, level_count
from napari_focus_stack.occlusion.maps import FusedMaps
from napari_focus_stack.occlusion.summary import OcclusionSummary
from napari_focus_stack.pipeline.fused_field import FusedField
from napari_focus_stack.pipeline.intensities import FusedPixels
from napari_focus_stack.pipeline.occlusion import remove_occlusion_steps
from napari_focus_stack.pipeline.selectable import Selectable, selectable
from napari_focus_stack.pipeline.tiling import TILE_LEVELS, fusion_rounds, has_coarse

if TYPE_CHECKING:
    from napari_focus_stack._utils.windows import Window
    from napari_focus_stack.alignment.cropping import Box
    from napari_focus_stack.alignment.registered_plane import RegisteredPlane
    from napari_focus_stack.fusion.focus_prior import WindowPrior
    from napari_focus_stack.pipeline.run import Run
    from napari_focus_stack.pipeline.survey import Survey
    from napari_focus_stack.pipeline.tiles import Tile, Tiling
    from napari_focus_stack.result import Progress

OnPlane = Callable[[int, NDArray[Any], Plane], None]
"""Called with the number of a plane, the plane as it is fused, and its energy, (Y, X) float32."""


@dataclass(frozen=True)
class _FusedTile:
    """FusedField tile with its margin.

    Attributes
    ----------
    maps : FusedMaps
        Image, depth and confidence.
    index : numpy.ndarray
        (Y, X) uint16: number of the plane in focus.
    widths : list of numpy.ndarray
        Peak widths of focus curves, as `DepthEstimator.widths` returns them.
    occlusion : OcclusionSummary
        Summary of this tile and those before it.
    counts : FusedPixels
        Counts of this tile.
    """

    maps: FusedMaps
    index: NDArray[np.uint16]
    widths: list[Plane]
    occlusion: OcclusionSummary
    counts: FusedPixels

    @property
    def fused(self) -> FusedField:
        """Maps of the tile, with the peak width of its own focus curves."""
        return FusedField(
            self.maps, self.index, peak_width([self.widths]), self.occlusion, self.counts
        )


@dataclass(frozen=True)
class _Stage:
    """Threads, run and survey, which all steps of a fusion share."""

    team: ThreadTeam
    run: Run
    survey: Survey

    def planes(self) -> Generator[tuple[int, RegisteredPlane], None, None]:
        """Yield the planes in the order of focus, each read while the one before is processed."""
        stack, order = self.survey.stack, self.survey.alignment.order
        yield from prefetch(stack.plane, order, threads=min(1, self.run.readers))

    def prior(self, window: Window) -> WindowPrior | None:
        """Return the focus prior within a window, if there is one."""
        prior = self.survey.prior
        return None if prior is None else prior.within(window)

    def pyramid(self, tile: Tile, levels: int | None, *, energy: bool = False) -> PyramidFusion:
        """Return an empty pyramid for a tile."""
        source, outer = self.run.source, tile.outer
        return PyramidFusion(
            (*size_of(outer), *source.plane_shape[2:]),
            source.dtype,
            self.survey.noise,
            self.team,
            origin=corner_of(outer),
            keep_energy=energy,
            colour_halved=source.colour_halved,
            count=levels,
            prior=self.prior(outer),
        )


def fuse_steps(
    run: Run, survey: Survey, tiling: Tiling, box: Box | None, on_plane: OnPlane | None
) -> Generator[Progress, None, FusedField]:
    """Fuse the planes of a run.

    Parameters
    ----------
    run : Run
        Source and settings; notes for the user are added to it.
    survey : Survey
        Result of the first pass.
    tiling : Tiling
        Tiles in which the field is fused.
    box : tuple of int, optional
        First row, end row, first column, end column to which the results are cropped.
    on_plane : callable, optional
        Called with every plane; only if the field is a single tile.

    Returns
    -------
    FusedField
        Through ``StopIteration.value`` (or ``yield from``).

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
    with opencv_on_one_thread(), ThreadTeam(run.threads, run.check) as team:
        stage = _Stage(team, run, survey)
        if not tiling.whole:
            return (yield from _fuse_tiles(stage, tiling, box))
        found = yield from _fuse(stage, tiling.tiles[0], box, OcclusionSummary(), None, on_plane)
        return found.fused if box is None else found.fused.cut(within(box))


def _fuse_tiles(
    stage: _Stage, tiling: Tiling, box: Box | None
) -> Generator[Progress, None, FusedField]:
    """Fuse one tile after the other into maps that lie in temporary files."""
    run, field = stage.run, stage.run.source.plane_shape
    window = within(box or (0, field[0], 0, field[1]))
    result = FusedField.in_files((*size_of(window), *field[2:]), run.source.dtype)
    wanted = [
        (tile, shared) for tile in tiling.tiles if (shared := intersection(tile.inner, window))
    ]
    coarse = None
    run.progress.plan_fusion(fusion_rounds(run, tiling, len(wanted)))
    if has_coarse(run, tiling):
        coarse = yield from _fuse_coarse(stage, tiling.tiles)
    run.notes.add(
        f"The picture was fused in {len(wanted)} tiles to keep within the memory given; the result "
        f"is the same, and with {format_bytes(tiling.untiled)} it takes less time."
    )
    widths, occlusion, counts = [], OcclusionSummary(), FusedPixels()
    for tile, shared in wanted:
        found = yield from _fuse(stage, tile, box, occlusion, coarse, None)
        widths.append(found.widths)
        occlusion, counts = found.occlusion, counts + found.counts
        there, here = counted_from(window, shared), counted_from(tile.outer, shared)
        for kept, part in zip(result.arrays, found.fused.arrays, strict=True):
            kept[there] = part[here]
            drop_pages(kept)
        del found
    return replace(result, peak_width=peak_width(widths), occlusion=occlusion, counts=counts)


def _fuse_coarse(stage: _Stage, tiles: list[Tile]) -> Generator[Progress, None, list[Plane]]:
    """Fuse the coarse levels that tiles lack, for the whole field; return one array per channel.

    Every plane is resampled tile by tile and reduced to a thousandth of its size in memory.
    """
    run, survey = stage.run, stage.survey
    field, scale = run.source.plane_shape, 2**TILE_LEVELS
    small = tuple(-(-side // scale) for side in field[:2])
    fusion = PyramidFusion(
        (*small, *field[2:]),
        np.dtype(np.float32),
        survey.noise,
        stage.team,
        bottom=TILE_LEVELS,
        count=level_count(field) - TILE_LEVELS,
        prior=stage.prior(whole(field)),
    )
    by_size = sorted(tiles, key=lambda tile: size_of(tile.outer))
    readers: dict[tuple[int, int], PyramidFusion] = {}
    channels = [np.empty(small, np.float32) for _ in range(1 if len(field) == 2 else field[2])]
    recorded = np.empty(small, np.uint8)
    with closing(stage.planes()) as planes:
        for k, registered in planes:
            yield run.begin("fuse", k)
            for tile in by_size:
                size = size_of(tile.outer)
                if size not in readers:
                    readers.clear()  # each takes as much memory as a tile: nine sizes, 90 MB
                    readers[size] = stage.pyramid(tile, TILE_LEVELS)
                found, in_tile = readers[size].reduced(registered, corner_of(tile.outer))
                there = reduced(tile.inner, scale)
                here = counted_from(reduced(tile.outer, scale), there)
                recorded[there] = 255 if in_tile is None else in_tile[here]
                for channel, part in zip(channels, found, strict=True):
                    channel[there] = part[here]
            mask = None if recorded.min() == 255 else recorded
            fusion.add_reduced(channels, mask, survey.stack.brightness[k])
            del registered
    return fusion.built_channels()


def _fuse(
    stage: _Stage,
    tile: Tile,
    box: Box | None,
    earlier: OcclusionSummary,
    coarse: list[Plane] | None,
    on_plane: OnPlane | None,
) -> Generator[Progress, None, _FusedTile]:
    """Fuse one tile with its margin; `earlier` summarises the tiles before it."""
    run, outer = stage.run, tile.outer
    original = LaplacianFusion(run.settings.gaussian, run.settings.laplacian)
    maps, widths, counts = yield from _accumulate(stage, tile, coarse, original, on_plane)
    if run.settings.picks:
        maps = replace(maps, image=(yield from _pick(stage, outer, maps)))
    occlusion = earlier
    if run.settings.removes_occlusion:
        occlusion, cover = yield from remove_occlusion_steps(
            stage.team, run, stage.survey, maps, earlier
        )
        kept = tile.inner if box is None else intersection(tile.inner, within(box))
        if kept is not None:
            occlusion = occlusion.with_part(cover[counted_from(outer, kept)], corner_of(kept))
    numbers = np.array(stage.survey.alignment.order)
    depth, index = nearest_plane(maps.depth, numbers)
    confidence = maps.confidence
    if run.settings.method == "laplacian":
        image = as_dtype(original.image(), run.source.dtype)
        index = numbers[original.index].astype(np.uint16)
        confidence[np.abs(maps.depth - original.index) > 1] = 0
        maps, depth = replace(maps, image=image), index.astype(np.float32)
    maps = replace(maps, depth=depth, confidence=within_neighbours(confidence))
    return _FusedTile(maps, index, widths, occlusion, counts)


def _accumulate(
    stage: _Stage,
    tile: Tile,
    coarse: list[Plane] | None,
    original: LaplacianFusion,
    on_plane: OnPlane | None,
) -> Generator[Progress, None, tuple[FusedMaps, list[Plane], FusedPixels]]:
    """Fuse all planes into image and depth of a tile; return maps, peak widths and counts."""
    run, survey, outer = stage.run, stage.survey, tile.outer
    method, dtype = run.settings.method, run.source.dtype
    levels = None if coarse is None else TILE_LEVELS
    pyramid = stage.pyramid(tile, levels, energy=on_plane is not None)
    estimator = DepthEstimator(stage.team)
    with closing(stage.planes()) as planes:
        for k, registered in planes:
            yield run.begin("fuse", k)
            pyramid.load(registered)
            kept = registered if method == "laplacian" or on_plane is not None else None
            del registered  # frees its memory while the levels are folded
            pyramid.add_loaded()
            estimator.add(pyramid.energies, pyramid.plane_prior)
            shown: Selectable | None = None
            if kept is not None:
                shown = selectable(run, survey.stack, kept, k, outer)
                energy = pyramid.energy
                if method == "laplacian":
                    energy = original.add(shown.plane, shown.valid, shown.values)
                if on_plane is not None and energy is not None:
                    on_plane(k, as_dtype(shown.plane, dtype), np.maximum(energy, 0))
            del kept, shown
    small = None if coarse is None else reduced(outer, 2**TILE_LEVELS)
    pyramid.build(None if coarse is None else [channel[small] for channel in coarse])
    image_dtype = np.dtype(np.float32) if run.settings.picks else dtype
    # the image is built by one thread while the depth is estimated by the others
    built = stage.team.submit(partial(pyramid.image, image_dtype)) if method == "pyramid" else None
    edge = edge_contrast(run.statistics.span(), survey.noise.deviation(run.statistics.level()))
    depth, confidence = estimator.estimate(pyramid.brightness, edge, stage.prior(outer))
    widths = estimator.widths(_inner(confidence >= TRUSTED, tile))
    image = np.empty(0, dtype) if built is None else built.result()
    recorded = pyramid.recorded
    confidence[~recorded] = 0
    counts = FusedPixels(recorded.size, pyramid.limited, pyramid.averaged)
    return FusedMaps(image, depth, confidence, recorded, corner_of(outer)), widths, counts


def _pick(stage: _Stage, outer: Window, maps: FusedMaps) -> Generator[Progress, None, NDArray[Any]]:
    """Pick recorded values for a tile: those of the plane in focus, or nearest to the image's."""
    run = stage.run
    picking: Fusion = (
        NearestPlaneFusion(maps.depth)
        if run.settings.method == "depth"
        else NearestValueFusion(maps.image)
    )
    with closing(stage.planes()) as planes:
        for k, registered in planes:
            yield run.begin("fuse", k)
            shown = selectable(run, stage.survey.stack, registered, k, outer)
            picking.add(shown.plane, shown.valid, shown.values)
            del registered, shown
    return as_dtype(picking.image(), run.source.dtype)


def _inner(marked: NDArray[np.bool_], tile: Tile) -> NDArray[np.bool_]:
    """Return a mask without its pixels in the margin of a tile."""
    kept = np.zeros_like(marked)
    inner = counted_from(tile.outer, tile.inner)
    kept[inner] = marked[inner]
    return kept
