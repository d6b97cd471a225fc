"""Base class of the docks that use one of the results in the viewer."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from magicgui.widgets import Container

from napari_focus_stack._napari.viewer.dock_tabs import tabbed
from napari_focus_stack._napari.widgets.job_row import JobRow
from napari_focus_stack._napari.widgets.layer_choosers import ResultChooser
from napari_focus_stack._napari.widgets.rows import row
from napari_focus_stack.errors import FocusStackError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import napari
    from magicgui.widgets import PushButton, Widget

    from napari_focus_stack._napari.layers.result_sets import ResultSet


class ResultDock(Container[Any]):
    """A chooser of results, a button that starts a job on one, and the row of that job.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where the results are.
    start_button : PushButton
        Starts the job with the chosen result; it is one of `rows`.
    rows : sequence of Widget
        Shown between the chooser and the row of the job.
    below : sequence of Widget
        Shown below the row of the job.
    tab : str
        Title of the dock where it is one of several tabs.
    needed : str, optional
        As `ResultChooser` takes it.
    brief : bool
        As `JobRow` takes it.

    Attributes
    ----------
    result : ResultChooser
        The results to choose from.
    job : JobRow
        Row of the job.
    """

    def __init__(
        self,
        viewer: napari.viewer.Viewer,
        start_button: PushButton,
        rows: Sequence[Widget],
        *,
        tab: str,
        below: Sequence[Widget] = (),
        needed: str | None = None,
        brief: bool = False,
    ) -> None:
        self._viewer = viewer
        self._start_button = start_button
        self.result = ResultChooser(viewer, needed)
        self.job = JobRow([start_button], brief=brief)
        super().__init__(
            widgets=[row("Result", self.result), *rows, self.job, *below], labels=False
        )
        start_button.changed.connect(self.start)
        self.job.ends_with(self)
        tabbed(self, tab)
        self.reset_choices()

    def reset_choices(self, *_: Any) -> None:
        """List the results anew; napari calls this when its layer list changes."""
        self.result.offer_results()
        self._offer_start()

    def _offer_start(self) -> None:
        """Enable the button if a job can start."""
        if not self.job.running:
            missing = self._missing()
            self._start_button.enabled = not missing
            self.job.show_missing(missing)

    def _missing(self) -> str:
        """Return a sentence on what must be there before a job can start; empty if all is."""
        return "" if self.result.value is not None else self.result.missing

    def start(self) -> None:
        """Start the job on the chosen result, unless one runs; show why it cannot be used."""
        found = self.result.chosen()
        if self.job.running or found is None:
            return
        try:
            self._start_on(found)
        except FocusStackError as problem:
            self.job.say_error(str(problem))

    @abstractmethod
    def _start_on(self, found: ResultSet) -> None:
        """Start the job on a result.

        Raises
        ------
        FocusStackError
            The result, or another choice, cannot be used; the message says why.
        """
