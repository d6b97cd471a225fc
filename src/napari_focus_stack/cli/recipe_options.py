"""Settings and inputs of a call, with those of the recipe that it names as defaults."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import TYPE_CHECKING, Any

from napari_focus_stack.cli.shared_options import options_named
from napari_focus_stack.errors import InputError, SettingsError
from napari_focus_stack.io.places import is_missing
from napari_focus_stack.settings import Settings

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from napari_focus_stack.io.recipe import Recipe
    from napari_focus_stack.series.model import Series


def wanted_recipe(call: argparse.Namespace) -> Recipe:
    """Return the recipe of a call: its own options, and defaults from the recipe that it names."""
    from napari_focus_stack.io.recipe import Recipe

    if call.transforms_from is not None and call.align is not None:
        raise SettingsError(
            f"--transforms-from leaves nothing for --align {call.align} to estimate; give one of "
            "them."
        )
    recipe = Recipe() if call.recipe is None else Recipe.read(call.recipe)
    with options_named():
        settings = recipe.settings.updated(
            **{field.name: getattr(call, field.name) for field in dataclasses.fields(Settings)}
        )
    estimated = call.align is not None
    return dataclasses.replace(
        recipe,
        settings=settings,
        inputs=_inputs(call, recipe),
        transforms=None if estimated else recipe.transforms,
    )


def placed_series(call: argparse.Namespace, wanted: Recipe) -> Series:
    """Return the stack of a series that a recipe names."""
    from napari_focus_stack.series.opening import open_series
    from napari_focus_stack.series.selection import select

    place, path = wanted.place, wanted.inputs[0]
    if is_missing(path):
        raise InputError(
            f"'{path}', which '{call.recipe}' names, is not there; say where the series is with "
            "-i/--input."
        )
    series = open_series(
        path, pattern=call.pattern or place["pattern"], axes=call.axes or place["axes"]
    )
    with contextlib.suppress(SettingsError):
        named = select(series, [place["position"]], place["time"], [place["channel"]])
        _check_names(named, call, place)
    return select(
        series,
        call.position or [place["position"]],
        place["time"] if call.time is None else call.time,
        call.channel or [place["channel"]],
    )


def _check_names(series: Series, call: argparse.Namespace, place: Mapping[str, Any]) -> None:
    """Refuse a series in which the place of a recipe has another name."""
    position = series.positions[0]
    for what, known, here in (
        ("position", place["position_name"], position.name),
        ("channel", place["channel_name"], position.channels[0].name),
    ):
        if known != here and getattr(call, what) is None:
            raise InputError(
                f"'{call.recipe}' is of {what} '{known}', which is '{here}' in "
                f"'{series.path.name}'; select it with --{what}."
            )


def given_inputs(wanted: Recipe) -> str | tuple[str, ...]:
    """Return the one file or folder of a call, or its files."""
    return wanted.inputs[0] if len(wanted.inputs) == 1 else wanted.inputs


def _inputs(call: argparse.Namespace, recipe: Recipe) -> tuple[str, ...]:
    """Return the files or folder to stack; by default those of the recipe."""
    from napari_focus_stack.io.file_order import natural_order

    if call.input is not None:
        # a shell passes img10 before img2
        return tuple(str(path) for path in natural_order(call.input))
    if call.recipe is None:
        raise SettingsError("-i/--input is required; see focusstack --help.")
    if recipe.place:
        return (recipe.place["series"],)
    missing = [name for name in recipe.inputs if is_missing(name)]
    if missing:
        raise InputError(
            f"'{missing[0]}', which '{call.recipe}' names, is not there; say where the planes are "
            "with -i/--input."
        )
    if not recipe.inputs:
        raise InputError(f"'{call.recipe}' names no files; give the planes with -i/--input.")
    return recipe.inputs
