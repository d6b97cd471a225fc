"""Use one napari window for long as a person does, errors and cancelled runs among the others.

    xvfb-run -s "-screen 0 1600x1000x24" python tests/life/window.py [RUNS]

Every tenth run all results are removed, and memory, threads, handles, files, widgets and layer
callbacks are compared from then on. Mesa's software OpenGL crashes when a program of it is deleted
and another one drawn, so none is deleted here, and every layer that is removed leaves what is
compiled for it (1.3 MiB), as every notification leaves its widgets (0.2 MiB). Therefore the same
layers come and go, and the same messages are shown, in a window without us (`bare_window.py`).
Prints a row on each; fails if something is left, or if memory grows by more than there.

On PyQt6: on PySide6 napari 0.9 keeps every layer that is removed, and 117 widgets of each.
"""

from __future__ import annotations

import gc
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import weakref
from collections import Counter
from pathlib import Path

# before napari reads them: whose user's settings would be changed, and asked for
os.environ["NAPARI_CONFIG"] = os.path.join(tempfile.mkdtemp(prefix="napari-"), "settings.yaml")
os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="napari-")  # results that are kept
sys.path.insert(0, str(Path(__file__).parents[1] / "napari"))

import napari
import numpy as np
import tifffile
from bare_window import NOTIFICATION, ROUND, SIZE, keep_programs
from measures import HEAD, Growth, Life, held, own_folders, trim
from napari._qt.dialogs.qt_notification import NapariQtNotification
from napari.utils.notifications import notification_manager
from person import Person
from qtpy.QtCore import QObject, QPoint, QThreadPool
from qtpy.QtWidgets import QApplication
from signals import render
from stacks import camera_of

from napari_focus_stack._napari.viewer import preferences
from napari_focus_stack._napari.widgets.settings_form import UPDATE

SIDE, PLANES = 160, 6
TITLE = "Focus Stack"
ONE, DAMAGED = "cells", "damaged"


