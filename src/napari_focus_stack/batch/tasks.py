"""Tasks of a batch: references to stacks and the places of their results, which cross processes."""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, get_args

from napari_focus_stack._version import __version__
from napari_focus_stack.errors import SettingsError
from napari_focus_stack.io.places import as_place
from napari_focus_stack.series.opening import open_series
from napari_focus_stack.series.selection import SeriesPart

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from napari_focus_stack.series.model import Series
    from napari_focus_stack.series.series_settings import SeriesSettings
    from napari_focus_stack.settings import Settings

ResultFormat = Literal["tif", "zarr"]
MOST_OPEN = 4
"""Series that a process keeps open: a plate is not opened again for each of its positions."""


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Part of every series that is stacked.

    Attributes
    ----------
    positions : sequence of str or int or None
        Names, wells or numbers; None for all.
    time : str or None
        As "A:B"; None for all.
    channels : sequence of str or int or None
        Names or numbers; None for all.
    exclude : sequence of str
        Names of files and folders below the root that are passed over, with * and ?.
    """

    positions: Sequence[str | int] | None = None
    time: str | None = None
    channels: Sequence[str | int] | None = None
    exclude: Sequence[str] = ()

    def excludes(self, source: str) -> bool:
        """Return whether a source is passed over.

        Parameters
        ----------
        source : str
            File or folder, relative to the root, with slashes.

        Returns
        -------
        bool
            True if its path, or a name in it, is among those excluded.
        """
        names = [source, *source.split("/")]
        return any(fnmatchcase(name, one) for one in self.exclude for name in names)


@dataclass(frozen=True, kw_only=True)
class BatchOrder:
    """What is the same for every task of a batch.

    Attributes
    ----------
    root, out : str
        Folder or URL of the stacks and of the results, as every worker sees them.
    settings : Settings
        Parameters of every stack.
    series_settings : SeriesSettings
        Parameters of every series.
    selection : Selection
        Part of every series.
    pattern, axes : str or None
        As for `open_series`.
    format : {"tif", "zarr"}
        Format of the results.
    version : str
        Version of napari-focus-stack that gives the order.
    run : str
        Name of the run, which no other run has.
    """

    root: str
    out: str
    settings: Settings
    series_settings: SeriesSettings
    selection: Selection = Selection()
    pattern: str | None = None
    axes: str | None = None
    format: ResultFormat = "tif"
    version: str = __version__
    run: str = ""

    def __post_init__(self) -> None:
        """Check the format.

        Raises
        ------
        SettingsError
            There is no such format.
        """
        if self.format not in get_args(ResultFormat):
            raise SettingsError(f"format '{self.format}' is not known; give 'tif' or 'zarr'.")

    def source(self, name: str) -> Path:
        """Return the place of a source.

        Parameters
        ----------
        name : str
            File or folder, relative to the root; "." for the root.

        Returns
        -------
        pathlib.Path
            File, folder or URL.
        """
        root = as_place(self.root)
        return root if name == "." else root / name

    def result(self, name: str) -> Path:
        """Return the place of a result.

        Parameters
        ----------
        name : str
            Relative to the folder of results, with slashes.

        Returns
        -------
        pathlib.Path
            File, store or URL.
        """
        return as_place(self.out) / name


@dataclass(frozen=True, kw_only=True)
class StackTask:
    """Unit of work: all channels of one time point of a position, or of coupled time points.

    Attributes
    ----------
    source : str
        File or folder, relative to the root.
    position : int
        Number of the position in it.
    times : tuple of int
        First time point, and the one after the last.
    span : tuple of int
        The same of all time points in the files of the results.
    channels : tuple of int
        Numbers of the channels.
    pattern, axes : str or None
        With which the source is opened.
    stem : str
        Name of the series, for the metadata of results.
    results : mapping of str to str
        Place of each role, relative to the folder of results.
    markers : mapping of (int, int) to str
        Marker by the numbers of time point and channel, relative to the folder of results.
    fingerprints : mapping of int to str
        Fingerprint of the files of each time point.
    pixels : int
        Pixels to read, by which the time that is left is judged.
    memory : int
        Bytes that it takes with one thread.
    lead : str or int or None
        Lead channel that an earlier run found; None for what the settings say.
    needs_lead : bool
        Whether the lead channel is found beforehand, once for the series.
    """

    source: str
    position: int
    times: tuple[int, int]
    span: tuple[int, int]
    channels: tuple[int, ...]
    pattern: str | None
    axes: str | None
    stem: str
    results: Mapping[str, str]
    markers: Mapping[tuple[int, int], str]
    fingerprints: Mapping[int, str]
    pixels: int = 1
    memory: int = 10**9
    lead: str | int | None = None
    needs_lead: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether the task makes all images of its files."""
        return self.times == self.span

    @property
    def layout(self) -> list[int]:
        """Memory, first time point and channels: what images and their places depend on."""
        return [self.memory, self.span[0], *self.channels]

    def part(self, series: Series) -> Series:
        """Return the stacks of the task.

        Parameters
        ----------
        series : Series
            The series of its source.

        Returns
        -------
        Series
            One position.
        """
        return one_position(series, self.position, range(*self.times), self.channels)

    def film(self, series: Series) -> Series:
        """Return all stacks in the files of the results.

        Parameters
        ----------
        series : Series
            The series of its source.

        Returns
        -------
        Series
            One position.
        """
        return one_position(series, self.position, range(*self.span), self.channels)


@dataclass(frozen=True, kw_only=True)
class LeadTask:
    """Search of the lead channel of a series, before its tasks.

    Attributes
    ----------
    source : str
        File or folder, relative to the root.
    pattern, axes : str or None
        With which the source is opened.
    selection : mapping of int to ((int, int), tuple of int)
        Time points and channels that are stacked, by the number of the position.
    """

    source: str
    pattern: str | None
    axes: str | None
    selection: Mapping[int, tuple[tuple[int, int], tuple[int, ...]]] = field(default_factory=dict)

    def part(self, series: Series) -> Series:
        """Return the stacks among which the lead channel is judged.

        Parameters
        ----------
        series : Series
            The series of the source.

        Returns
        -------
        Series
            The part that is stacked.
        """
        return SeriesPart(
            series,
            list(self.selection),
            {position: range(*span) for position, (span, _) in self.selection.items()},
            {position: list(channels) for position, (_, channels) in self.selection.items()},
        )


def one_position(
    series: Series, position: int, times: range, channels: tuple[int, ...]
) -> SeriesPart:
    """Return a part of one position.

    Parameters
    ----------
    series : Series
        The series.
    position : int
        Number of the position.
    times : range
        Time points.
    channels : tuple of int
        Channels.

    Returns
    -------
    SeriesPart
        The part.
    """
    return SeriesPart(series, [position], {position: times}, {position: list(channels)})


def opened(order: BatchOrder, task: StackTask | LeadTask) -> Series:
    """Open the series of a task, or return it if this process has it open.

    Parameters
    ----------
    order : BatchOrder
        The batch.
    task : StackTask or LeadTask
        The task.

    Returns
    -------
    Series
        The series; each run opens it anew.

    Raises
    ------
    InputError, SettingsError
        As for `open_series`.
    """
    return _opened(order.root, task.source, task.pattern, task.axes, order.run)


def close_series() -> None:
    """Close the series that this process keeps open for the tasks of a run."""
    _opened.cache_clear()


@lru_cache(MOST_OPEN)
def _opened(root: str, source: str, pattern: str | None, axes: str | None, _run: str) -> Series:
    place = as_place(root) if source == "." else as_place(root) / source
    return open_series(place, pattern=pattern, axes=axes)
