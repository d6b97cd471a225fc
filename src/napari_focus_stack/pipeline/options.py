"""Options of the public functions: the fields of `Settings`, as typed keywords."""

from __future__ import annotations

import dataclasses
import inspect
from typing import TYPE_CHECKING, Any, Literal, TypedDict, TypeVar

from napari_focus_stack.errors import SettingsError
from napari_focus_stack.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_focus_stack.settings import (
        BrightnessMode,
        FusionMethod,
        MotionModel,
        OcclusionMode,
        ValuesMode,
    )

Function = TypeVar("Function", bound="Callable[..., Any]")


class Options(TypedDict, total=False):
    """Fields of `Settings`, each optional."""

    method: FusionMethod
    align: MotionModel
    reference: int | Literal["middle", "first"]
    gaussian: int
    laplacian: int
    brightness: BrightnessMode
    align_region: tuple[int, int, int, int] | None
    crop: bool
    values: ValuesMode
    occlusion: OcclusionMode
    z_step: float | None
    memory: int | str | None
    threads: int | None


def chosen(settings: Settings | None, options: Options) -> Settings:
    """Return the settings of a call, whether passed as a whole or as single options.

    Parameters
    ----------
    settings : Settings, optional
        All parameters at once.
    options : Options
        Single parameters instead.

    Returns
    -------
    Settings
        Settings of the run.

    Raises
    ------
    SettingsError
        Both were passed, or an option does not exist or is out of bounds.
    """
    if settings is None:
        return Settings.from_options(**options)
    if options:
        raise SettingsError("Give either settings or single options, not both.")
    return settings


def with_options(function: Function) -> Function:
    """Show the fields of `Settings` in the signature of a function that takes them as options.

    Parameters
    ----------
    function : callable
        Function with ``**options``.

    Returns
    -------
    callable
        The same function; `help` shows every option with its default.
    """
    signature = inspect.signature(function)
    named = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    options = [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=field.default,
            annotation=field.type,
        )
        for field in dataclasses.fields(Settings)
    ]
    shown = signature.replace(parameters=[*named, *options])
    function.__signature__ = shown  # type: ignore[attr-defined]
    return function
