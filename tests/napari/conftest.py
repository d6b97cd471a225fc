"""Fixtures for tests that need napari: with a screen (xvfb-run) or without one."""

import gc
import os
import sys
import tempfile
from importlib.util import find_spec

import pytest
from stacks import OURS, banded_planes, widget_named

# napari saves window sizes when a viewer closes, and reads them when the next one opens
os.environ["NAPARI_CONFIG"] = os.path.join(tempfile.mkdtemp(prefix="napari-test-"), "settings.yaml")
os.environ["NAPARI_ASYNC"] = "0"
os.environ.setdefault("QT_API", "pyqt6" if find_spec("PyQt6") else "pyside6")
# with two bindings installed pytest-qt would take another one than napari
os.environ.setdefault("PYTEST_QT_API", os.environ["QT_API"])

ON_LINUX = sys.platform.startswith("linux")
HAS_SCREEN = any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
if ON_LINUX and not HAS_SCREEN:
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")  # else Qt aborts the whole process


@pytest.fixture(scope="session", autouse=True)
def _canvas_without_gl():
    """Answer vispy's two questions to OpenGL, which offscreen Qt has not got (vispy#2736)."""
    if not ON_LINUX or os.environ.get("QT_QPA_PLATFORM") != "offscreen":
        yield
        return
    import napari._qt.qt_main_window  # noqa: F401 - imports every module patched below

    patch = pytest.MonkeyPatch()
    answers = {
        "get_gl_extensions": lambda: "",
        "get_max_texture_sizes": lambda: (16384, 2048),
    }
    for name, module in list(sys.modules.items()):
        for question, answer in answers.items():
            if name.startswith("napari._vispy") and hasattr(module, question):
                patch.setattr(module, question, answer)
    yield
    patch.undo()


@pytest.fixture(scope="session", autouse=True)
def _plugins_found_once():
    """Read every plugin's manifest once, not for every viewer: an eighth faster."""
    import npe2

    manager = npe2.PluginManager.instance()
    manager.discover(include_npe1=True)
    patch = pytest.MonkeyPatch()
    patch.setattr(manager, "discover", lambda *_, **__: 0)
    yield
    patch.undo()


@pytest.fixture(scope="session", autouse=True)
def _frozen_imports(_plugins_found_once):
    """Keep what imports made out of the garbage collection round every viewer: a fifth faster."""
    import magicgui  # noqa: F401
    import napari._qt.qt_main_window
    import napari.layers  # noqa: F401

    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _nothing_remembered(monkeypatch, tmp_path_factory):
    """Begin every test as a user who has never pressed Stack."""
    from napari_focus_stack._napari.viewer import preferences

    place = tmp_path_factory.mktemp("remembered") / preferences.FILE
    monkeypatch.setattr(preferences, "_place", lambda: place)


@pytest.fixture(autouse=True)
def _nothing_to_recover(monkeypatch, tmp_path_factory):
    """Begin every test without results of earlier sessions, and keep none in its background."""
    from napari_focus_stack._napari.io import recovery
    from napari_focus_stack._napari.widgets import results_keeper

    place = tmp_path_factory.mktemp("recovery")
    monkeypatch.setattr(recovery, "recovery_place", lambda: place)
    monkeypatch.setattr(results_keeper, "DELAY", 3600.0)
    yield
    for keeper in list(results_keeper._keepers):
        keeper.close()


@pytest.fixture(autouse=True)
def _no_widget_left(request):
    """Fail a test that leaves windows or docks open; napari's own fixtures look at its windows."""
    yield
    app = request.getfixturevalue("qapp") if "qapp" in request.fixturenames else None
    if app is None:
        return
    from qtpy.QtCore import QEvent

    app.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    if os.environ["QT_API"] == "pyside6":
        gc.collect()  # it crashes where the collection in a worker finds widgets
    left = [widget for widget in app.topLevelWidgets() if widget.isVisible()]
    assert not left, f"left open: {left}"


@pytest.fixture
def viewer(request):
    """Layers, dims and camera, which come and go in a tenth of the time that a window takes."""
    if hasattr(request, "param"):
        return request.getfixturevalue("make_napari_viewer_proxy")()
    from napari.components import ViewerModel

    return ViewerModel()


@pytest.fixture
def dock(qapp, viewer):
    """What docks a widget of ours, by its name in the menus, and returns it."""
    from qtpy.QtCore import QEvent, Qt
    from qtpy.QtWidgets import QDockWidget, QMainWindow

    if hasattr(viewer, "window"):
        yield lambda name: viewer.window.add_plugin_dock_widget(OURS, name)[1]
        return
    window, widgets = QMainWindow(), []

    def put(name):
        """As napari's window does."""
        widget = widget_named(name)(viewer)
        for change in {"inserted", "removed", "reordered", "renamed"} & {*viewer.layers.events}:
            getattr(viewer.layers.events, change).connect(widget.reset_choices)
        place = QDockWidget(window)
        place.setWidget(widget.native)
        window.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, place)
        widgets.append(widget)
        return widget

    yield put
    for widget in widgets:
        widget.native.setParent(None)  # told so, it lets go of the viewer
        widget.native.deleteLater()
    window.deleteLater()
    qapp.sendPostedEvents(None, QEvent.Type.DeferredDelete)


@pytest.fixture
def registered_plugins(mock_app_model):
    """Napari's plugins and ours, in an application of this test, as its window finds them.

    In napari's own application, which lasts, a second registration would fail: `make_napari_viewer`
    clears the cache that prevents it.
    """
    from napari.plugins import _initialize_plugins

    _initialize_plugins.cache_clear()
    _initialize_plugins()


@pytest.fixture
def notifications():
    """Messages that the user would see, as a list that grows."""
    from napari.utils.notifications import notification_manager

    messages = []

    def keep(notification):
        messages.append(str(notification.message))

    notification_manager.notification_ready.connect(keep)
    yield messages
    notification_manager.notification_ready.disconnect(keep)


@pytest.fixture
def planes():
    """Six planes of 48 x 64 uint8, each sharp in one band of rows: plane k in rows 8k to 8k + 7."""
    return banded_planes()
