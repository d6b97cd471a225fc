"""Every command and snippet of docs/heights.md, run in the order of the page."""

from __future__ import annotations

import contextlib
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import tifffile

from napari_focus_stack.cli.main import main
from napari_focus_stack.simulation.samples import render_sample

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = (Path(__file__).parents[2] / "docs" / "heights.md").read_text(encoding="utf-8")
SHORT = ["--seconds", "0.1", "--size", "160x120"]
"""Options that make a film of three small frames."""


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def commands() -> Iterator[list[str]]:
    for line in "".join(blocks("sh")).splitlines():
        program, *arguments = shlex.split(line, comments=True)
        assert program == "focusstack"
        film = arguments[0] == "film" and "--stereo" not in arguments
        yield [*arguments, *(SHORT if film else [])]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder in which the page works, with the planes of a sample of 416 x 416 pixels."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "planes").mkdir()
    sample = render_sample("histology")
    centimetre = (1e4 / sample.spacing.x, 1e4 / sample.spacing.y)
    for k, plane in enumerate(sample.planes):
        place = folder / "planes" / f"plane{k:02}.tif"
        tifffile.imwrite(place, plane, resolution=centimetre, resolutionunit="CENTIMETER")
    with contextlib.chdir(folder):
        yield folder


def test_commands_write_the_files_that_they_name(here: Path) -> None:
    for arguments in commands():
        assert main(arguments) == 0, arguments
        named = [one for one in arguments if re.search(r"\.\w{3,}$", one)]
        assert all(Path(one).stat().st_size for one in named), arguments


def test_snippets_run_after_the_commands(here: Path) -> None:
    known: dict[str, object] = {}
    for snippet in blocks("python"):
        exec(snippet, known)
    assert known["levelled"] is not known["heights"]


def test_every_link_leads_somewhere() -> None:
    folder = Path(__file__).parents[2] / "docs"
    for target in re.findall(r"\]\(([^)#]*)#?[^)]*\)", PAGE):
        assert not target or (folder / target).is_file(), target
