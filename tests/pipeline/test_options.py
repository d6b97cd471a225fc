"""Options of the public functions are the fields of `Settings`, for editors and for `help`."""

from __future__ import annotations

import dataclasses
import inspect
import threading
import typing

import numpy as np
import pytest
from scenes import picture

import napari_focus_stack as package
from napari_focus_stack import (
    ArraySource,
    Cancelled,
    Settings,
    SettingsError,
    align_stack,
    focus_stack,
)
from napari_focus_stack.pipeline import options, stack

FIELDS = {field.name: field for field in dataclasses.fields(Settings)}


def planes() -> np.ndarray:
    return np.stack([np.rint(picture("brick", 64, 80) * 255).astype(np.uint8)] * 4)


@pytest.mark.parametrize(
    ("function", "kind"), [(focus_stack, options.Options), (align_stack, options.AlignOptions)]
)
def test_settings_are_documented_keywords(function: typing.Any, kind: typing.Any) -> None:
    shown = inspect.signature(function).parameters
    documented = inspect.getdoc(function) or ""
    for name in options.names_of(kind):
        assert shown[name].kind is inspect.Parameter.KEYWORD_ONLY
        assert shown[name].default == FIELDS[name].default
        assert name in documented
    assert "options" not in shown
    assert set(FIELDS) & set(shown) == set(options.names_of(kind))


def test_types_are_those_of_settings() -> None:
    assert options.names_of(options.Options) == list(FIELDS)
    typed = {name: kind.__forward_arg__ for name, kind in options.Options.__annotations__.items()}
    for name, field in FIELDS.items():
        wanted = field.type if name != "memory" else "int | str | None"  # '1.5GB' is understood
        assert typed[name] == wanted, name


def test_settings_and_options_exclude_each_other() -> None:
    with pytest.raises(SettingsError, match="either settings or single options"):
        focus_stack(planes(), settings=Settings(), align="auto")
    with pytest.raises(SettingsError, match="magic"):
        focus_stack(planes(), magic=True)  # type: ignore[call-arg]
    with pytest.raises(SettingsError, match="no parameter 'method' here; choose from align,"):
        align_stack(planes(), method="depth")  # type: ignore[call-arg]


@pytest.mark.parametrize("function", [focus_stack, align_stack])
def test_progress_can_cancel(function: typing.Any) -> None:
    wanted, seen = threading.Event(), []

    def stop(progress: package.Progress) -> None:
        seen.append(progress)
        wanted.set()

    with pytest.raises(Cancelled):
        function(planes(), progress=stop, cancel=wanted)
    assert len(seen) == 1


def test_an_aligned_stack_lies_as_its_reference() -> None:
    whole = np.rint(picture("brick", 180, 180) * 200).astype(np.uint8)
    moved = np.stack([whole[y:, x:][:160, :160] for y, x in ((4, 4), (7, 1), (2, 9))])
    seen: list[package.Progress] = []
    aligned = align_stack(ArraySource(moved), align="shift", reference=0, progress=seen.append)
    assert len(aligned) == 3
    assert {step.step for step in seen} == {"align"}
    np.testing.assert_allclose(aligned.alignment.transforms[1][:2, 2], (3, -3), atol=0.05)
    difference = aligned[1][20:-20, 20:-20].astype(int) - moved[0][20:-20, 20:-20]
    assert np.abs(difference).mean() < 2


def test_a_result_is_shown_in_one_line() -> None:
    result = stack.focus_stack(planes(), align="none", z_step=0.5)
    assert repr(result) == (
        "StackResult(image=64 x 80 uint8, planes=4 of 4, align='none', height=micrometer, "
        f"notes={len(result.report.notes)})"
    )
