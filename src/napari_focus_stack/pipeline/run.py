"""One run: its source and settings, how far it has come, and whether it is still wanted."""

from __future__ import annotations

import contextlib
import math
import threading
from typing import TYPE_CHECKING, Any

from napari_focus_stack._utils.memory import limit, resident
from napari_focus_stack._utils.threads import available_threads
from napari_focus_stack.alignment.prior_transforms import (
    PriorTransforms,
    alignment_mask,
    prior_transforms,
)
from napari_focus_stack.alignment.reduced_planes import WORKING_PIXELS
from napari_focus_stack.diagnostics.health import PlaneStatistics
from napari_focus_stack.errors import Cancelled
from napari_focus_stack.imgproc.dtypes import COMPUTABLE, computable
from napari_focus_stack.imgproc.noise import noise_pairs
from napari_focus_stack.result import Progress, Step
from napari_focus_stack.sensor.marks import Marks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack.io.sources import PlaneSource
    from napari_focus_stack.settings import Settings


READERS = 2
"""Planes that are read at a time, ahead of what looks at them; the fusion reads one ahead."""
ROOMY = 8
"""Planes that must fit into memory for some to be read ahead."""


def _regions(settings: Settings, masked: bool) -> dict[str, bool]:
    """What says where alignment may look, and whether it was given."""
    return {"align_region": settings.align_region is not None, "align_mask": masked}


class Run:
    """One run: what it works on, and how far it has come.

    Parameters
    ----------
    source : PlaneSource
        The planes.
    settings : Settings
        Parameters of the run.
    transforms, align_mask
        As `stack_steps` takes them.
    cancel : threading.Event, optional
        Once set, the run is not wanted any more.

    Raises
    ------
    InputError, SettingsError
        A setting or what was given of the motion does not fit the source.
    """

    def __init__(
        self,
        source: PlaneSource,
        settings: Settings,
        transforms: Any = None,
        align_mask: Any = None,
        cancel: threading.Event | None = None,
    ) -> None:
        self.source = source
        self.settings = settings
        self.n = len(source)
        self.reference = settings.reference_plane(self.n)
        self.region = alignment_mask(settings, align_mask, source.plane_shape[:2])
        self.prior: PriorTransforms | None = None
        self.marks = Marks()
        self.notes = list(source.notes)
        if transforms is not None:
            self._follow(prior_transforms(transforms, source), align_mask is not None)
        elif settings.align == "none":
            idle = _regions(settings, align_mask is not None)
            self._note_idle(idle, "nothing was to be aligned (align 'none')")
        self.z_step = settings.z_step if settings.z_step is not None else source.spacing.z
        self.statistics = PlaneStatistics(source.dtype)
        self.reduction = source.reduction(WORKING_PIXELS)
        self.limit = settings.memory or limit()
        self.threads = settings.threads or available_threads()
        self.frugal = self.limit is not None and resident() + ROOMY * self.plane_bytes > self.limit
        self.tiles, self.coarse_rounds = 1, 0
        self._fused = self.n
        self._total = self._after_alignment(self.n)
        self._cancel = cancel
        self._done = 0
        self._alone = contextlib.nullcontext() if source.concurrent else threading.Lock()

    @property
    def readers(self) -> int:
        """Threads that read ahead of what looks at planes: none for want of either."""
        return 0 if self.frugal or self.threads == 1 else READERS

    @property
    def plane_bytes(self) -> int:
        """Memory that a plane takes while it is read, in the type it is computed in too."""
        stored = math.prod(self.source.plane_shape) * self.source.dtype.itemsize
        if self.source.dtype.name in COMPUTABLE:
            return stored
        return stored + 4 * math.prod(self.source.plane_shape)

    def _follow(self, prior: PriorTransforms, masked: bool) -> None:
        """Take transforms as given, and say which parameters have no effect then."""
        settings, wanted = self.settings, self.reference
        self.prior, self.reference = prior, prior.reference(wanted)
        idle = {
            "align": settings.align != "auto",
            **_regions(settings, masked),
            "reference": settings.reference != "middle" and wanted != self.reference,
        }
        self.notes.append(prior.origin)
        self._note_idle(idle, "the transforms were given")

    def _note_idle(self, idle: dict[str, bool], why: str) -> None:
        names = " and ".join(name for name, is_idle in idle.items() if is_idle)
        if names:
            self.notes.append(f"{names} had no effect, for {why}.")

    def _after_alignment(self, planes: int) -> int:
        return self._fusing(planes) + len(noise_pairs(planes))

    def _fusing(self, planes: int) -> int:
        return (self.tiles * (2 if self.settings.picks else 1) + self.coarse_rounds) * planes

    def check(self) -> None:
        """Raise `Cancelled` if the result is not wanted any more."""
        if self._cancel is not None and self._cancel.is_set():
            raise Cancelled

    def begin(self, step: Step, k: int) -> Progress:
        """Note that plane `k` comes next; raises `Cancelled` if that is not wanted any more."""
        self.check()
        self._done += 1
        self._total = max(self._total, self._done)  # planes may be aligned more than once
        return Progress(step, k, self.n, self._done - 1, self._total)

    def expect(self, planes: int) -> None:
        """Expect that many planes more in the step at hand than planned; fewer if negative."""
        self._total += planes

    def go_on_with(self, planes: int) -> None:
        """Expect that many planes, and no others, in the steps after the alignment."""
        self._fused = planes
        self._total = self._done + self._after_alignment(planes)

    def fuse_in(self, tiles: int, coarse_rounds: int) -> None:
        """Expect that many tiles, and rounds over all planes for what is coarser than a tile."""
        before = self._fusing(self._fused)
        self.tiles, self.coarse_rounds = tiles, coarse_rounds
        self._total += self._fusing(self._fused) - before

    def read(self, k: int) -> NDArray[Any]:
        """Plane `k` in a type that OpenCV works on, without its marks; the census takes it down."""
        with self._alone:
            plane = self.source[k]
        return self.marks.filled(self.statistics.look(k, computable(plane)), k)

    def read_reduced(self, k: int) -> NDArray[Any]:
        """Plane `k` as alignment sees it: reduced, where that costs less than the whole plane."""
        if self.reduction == 1:
            return self.read(k)
        with self._alone:
            plane = self.source.reduced(k, self.reduction)
        return computable(plane)
