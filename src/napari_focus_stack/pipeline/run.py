"""State of one run: source, settings, notes, progress, memory and threads."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any

from napari_focus_stack._utils.memory import default_limit
from napari_focus_stack._utils.threads import available_threads
from napari_focus_stack.alignment.prior_transforms import (
    NO_EFFECT,
    PriorTransforms,
    alignment_mask,
    prior_transforms,
)
from napari_focus_stack.alignment.reduced_planes import WORKING_PIXELS
from napari_focus_stack.diagnostics.plane_statistics import PlaneStatistics
from napari_focus_stack.errors import Cancelled
from napari_focus_stack.imgproc.alpha import continued, ignores_alpha
from napari_focus_stack.imgproc.dtypes import computable
from napari_focus_stack.io.spacing_metadata import with_pixel_size
from napari_focus_stack.pipeline.memory_needs import PlaneKind, roomy_bytes
from napari_focus_stack.pipeline.notes import Notes
from napari_focus_stack.pipeline.progress_plan import ProgressPlan
from napari_focus_stack.pipeline.tiles import most_threads

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack.io.sources import PlaneSource
    from napari_focus_stack.result import Progress, Step
    from napari_focus_stack.settings import Settings


READERS = 2
"""Planes that are read ahead at the same time; the fusion reads one ahead."""
MOST_KEPT = 32 * 2**20
"""Bytes of planes up to which a stack of files is kept once it is read, instead of decoded by every
pass: an eighth of the processor time for 12 PNG files of 512 x 512 in colour."""


class Run:
    """Source, settings, memory and threads of one run.

    Parameters
    ----------
    source : PlaneSource
        The planes.
    settings : Settings
        Parameters of the run.
    transforms : array-like, StackResult or path, optional
        Prior transforms, as for `stack_steps`.
    align_mask : array-like, optional
        (Y, X) bool, True where motion is estimated.
    cancel : threading.Event, optional
        Once set, the run raises `Cancelled` at its next check.
    faint : bool
        Whether depth of little evidence follows wider surroundings.

    Attributes
    ----------
    source : PlaneSource
        The planes.
    settings : Settings
        Parameters of the run.
    kind : PlaneKind
        Shape and type of the planes.
    n : int
        Number of planes.
    reference : int
        Number of the reference plane.
    region : numpy.ndarray or None
        (Y, X) bool, True where motion is estimated; None for the whole field.
    prior : PriorTransforms or None
        Prior transforms, used instead of estimated ones.
    spacing : Spacing
        That of the source, with the pixel size of the settings.
    drive_step : float or None
        Way of the focus drive between neighbouring planes, in the unit of `spacing`.
    z_step : float or None
        Distance of neighbouring planes: the same, times the factor of the settings.
    notes : Notes
        Sentences for the user.
    progress : ProgressPlan
        Planes done and planned.
    statistics : PlaneStatistics
        Statistics of every plane that was read.
    ignoring_alpha : set of int
        Planes read so far whose alpha channel is 0 everywhere.
    reduction : int
        Factor by which planes are reduced for an alignment that is not followed by a fusion.
    limit : int
        Bytes of memory that the run may use, `PROCESS_BYTES` included.
    threads : int
        Number of threads, as many as were chosen and fit into memory.
    faint : bool
        Whether depth of little evidence follows wider surroundings.
    frugal : bool
        Whether there is too little memory to read planes ahead.

    Raises
    ------
    InputError
        The prior transforms cannot be read.
    SettingsError
        A setting, the mask or the prior transforms do not fit the source.
    """

    def __init__(
        self,
        source: PlaneSource,
        settings: Settings,
        transforms: Any = None,
        align_mask: Any = None,
        cancel: threading.Event | None = None,
        *,
        faint: bool = False,
    ) -> None:
        self.source, self.settings, self.faint = source, settings, faint
        self.n = len(source)
        self.reference = settings.reference_plane(self.n)
        self.region = alignment_mask(settings, align_mask, source.plane_shape[:2])
        self.prior: PriorTransforms | None = None
        self.notes = Notes(source.notes)
        if transforms is not None:
            self.prior = prior_transforms(transforms, source)
            self.reference = self.prior.reference(self.reference)
        self.notes.add(*_without_effect(self, align_mask is not None))
        self.spacing = with_pixel_size(source.spacing, settings.pixel_size)
        step = settings.z_step if settings.z_step is not None else self.spacing.z
        self.drive_step = step
        self.z_step = None if step is None else step * settings.z_factor
        self.progress = ProgressPlan(self.n)
        self.statistics = PlaneStatistics(source.dtype)
        self.ignoring_alpha: set[int] = set()
        self.reduction = source.reduction(WORKING_PIXELS)
        self.limit = settings.memory or default_limit()
        self.kind = PlaneKind.of(source)
        wanted = settings.threads or available_threads()
        self.threads = min(wanted, most_threads(self.kind, settings, self.limit))
        self.frugal = roomy_bytes(self.kind) > self.limit
        self._cancel = cancel
        self._kept: dict[int, NDArray[Any]] = {}
        small = self.n * self.kind.read_bytes <= MOST_KEPT
        self._keeps = bool(source.files) and small and not self.frugal
        self._alone = contextlib.nullcontext() if source.concurrent else threading.Lock()

    @property
    def readers(self) -> int:
        """Number of threads that read ahead: none if memory is short or there is one thread."""
        return 0 if self.frugal or self.threads == 1 else READERS

    def check(self) -> None:
        """Raise `Cancelled` if the run was cancelled.

        Raises
        ------
        Cancelled
            The run was cancelled.
        """
        if self._cancel is not None and self._cancel.is_set():
            raise Cancelled

    def begin(self, step: Step, k: int) -> Progress:
        """Count a plane and return the progress before it.

        Parameters
        ----------
        step : {"align", "measure", "fuse", "restore", "project"}
            Current step.
        k : int
            Number of the plane.

        Returns
        -------
        Progress
            To be yielded before the plane is processed.

        Raises
        ------
        Cancelled
            The run was cancelled.
        """
        self.check()
        return self.progress.begin(step, k)

    def read(self, k: int) -> NDArray[Any]:
        """Read a plane in a type that OpenCV supports, and record its statistics.

        Parameters
        ----------
        k : int
            Number of the plane.

        Returns
        -------
        numpy.ndarray
            (Y, X[, C]) uint8, uint16 or float32, as recorded; colours continue smoothly where the
            plane is transparent. Not to be written to.

        Raises
        ------
        InputError
            The plane cannot be read; the message names it.
        Cancelled
            The run was cancelled.
        """
        if k in self._kept:
            self.check()
            return self._kept[k]
        plane = computable(self.read_as_recorded(k))
        if ignores_alpha(plane):
            self.ignoring_alpha.add(k)
        plane = self.statistics.record(k, continued(plane)).view()
        plane.setflags(write=False)
        if self._keeps:
            self._kept[k] = plane
        return plane

    def read_as_recorded(self, k: int) -> NDArray[Any]:
        """Read a plane in the type of the source.

        Parameters
        ----------
        k : int
            Number of the plane.

        Returns
        -------
        numpy.ndarray
            (Y, X[, C]) as the source has it.

        Raises
        ------
        InputError
            The plane cannot be read; the message names it.
        Cancelled
            The run was cancelled.
        """
        self.check()
        with self._alone:
            return self.source[k]

    def read_reduced(self, k: int) -> NDArray[Any]:
        """Read a plane for alignment alone: reduced, where that takes less time.

        Parameters
        ----------
        k : int
            Number of the plane.

        Returns
        -------
        numpy.ndarray
            (Y, X[, C]) uint8, uint16 or float32, smaller by the factor `reduction`.

        Raises
        ------
        InputError
            The plane cannot be read; the message names it.
        Cancelled
            The run was cancelled.
        """
        if self.reduction == 1:
            return self.read(k)
        self.check()
        with self._alone:
            plane = self.source.reduced(k, self.reduction)
        return computable(plane)


def _without_effect(run: Run, masked: bool) -> list[str]:
    """Return notes on parameters without effect in a run, with the reason."""
    settings = run.settings
    regions = {
        "the region to align on": settings.align_region is not None,
        "the mask to align on": masked,
    }
    if run.prior is not None:
        wanted = settings.reference_plane(run.n)
        idle = {
            f"alignment '{settings.align}'": settings.align != "auto",
            **regions,
            "the reference plane": settings.reference != "middle" and wanted != run.reference,
        }
        return [run.prior.origin, *_sentence(idle, NO_EFFECT)]
    if settings.align == "none":
        return _sentence(regions, "nothing was to be aligned (alignment 'none')")
    return []


def _sentence(idle: dict[str, bool], why: str) -> list[str]:
    names = " and ".join(name for name, is_idle in idle.items() if is_idle)
    return [f"{names[0].upper()}{names[1:]} had no effect, because {why}."] if names else []
