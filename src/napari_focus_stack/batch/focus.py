"""Batch in one call: every stack below a folder, as a record a stack."""

from __future__ import annotations

import dataclasses
import threading
import time
import uuid
from itertools import count
from typing import TYPE_CHECKING

from napari_focus_stack.batch.call import QUIET, BatchCall
from napari_focus_stack.batch.choice import choose_engine
from napari_focus_stack.batch.folder import own_folder
from napari_focus_stack.batch.planning import check_order, plan_batch
from napari_focus_stack.batch.records import STILL_WRITTEN, BatchRecord
from napari_focus_stack.batch.running import BatchRun
from napari_focus_stack.batch.tasks import BatchOrder, Selection
from napari_focus_stack.batch.wording import nothing_found
from napari_focus_stack.errors import Cancelled, InputError
from napari_focus_stack.io.places import absolute, as_place
from napari_focus_stack.pipeline.options import Options, chosen, with_options
from napari_focus_stack.series.series_settings import SeriesSettings

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
    from typing import Unpack

    from napari_focus_stack.batch.plan import BatchPlan
    from napari_focus_stack.batch.progress import BatchProgress
    from napari_focus_stack.batch.tasks import ResultFormat
    from napari_focus_stack.series.series_settings import SlabMethod
    from napari_focus_stack.settings import Settings

LOOK = 5.0
"""Seconds between two looks for stacks that are new."""


def batch_steps(
    call: BatchCall,
    progress: Callable[[BatchProgress], object] = lambda progress: None,
    cancel: threading.Event | None = None,
    on_dashboard: Callable[[str], object] | None = None,
    on_wait: Callable[[BatchPlan], object] = lambda plan: None,
) -> Generator[BatchRecord, None, None]:
    """Do a batch; see `focus_batch`.

    Parameters
    ----------
    call : BatchCall
        The batch.
    progress : callable
        Called with a `BatchProgress` at every step, by any thread.
    cancel : threading.Event, optional
        Once set, `Cancelled` is raised.
    on_dashboard : callable, optional
        Called with the address of dask's dashboard.
    on_wait : callable
        Called once, before the wait for files that are still being written.

    Yields
    ------
    BatchRecord
        One for each stack: those that an earlier run did first, then each as it ends, and last
        what was left.

    Raises
    ------
    InputError, SettingsError, OutputError, Cancelled
        As for `focus_batch`.
    """
    cancel = cancel or threading.Event()
    check_order(call.order)
    with own_folder(call.order.result("")):
        seen: set[str] = set()
        tried: dict[str, str] = {}
        plan, worked = _look(call, tried, cancel, redo=call.redo), time.monotonic()
        if not (plan.listed or plan.left or plan.young) and call.watch is None:
            raise InputError(nothing_found(call.order))
        for look in count(1):
            yield from _new(plan.kept, seen)
            engine = choose_engine(plan, call.scheduler, call.workers, on_dashboard)
            steps = BatchRun(plan, progress, tried).steps(engine, cancel)
            yield from _new(steps, seen)
            worked = time.monotonic() if plan.tasks else worked
            if not _goes_on(call, plan, look, worked):
                break
            if call.watch is None:
                on_wait(plan)
            _wait(call, plan, cancel)
            plan = _look(call, tried, cancel)
        yield from plan.left
        yield from (BatchRecord(name=name, state="left", why=STILL_WRITTEN) for name in plan.young)


def _look(
    call: BatchCall,
    tried: Mapping[str, str],
    cancel: threading.Event,
    *,
    redo: bool = False,
) -> BatchPlan:
    """Plan what there is at present, as a run of its own."""
    order = dataclasses.replace(call.order, run=f"focusstack-{uuid.uuid4().hex[:12]}")
    return plan_batch(order, redo=redo, tried=tried, quiet=call.quiet, cancel=cancel)


def _new(records: Iterable[BatchRecord], seen: set[str]) -> Iterator[BatchRecord]:
    """Yield records, without stacks of an earlier look that are kept."""
    for record in records:
        if not (record.kept and record.report in seen):
            yield record
        seen.add(record.report)


def _goes_on(call: BatchCall, plan: BatchPlan, look: int, worked: float) -> bool:
    """Return whether to look again: for what was being written, or until nothing comes."""
    if call.watch is not None:
        return time.monotonic() - worked < 60 * call.watch
    return bool(plan.young) and look == 1


def _wait(call: BatchCall, plan: BatchPlan, cancel: threading.Event) -> None:
    """Wait until files may be quiet, or for the next look."""
    quiet = plan.youngest + call.quiet - time.time()
    wait = min(max(quiet, 0), call.quiet) + 0.1 if call.watch is None else LOOK
    if cancel.wait(wait):
        raise Cancelled


