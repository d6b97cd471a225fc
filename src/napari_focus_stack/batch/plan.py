"""What a batch has to do, and what an earlier run did."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_focus_stack.batch.markers import Marker
    from napari_focus_stack.batch.records import BatchRecord, StackName
    from napari_focus_stack.batch.tasks import BatchOrder, LeadTask, StackTask
    from napari_focus_stack.series.model import Position


@dataclass(frozen=True, kw_only=True)
class Listed:
    """One position in the list of a dry run.

    Attributes
    ----------
    source : str
        File or folder, relative to the root.
    number : int
        Number of the position in it.
    position : Position
        Axes and distances.
    results : dict of str to str
        Place of each role.
    stacks, done, waiting : int
        Its stacks, those that an earlier run did, and those whose files are still being written.
    disk : int
        Bytes of the results that are still to come.
    seconds : float
        Processor seconds that are still to come.
    notes : tuple of str
        Omissions and assumptions of the reader of its series.
    """

    source: str
    number: int
    position: Position
    results: dict[str, str]
    stacks: int
    done: int
    waiting: int
    disk: int
    seconds: float
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class FilmPlan:
    """A film whose time points are tasks of their own.

    Attributes
    ----------
    film : Position
        Position with all time points.
    first : StackTask
        One of its tasks.
    tasks : int
        Tasks that are to do.
    complete : bool
        Whether the film is complete when they are done: nothing of it is still being written.
    done : tuple of int
        Time points, from the first of the film, that an earlier run did.
    markers : dict of (int, int) to str
        Marker by time point, from the first of the film, and number of the channel in the film.
    """

    film: Position
    first: StackTask
    tasks: int
    complete: bool
    done: tuple[int, ...]
    markers: dict[tuple[int, int], str]


@dataclass(kw_only=True)
class BatchPlan:
    """What is to do.

    Attributes
    ----------
    order : BatchOrder
        The batch.
    listed : list of Listed
        Every position that can be stacked.
    tasks : list of StackTask
        Tasks to do.
    leads : dict of str to LeadTask
        Search of the lead channel, by source.
    plates : dict of str to dict
        Number of fields of each well, by the place of the plate.
    films : dict of str to FilmPlan
        Films by the place of their image.
    kept : list of BatchRecord
        Stacks that an earlier run did.
    left : list of BatchRecord
        What cannot be stacked.
    young : list of StackName
        Stacks whose files are still being written.
    youngest : float
        When the last of them changed, in seconds since the epoch.
    outdated : set of str
        Markers that no longer hold, which are removed before the work.
    markers : dict of str to Marker
        All markers of earlier runs, by place.
    quiet : float
        Seconds for which the files of a stack must not have changed.
    otherwise : str
        Why a run would refuse what an earlier one made with other settings; empty if it would not.
    """

    order: BatchOrder
    listed: list[Listed] = field(default_factory=list)
    tasks: list[StackTask] = field(default_factory=list)
    leads: dict[str, LeadTask] = field(default_factory=dict)
    plates: dict[str, dict[str, int]] = field(default_factory=dict)
    films: dict[str, FilmPlan] = field(default_factory=dict)
    kept: list[BatchRecord] = field(default_factory=list)
    left: list[BatchRecord] = field(default_factory=list)
    young: list[StackName] = field(default_factory=list)
    youngest: float = 0.0
    outdated: set[str] = field(default_factory=set)
    markers: dict[str, Marker] = field(default_factory=dict)
    quiet: float = 0.0
    otherwise: str = ""

    @property
    def stacks(self) -> int:
        """Number of stacks to do."""
        return sum(len(task.markers) for task in self.tasks)

    @property
    def memory(self) -> int:
        """Bytes that the largest of the tasks takes."""
        return max((task.memory for task in self.tasks), default=0)

    @property
    def seconds(self) -> float:
        """Processor seconds that the tasks take, about."""
        return sum(entry.seconds for entry in self.listed)