class Session:
    """A person at one window.

    Parameters
    ----------
    folder : pathlib.Path
        For the planes.
    """

    def __init__(self, folder: Path) -> None:
        self.viewer = napari.Viewer()
        self.viewer.window.set_geometry(20, 20, *SIZE)
        self.me = Person(self.viewer, folder)
        planes = folder / ONE
        planes.mkdir()
        for z, plane in enumerate(render(None, 1, PLANES, SIDE)):
            tifffile.imwrite(planes / f"p{z}.tif", plane)
        self.damaged = folder / DAMAGED
        shutil.copytree(planes, self.damaged)
        self.viewer.open(planes, plugin="napari-focus-stack")
        self.stack = self.viewer.layers[0]
        self.changes: list[list[list[object]]] = []
        self.viewer.layers.events.inserted.connect(self._inserted)
        self.viewer.layers.events.removed.connect(self._removed)
        notification_manager.notification_ready.connect(self._notified)
        self.dock = self.open(TITLE, "Project")
        self.dock.form.parameters["align"].value = "none"
        self.steps = [
            self.plain,
            self.cancelled,
            lambda: self.plain("depth"),
            self.refused,
            self.probed,
            self.unreadable,
            lambda: self.plain("laplacian"),
            self.corrected,
            self.measured,
            self.emptied,
        ]

    def _inserted(self, event) -> None:
        layer = event.value
        looks = [type(layer).__name__, np.shape(layer.data), str(getattr(layer, "dtype", ""))]
        self.changes[-1].append([layer.unique_id, *looks])

    def _removed(self, event) -> None:
        self.changes[-1].append([event.value.unique_id])

    def _notified(self, notification) -> None:
        said = [notification.message, str(notification.severity)]
        self.changes[-1].append([NOTIFICATION, *said])

    def step(self, number: int) -> None:
        """Do what a run of this number is, and note the layers that come and go."""
        self.changes.append([])
        self.steps[number % ROUND]()

    def open(self, name: str, *menus: str):
        """Open a dock by napari's menu."""
        shown = f"{name} (Focus Stack)"
        if shown not in self.viewer.window.dock_widgets:
            self.me.menu("Layers", *menus, shown)
        return self.viewer.window.dock_widgets[shown]

    def close(self, name: str) -> None:
        """Close a dock by the cross in its title."""
        shown = f"{name} (Focus Stack)"
        dock = self.viewer.window._wrapped_dock_widgets[shown]
        dock.show()
        dock.raise_()
        self.me.wait(30)
        self.me.click(dock.title.close_button, what=f"the cross of {name}")
        self.me.wait_for(lambda: shown not in self.viewer.window.dock_widgets, f"no {name}")

    def run(self) -> str:
        """Press Stack, wait for the end, and return what is said."""
        self.viewer.layers.selection = {self.stack}
        self.show(self.dock)
        target = self.dock.form.target
        if target.enabled:
            target.value = UPDATE  # napari adds and removes a layer the slower, the more there are
        self.dock.stack_button.native.click()
        self.me.wait_for(lambda: not self.dock.job.running, "the run", 60)
        return self.dock.job.status.value

    def show(self, dock) -> None:
        """Bring a dock in front of those that it shares its place with."""
        wrapped = dock.native
        while wrapped is not None and not hasattr(wrapped, "title"):
            wrapped = wrapped.parentWidget()
        wrapped.show()
        wrapped.raise_()
        self.me.wait(20)

    def plain(self, method: str = "pyramid") -> None:
        """Stack by a method."""
        self.dock.form.parameters["method"].value = method
        said = self.run()
        assert said.startswith("Stacked"), said

    def cancelled(self) -> None:
        """Press Cancel as soon as the run is under way."""
        self.dock.form.parameters["method"].value = "pyramid"
        self.dock.form.parameters["align"].value = "affine"
        self.viewer.layers.selection = {self.stack}
        self.show(self.dock)
        self.dock.stack_button.native.click()
        self.dock.job.cancel_button.native.click()
        self.me.wait_for(lambda: not self.dock.job.running, "the end", 60)
        self.dock.form.parameters["align"].value = "none"
        assert self.dock.job.status.value.startswith("Cancelled"), self.dock.job.status.value

    def middle(self, away: int = 0) -> QPoint:
        """Return a point near the middle of the canvas, where the whole stack is shown."""
        self.viewer.reset_view()
        self.me.wait(20)
        return self.me.canvas.rect().center() + QPoint(away, away)

    def refused(self) -> None:
        """Align on a line, which is no area."""
        line = self.viewer.add_shapes(np.array([(5, 5), (40, 40)]), shape_type="line", name="line")
        form = self.dock.form
        form.align_on.value = line.unique_id
        form.parameters["align"].value = "auto"
        said = self.run()
        assert said.startswith("'line' holds no area to align on"), said
        form.parameters["align"].value = "none"
        self.viewer.layers.remove(line)

    def unreadable(self) -> None:
        """Stack planes of which one has been cut short since, and remove them."""
        self.viewer.open(self.damaged, plugin="napari-focus-stack")
        kept, self.stack = self.stack, self.viewer.layers[DAMAGED]
        plane = self.damaged / "p3.tif"
        whole = plane.read_bytes()
        plane.write_bytes(whole[: len(whole) // 2])
        said = self.run()
        assert "p3.tif" in said, said
        plane.write_bytes(whole)
        self.viewer.layers.remove(self.stack)
        self.stack = kept

    def probed(self) -> None:
        """Look at focus curves, and close the dock."""
        dock = self.open("Probe focus", "Measure")
        self.me.move(self.me.canvas, self.middle())
        self.me.wait_for(lambda: dock.plot.curve is not None, "the curve")
        self.me.move(self.me.canvas, self.middle(9))
        self.close("Probe focus")
        self.plain()

    def corrected(self) -> None:
        """Paint a plane, and close the dock."""
        dock = self.open("Correct depth", "Annotate")
        self.show(dock)
        self.me.click(dock.correct_button.native)
        self.me.wait_for(lambda: not dock.job.running, "the correction")
        self.me.drag(self.me.canvas, [self.middle(k) for k in (0, 5, 10)], "a stroke")
        self.close("Correct depth")
        for layer in [one for one in self.viewer.layers if "correction" in one.name]:
            self.viewer.layers.remove(layer)
        self.plain()

    def measured(self) -> None:
        """Measure heights, and close the dock."""
        self.open("Measure heights", "Measure")
        self.me.wait(50)
        self.close("Measure heights")
        self.plain()

    def emptied(self) -> None:
        """Stack once more, and remove all results."""
        self.plain()
        for layer in [one for one in self.viewer.layers if one is not self.stack]:
            self.viewer.layers.remove(layer)
        pool = QThreadPool.globalInstance()
        self.me.wait_for(lambda: not pool.activeThreadCount(), "the end of all work")
        self.me.wait(50)

    def counts(self) -> dict[str, int]:
        """Return numbers of widgets, timers, callbacks and objects of ours."""
        objects: Counter[str] = Counter()
        for one in gc.get_objects():
            name = getattr(type(one), "__module__", "")
            if isinstance(name, str) and name.startswith("napari_focus_stack"):
                objects[type(one).__name__] += 1
        windows, app = QApplication.topLevelWidgets(), QApplication.instance()
        return {
            "widgets": _ours(QApplication.allWidgets()),
            "windows": len(windows),
            "objects of the window": _ours(self.me.window.findChildren(QObject)),
            "objects of the application": len(app.findChildren(QObject)),
            "callbacks of the layer": _callbacks(self.stack.events),
            "callbacks of the list": _callbacks(self.viewer.layers.events),
            "callbacks of the view": _callbacks(self.viewer.dims.events)
            + _callbacks(camera_of(self.viewer).events),
            "callbacks of the mouse": len(self.viewer.mouse_move_callbacks)
            + len(self.viewer.mouse_drag_callbacks),
            **objects,
        }


def _ours(objects: list[QObject]) -> int:
    """Count objects but those of notifications, which napari 0.9 closes and does not delete."""
    return sum(not _is_notification(one) for one in objects)


def _is_notification(one: QObject | None) -> bool:
    while one is not None:
        if isinstance(one, NapariQtNotification):
            return True
        one = one.parent()
    return False


def _callbacks(group) -> int:
    """Count the callbacks of all events of a group whose receivers live.

    napari forgets the others when the event comes again.
    """
    found = [call for one in (group, *group.emitters.values()) for call in one.callbacks]
    owners = [call[0] for call in found if isinstance(call, tuple)]
    dead = sum(isinstance(one, weakref.ref) and one() is None for one in owners)
    return len(found) - dead


def without_us(changes: list[list[list[object]]], folder: Path) -> Growth:
    """Return how memory grows in a window of napari's own in which the same layers come and go."""
    record = folder / "changes.json"
    record.write_text(json.dumps([SIDE, PLANES, changes], default=str))
    bare = [sys.executable, str(Path(__file__).with_name("bare_window.py")), str(record)]
    said = subprocess.run(bare, stdout=subprocess.PIPE, text=True, check=True).stdout
    *rows, growth = said.splitlines()
    print(*rows, sep="\n")
    return Growth(**json.loads(growth))


def main(runs: int) -> None:
    print(HEAD, flush=True)
    kept = keep_programs()
    with own_folders() as made:
        preferences._place = lambda: made / preferences.FILE
        session, life, start = Session(made), Life("window"), time.monotonic()
        for number in range(runs):
            session.step(number)
            if number % ROUND == ROUND - 1:
                counts = session.counts()
                trim()
                life.note(held(), counts)
            else:
                life.note(held())
        last = held()
        print(f"{time.monotonic() - start:.0f} s, {len(kept)} programs are kept", file=sys.stderr)
        bare = without_us(session.changes, made)
        faults = life.faults(last, every=ROUND, apart=bare)
        ours = life.growth(ROUND).beyond(bare)
        print(f"ours: {ours.end - ours.start:+.1f} MiB, {ours.end / ours.start - 1:+.1%}; "
              f"trend {ours.trend / ours.start:+.1%}", flush=True)  # fmt: skip
        if faults:
            print("\n".join(faults), file=sys.stderr, flush=True)
    os._exit(bool(faults))  # napari removes its layers when it closes, where OpenGL may crash


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