@with_options(Options)
def focus_batch(
    root: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    settings: Settings | None = None,
    scheduler: str = "local",
    workers: int | None = None,
    format: ResultFormat = "tif",  # noqa: A002 - the name of the option
    redo: bool = False,
    quiet: float = QUIET,
    watch: float | None = None,
    pattern: str | None = None,
    axes: str | None = None,
    position: Sequence[str | int] | None = None,
    time: str | None = None,
    channel: Sequence[str | int] | None = None,
    exclude: Sequence[str] = (),
    lead_channel: str | int = "auto",
    follow: str = "alignment",
    slab: int = 1,
    slab_method: SlabMethod = "max",
    smooth_time: int = 1,
    drift: bool = False,
    progress: Callable[[BatchProgress], object] | None = None,
    cancel: threading.Event | None = None,
    **options: Unpack[Options],
) -> Iterator[BatchRecord]:
    """Stack every stack below a folder, on this machine or a cluster; go on where a run stopped.

    Results lie in `out` in the same tree, with a report beside each as the marker that it is done,
    `summary.csv` and `index.html`. A stack whose marker is there is not done again, unless its
    files have changed or it failed. Worker processes import the program that starts them: guard
    its calls by ``if __name__ == "__main__":``.

    Parameters
    ----------
    root, out : path or URL
        Folder of the stacks, and folder of the results, which is created.
    settings : Settings, optional
        All parameters of the stacks at once, instead of single options.
    scheduler : str
        "local" for worker processes of this machine, as many as its processors and memory allow,
        or the calling process for few or short stacks; the address of a dask scheduler, such as
        ``tcp://node1:8786``; or its scheduler file.
    workers : int, optional
        Worker processes at most, for "local".
    format : {"tif", "zarr"}
        OME-TIFF, or OME-Zarr (a plate where wells are known), which URLs need.
    redo : bool
        Whether stacks that are done are done again, and others settings are accepted.
    quiet : float
        Seconds for which the files of a stack must not have changed; younger ones are waited for
        once, and then left.
    watch : float, optional
        Keep looking for new stacks, and end after so many minutes without one.
    pattern, axes : str, optional
        As for `open_series`; the pattern holds for every folder that it fits.
    position : sequence of str or int, optional
        Only these positions, wells or scenes.
    time : str, optional
        Only time points "A:B", A to B - 1.
    channel : sequence of str or int, optional
        Only these channels.
    exclude : sequence of str
        Names of files and folders that are passed over, with * and ?.
    lead_channel : str or int
        As for `focus_series`, as are the next five; found once for each series.
    follow : str
        What the other channels take from the lead.
    slab : int
        Planes around the surface that are projected, odd.
    slab_method : {"max", "mean"}
        Projection of the slab.
    smooth_time : int
        Time points, odd, whose registered planes are averaged before depth is measured.
    drift : bool
        Whether the drift of the field over time is removed.
    progress : callable, optional
        Called with a `BatchProgress` at every step, by any thread.
    cancel : threading.Event, optional
        Once set, the call raises `Cancelled`; the next one goes on.
    method : {"pyramid", "depth", "laplacian"}
        How planes are fused.
    align : {"auto", "none", "shift", "similarity", "affine", "homography"}
        Motion model of the lead channel.
    reference : int, "middle" or "first"
        Plane that the others are aligned to.
    gaussian, laplacian : int
        Sizes of the filters of method "laplacian", odd, in pixels.
    brightness : {"auto", "match", "keep"}
        Whether planes are brought to the brightness of the reference.
    align_region : tuple of int, optional
        First row, end row, first column, end column that alignment is confined to.
    crop : bool
        Whether results are cropped to the part that all planes recorded; not for films.
    values : {"fused", "recorded"}
        Whether pixels may lie between recorded values.
    occlusion : {"auto", "off"}
        Whether the blur that foreground objects cast over the background is removed.
    pixel_size : float, optional
        Size of a pixel in the specimen, in the unit of the source (µm if it has none); by default
        that of the source.
    z_step : float, optional
        Distance of neighbouring planes, in the unit of the pixel size.
    z_factor : float
        Factor on distances along z, for example the refractive index of the medium that is
        focused through, divided by that of the objective's medium.
    z_uncertainty : float
        Relative standard uncertainty of the z scale.
    memory : int or str, optional
        Memory that all processes of this machine may use together, in bytes or as in "1.5GB".
    threads : int, optional
        Number of threads where the calling process does the work.

    Returns
    -------
    iterator of BatchRecord
        One for each stack: those that an earlier run did, each as it ends, and what was left.

    Raises
    ------
    InputError
        There is no stack below `root`.
    SettingsError
        An option is wrong; two stacks would be written to one file; `out` holds results of other
        settings; the scheduler or its workers cannot be used.
    OutputError
        A result cannot be written; what is done is kept.
    Cancelled
        `cancel` was set; what is done is kept.

    See Also
    --------
    focus_series : One series.

    Examples
    --------
    >>> from napari_focus_stack import focus_batch
    >>> for record in focus_batch("plates", "fused"):  # doctest: +SKIP
    ...     print(record.name.source, record.state)
    """
    order = BatchOrder(
        root=str(absolute(as_place(root))),
        out=str(absolute(as_place(out))),
        settings=chosen(settings, options),
        series_settings=SeriesSettings(
            lead_channel=lead_channel,
            follow=follow,
            slab=slab,
            slab_method=slab_method,
            smooth_time=smooth_time,
            drift=drift,
        ),
        selection=Selection(
            positions=position, time=time, channels=channel, exclude=tuple(exclude)
        ),
        pattern=pattern,
        axes=axes,
        format=format,
    )
    call = BatchCall(
        order=order,
        scheduler=scheduler,
        workers=workers,
        redo=redo,
        quiet=quiet,
        watch=watch,
    )
    return batch_steps(call, progress or (lambda progress: None), cancel)
