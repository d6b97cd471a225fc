"""What is near blurs over what lies behind it: found, undone, and told.

See `Occluders` for the formula. It holds for a lens that is focused through the stack and for
things that are opaque; where something is seen through, or shines, what is subtracted is wrong, and
the check refuses it: a ground counts only where it explains the planes better than before.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from napari_focus_stack.bands import luminance
from napari_focus_stack.blurring import SHIFTS, SharpPatch, blur_per_plane
from napari_focus_stack.crew import Crew, ahead
from napari_focus_stack.cropping import common_crop
from napari_focus_stack.ground import Ground, Light, View, ground_behind
from napari_focus_stack.memory import resident
from napari_focus_stack.outlining import jumps, widened
from napari_focus_stack.planes import as_dtype
from napari_focus_stack.revisiting import counted_from
from napari_focus_stack.seams import CellMaps, FlatPatch, Part, batches
from napari_focus_stack.unmixing import spread_over

if TYPE_CHECKING:
    from collections.abc import Generator

    from numpy.typing import NDArray

    from napari_focus_stack.bands import Plane
    from napari_focus_stack.planes import SeenPlane
    from napari_focus_stack.result import Progress
    from napari_focus_stack.running import Run
    from napari_focus_stack.survey import Survey
    from napari_focus_stack.transforms import Window

FEWEST_PLANES = 5
"""With fewer none is out of focus by the three planes that a veil takes."""
FEWEST_JUMPS = 100
"""Pixels."""
SAMPLES = 4
"""Parts on which is decided which end of the stack is near."""
SAMPLE = 256
"""Pixels a side of such a part."""
MOST_LEFT = 0.6
"""Of the error that remains once the ground is unmixed, over what it was: 0.03 to 0.4 where
something is hidden, 0.8 and more where depth jumps for other reasons (all scenes of the bench)."""
CLEARLY = 0.9
"""Of the error that remains with one end near, over that with the other."""
FEWEST_CHECKED = 500
"""Pixels of all planes on which that is known."""
PLANES_AROUND = 3
"""Planes beyond the depths of a part that still tell something of it."""
MOST_BYTES = 10**9
"""Of planes that are held at a time."""
WORKING_MAPS = 40
"""Float32 maps, besides two of each plane, that a part takes while it is worked on."""
APART = 16
"""Pixels within which unmixed ones count as one region."""
CHANGED = 1 / 255
"""Weight under which a pixel is left as it is."""


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
        First row, end row, first column, end column of the parts with unmixed pixels.
    pixels, removed : float
        How many pixels were unmixed, and the sum of the shares of light that were taken from them.
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
            "blur_per_plane": round(self.light.blur, 3),
            "share": self.pixels / area,
            "mean_cover": self.removed / self.pixels,
            "regions": self.regions,
        }

    def told(self, area: int) -> list[str]:
        """Sentence for the user."""
        if not self.pixels:
            return []
        return [
            f"{max(self.pixels / area, 0.001):.1%} of the picture lay under the blur of what is "
            f"nearer, {self.removed / self.pixels:.0%} of its light on average; it was unmixed "
            "(the report says where; occlusion='off' leaves it)."
        ]


@dataclass(frozen=True)
class Maps:
    """What was fused of a tile, to be changed in place.

    Attributes
    ----------
    image : numpy.ndarray
        (Y, X[, C]) in the dtype of the planes.
    depth, confidence : numpy.ndarray
        (Y, X) float32, the depth counted in the planes that took part.
    cover : numpy.ndarray
        (Y, X) float32: share of the light that was taken from a pixel; 0 where it was not changed.
    origin : tuple of int
        Row and column of the reference plane at which they start.
    """

    image: NDArray[Any]
    depth: Plane
    confidence: Plane
    cover: Plane
    origin: tuple[int, int]


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
    apart = jumps(maps.depth)
    _keep_recorded(apart, run, survey, maps.origin)
    if np.count_nonzero(apart) < FEWEST_JUMPS:
        return
    yield from _Unveiling(crew, run, survey, maps, known, apart).steps()


def _keep_recorded(
    apart: NDArray[np.bool_], run: Run, survey: Survey, origin: tuple[int, int]
) -> None:
    """Drop jumps where not every plane recorded anything: one plane's edge is no surface's."""
    box = common_crop(survey.alignment.transforms, run.source.plane_shape[:2]).box
    if box is None:
        return
    y0, y1, x0, x1 = (
        max(0, side - start) for side, start in zip(box, np.repeat(origin, 2), strict=True)
    )
    kept = np.zeros_like(apart)
    kept[y0:y1, x0:x1] = apart[y0:y1, x0:x1]
    apart[:] = kept


class _Unveiling:
    """One tile on its way: how it was recorded, which end is near, and then part by part."""

    def __init__(
        self,
        crew: Crew,
        run: Run,
        survey: Survey,
        maps: Maps,
        known: Occlusion,
        apart: NDArray[np.bool_],
    ) -> None:
        self._crew, self._run, self._survey = crew, run, survey
        self._maps, self._known, self._apart = maps, known, apart
        self._count = len(survey.alignment.order)

    def steps(self) -> Generator[Progress, None, None]:
        """Decide, unless that is known from another tile; then unmix."""
        if self._known.light is None:
            yield from self._decide()
        if self._known.light is None:
            return
        cells = self._cells(self._known.last_is_near)
        for batch in batches(cells.parts(), self._pixels_at_a_time()):
            views = yield from self._views(batch, cells, self._known.last_is_near)
            self._crew.do(self._unmix, list(zip(batch, views, strict=True)))
            del views

    def _cells(self, last_is_near: bool) -> CellMaps:
        return CellMaps(self._depth(last_is_near), self._maps.confidence, self._apart)

    def _depth(self, last_is_near: bool) -> Plane:
        """Depth counted from the far end."""
        depth = self._maps.depth
        return depth if last_is_near else np.float32(self._count - 1) - depth

    def _pixels_at_a_time(self) -> float:
        """How many pixels of a batch fit into memory in all their planes."""
        room = float(MOST_BYTES)
        if self._run.limit is not None:
            room = min(room, (self._run.limit - resident()) / 2)
        channels = 1 if self._maps.image.ndim == 2 else 3
        return room / (4 * (self._count * (channels + 2) + WORKING_MAPS))

    def _decide(self) -> Generator[Progress, None, None]:
        """Measure the blur, and find which end is near: whose ground explains the planes."""
        cells = self._cells(True)
        patches, samples = cells.flat_patches(self._count), cells.samples(SAMPLES, SAMPLE)
        windows = [p.window for p in patches] + [s.outer for s in samples]
        around = [range(p.plane + min(SHIFTS), p.plane + max(SHIFTS) + 1) for p in patches]
        planes = yield from self._planes(windows, around + [self._depths(s) for s in samples])
        blur = blur_per_plane(
            [self._patch(*found) for found in zip(patches, planes[: len(patches)], strict=True)]
        )
        if blur is None:
            return
        census = self._run.census
        light = Light(blur, self._survey.noise, census.span(), census.level())
        errors = []
        for last_is_near in (True, False):
            cells = self._cells(last_is_near)
            views = [
                self._view(sample, shown, cells, last_is_near)
                for sample, shown in zip(samples, planes[len(patches) :], strict=True)
            ]
            errors.append(self._error(views, light))
        best, other = min(errors), max(errors)
        if best <= MOST_LEFT and best <= CLEARLY * other:
            self._known.light, self._known.last_is_near = light, best == errors[0]

    def _patch(self, patch: FlatPatch, planes: dict[int, Plane]) -> SharpPatch:
        rows, cols = patch.window
        flat = np.abs(self._maps.depth[rows, cols] - patch.plane) < 0.5
        bright = {k: luminance(plane) for k, plane in planes.items()}
        return SharpPatch(patch.plane, bright, flat)

    def _error(self, views: list[View], light: Light) -> float:
        """Part of the error that remains if some views are unmixed; 1 if too little tells."""
        grounds: list[Ground] = []

        def look(view: View) -> None:
            with Crew(1, self._crew.check) as alone:
                ground = ground_behind(view, light, alone)
            if ground is not None:
                grounds.append(ground)

        self._crew.do(look, views)
        checks = [ground.check for ground in grounds]
        if sum(float(check.count.sum()) for check in checks) < FEWEST_CHECKED:
            return 1.0
        after, before = (
            sum(float(getattr(check, name).sum()) for check in checks)
            for name in ("after", "before")
        )
        return max(after, 0.0) / before if before > 0 else 1.0

    def _views(
        self, parts: list[Part], cells: CellMaps, last_is_near: bool
    ) -> Generator[Progress, None, list[View]]:
        """Read all planes of some parts."""
        planes = yield from self._planes(
            [part.outer for part in parts], [self._depths(part) for part in parts]
        )
        return [
            self._view(part, shown, cells, last_is_near)
            for part, shown in zip(parts, planes, strict=True)
        ]

    def _depths(self, part: Part) -> range:
        """Planes that tell something of a part."""
        depth = self._maps.depth[part.outer]
        first = max(0, int(depth.min()) - PLANES_AROUND)
        return range(first, min(self._count, int(np.ceil(depth.max())) + PLANES_AROUND + 1))

    def _planes(
        self, windows: list[Window], wanted: list[range]
    ) -> Generator[Progress, None, list[dict[int, Plane]]]:
        """Planes of each window, by their place in the order of focus."""
        order = self._survey.alignment.order
        places = sorted({i for r in wanted for i in r if 0 <= i < self._count})
        found: list[dict[int, Plane]] = [{} for _ in windows]
        self._run.expect(len(places))
        read = partial(self._survey.seen, self._run)
        threads = min(1, self._run.readers)
        with closing(ahead(read, [order[i] for i in places], threads)) as planes:
            for i, (k, seen) in zip(places, planes, strict=True):
                yield self._run.begin("unmix", k)
                for shown, window, these in zip(found, windows, wanted, strict=True):
                    if i in these:
                        shown[i] = _part_of(seen, _moved(window, self._maps.origin))
                del seen
        return found

    def _view(
        self, part: Part, planes: dict[int, Plane], cells: CellMaps, last_is_near: bool
    ) -> View:
        outer = part.outer
        places = sorted(planes, reverse=not last_is_near)
        first = places[0] if last_is_near else self._count - 1 - places[0]
        image = _light_of(self._maps.image[outer]).astype(np.float32)
        np.copyto(image, planes[places[0]], where=~np.isfinite(image))
        return View(
            [planes[i] for i in places],
            image,
            self._depth(last_is_near)[outer] - np.float32(first),
            self._maps.confidence[outer],
            cells.lowest(outer) - np.float32(first),
            self._apart[outer],
        )

    def _unmix(self, todo: tuple[Part, View]) -> None:
        part, view = todo
        assert self._known.light is not None
        with Crew(1, self._crew.check) as alone:
            ground = ground_behind(view, self._known.light, alone)
        if ground is not None:
            self._put(part, view, ground)

    def _put(self, part: Part, view: View, ground: Ground) -> None:
        """Put what was found into the inner part of the maps."""
        maps, inner = self._maps, part.inner
        here = counted_from(part.outer, inner)
        weight = ground.weight[here]
        changed = weight > CHANGED
        image = _light_of(maps.image[inner])
        before, behind = view.image[here][changed], ground.image[here][changed]
        mixed = before + spread_over(weight[changed], view.image) * (behind - before)
        image[changed] = as_dtype(mixed, image.dtype)
        nearer = ground.depth[here] - view.depth[here]
        maps.depth[inner] += nearer if self._known.last_is_near else -nearer
        maps.confidence[inner] = ground.confidence[here]
        maps.cover[inner][changed] = ground.cover[here][changed]


def _part_of(seen: SeenPlane, window: Window) -> Plane:
    colour, _ = seen.colour(window)
    return np.ascontiguousarray(_light_of(colour))


def _moved(window: Window, by: tuple[int, int]) -> Window:
    (rows, cols), (down, right) = window, by
    return (
        slice(rows.start + down, rows.stop + down),
        slice(cols.start + right, cols.stop + right),
    )


def _light_of(image: NDArray[Any]) -> NDArray[Any]:
    """An image without its alpha; the same memory."""
    return image if image.ndim == 2 else image[..., :3]
