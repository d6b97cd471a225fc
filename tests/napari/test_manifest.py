"""What `npe2 validate` does not look at."""

from importlib import import_module, metadata
from pathlib import Path

import npe2
import pytest
from napari._app_model.constants import MenuId

import napari_focus_stack
from napari_focus_stack.io.output_formats import SAVED

MANIFEST = Path(napari_focus_stack.__file__).with_name("napari.yaml")


@pytest.fixture
def manifest():
    return npe2.PluginManifest.from_file(MANIFEST)


def test_the_name_is_that_of_the_distribution(manifest):
    assert manifest.name == metadata.metadata("napari-focus-stack")["Name"]
    assert manifest.display_name == "Focus Stack"


def test_every_command_can_be_imported(manifest):
    for command in manifest.contributions.commands:
        module, name = command.python_name.split(":")
        assert callable(getattr(import_module(module), name)), command.id


def test_every_command_is_used_and_declared(manifest):
    given = manifest.contributions
    parts = (given.readers, given.writers, given.widgets, given.sample_data)
    used = {item.command for part in parts for item in part}
    used |= {item.command for items in given.menus.values() for item in items}
    assert used == {command.id for command in given.commands}


def test_every_menu_takes_contributions(manifest):
    assert set(manifest.contributions.menus) <= {menu.value for menu in MenuId.contributables()}


def test_readers_are_for_folders_and_for_what_napari_does_not_read(manifest):
    readers = manifest.contributions.readers
    asked = {r.command: (r.accepts_directories, r.filename_patterns) for r in readers}
    assert asked == {
        "napari-focus-stack.read_folder": (True, []),
        "napari-focus-stack.read_series": (False, ["*.czi", "*.nd2", "*.lif", "*.companion.ome"]),
        "napari-focus-stack.reopen": (False, [f"*{end}" for end in SAVED]),
    }


def test_what_needs_a_path_is_out_of_the_palette(manifest):
    given = manifest.contributions
    need = {item.command for item in (*given.readers, *given.writers)}
    assert need
    for command in given.commands:
        assert (command.enablement == "False") is (command.id in need), command.id


def test_no_sample_is_named_like_a_command(manifest):
    commands = {command.id for command in manifest.contributions.commands}
    keys = [f"{manifest.name}.{sample.key}" for sample in manifest.contributions.sample_data]
    assert not commands & set(keys)


def test_the_manifest_at_the_top_is_a_link_to_the_one_inside():
    link = Path(__file__).parents[2] / "napari.yaml"
    if not link.exists():
        pytest.skip("not a checkout")
    assert link.is_symlink()
    assert link.resolve() == link.parent / "src" / "napari_focus_stack" / "napari.yaml"
    assert link.read_bytes() == MANIFEST.read_bytes()
