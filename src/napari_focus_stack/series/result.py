"""Results of a series: one set of maps for each position, and a report for every stack."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from napari_focus_stack._utils.wording import format_count
from napari_focus_stack.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from napari_focus_stack.result import Progress, Report
    from napari_focus_stack.series.model import Position, StackIndex


@dataclass(frozen=True)
class SeriesProgress:
    """Progress of a series.

    Attributes
    ----------
    stack : str
        Name of the stack, such as "'film.tif', time 3, channel 'DAPI'".
    done, total : int
        Stacks done and all stacks.
    step : Progress or None
        Step within the stack.
    """

    stack: str
    done: int
    total: int
    step: Progress | None = None

    def __str__(self) -> str:
        """Return a sentence for a progress bar."""
        step = "" if self.step is None else f": {self.step}"
        return f"Stack {self.done + 1} of {self.total}, {self.stack}{step}"


class MapsInFiles(Mapping[str, Any]):
    """Maps that are opened when they are taken, and not kept: many positions have many files.

    Parameters
    ----------
    openers : mapping of str to callable
        Function that opens the map of each role.
    """

    def __init__(self, openers: Mapping[str, Callable[[], Any]]) -> None:
        self._openers = dict(openers)

    def __getitem__(self, role: str) -> Any:
        """Open the map of a role; raise InputError if its file is gone."""
        return self._openers[role]()

    def __iter__(self) -> Iterator[str]:
        """Return the roles."""
        return iter(self._openers)

    def __len__(self) -> int:
        """Return the number of maps."""
        return len(self._openers)

    def __repr__(self) -> str:
        """Return the roles, without opening a file."""
        return f"MapsInFiles({', '.join(self._openers)})"


@dataclass(frozen=True)
class PositionResult:
    """Maps of one position.

    Attributes
    ----------
    position : Position
        Name, channels, time points and pixel size.
    maps : mapping of str to array
        (T, C, Y, X[, S]): "image" in the dtype of the input; "depth" in planes, "height" in the
        unit of the z step (absent without a z step) and "confidence", (T, C, Y, X) float32. Stacks
        that failed are 0 and NaN. Arrays that were written to files are read from them on demand;
        each is opened when it is taken from the mapping, and closed when it is no longer used.
    """

    position: Position
    maps: Mapping[str, Any]


@dataclass(frozen=True)
class SeriesResult:
    """Results of a series.

    Attributes
    ----------
    positions : tuple of PositionResult
        One for each position.
    reports : dict of StackIndex to Report
        Report of every stack that was fused.
    failed : dict of StackIndex to str
        Reason, as a sentence, for every stack that was not.
    lead : str or int or None
        Name or number of the lead channel; None if every channel was aligned by itself.
    notes : list of str
        Sentences for the user on the series as a whole.
    files : tuple of pathlib.Path
        Files and folders that were written.
    """

    positions: tuple[PositionResult, ...]
    reports: dict[StackIndex, Report]
    failed: dict[StackIndex, str]
    lead: str | int | None
    notes: list[str] = field(default_factory=list)
    files: tuple[Path, ...] = ()

    @property
    def image(self) -> Any:
        """Images of the only position, (T, C, Y, X[, S])."""
        return self._only("image")

    @property
    def depth(self) -> Any:
        """Depth of the only position, (T, C, Y, X) float32, in planes."""
        return self._only("depth")

    @property
    def height(self) -> Any:
        """Heights of the only position, (T, C, Y, X) float32; None without a z step."""
        return self._only("height")

    @property
    def confidence(self) -> Any:
        """Confidence of the only position, (T, C, Y, X) float32, 0 to 1."""
        return self._only("confidence")

    def _only(self, role: str) -> Any:
        if len(self.positions) > 1:
            raise SettingsError(
                f"The series has {len(self.positions)} positions; choose one of `positions`."
            )
        return self.positions[0].maps.get(role)

    def __repr__(self) -> str:
        """Return one line without pixels."""
        stacks = format_count(len(self.reports), "stack", "stacks")
        return (
            f"SeriesResult({stacks} in {len(self.positions)} position(s), "
            f"failed={len(self.failed)}, lead={self.lead!r})"
        )
