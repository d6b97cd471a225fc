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


class AlignOptions(TypedDict, total=False):
    """Fields of `Settings` that an alignment goes by, each optional."""

    align: MotionModel
    reference: int | Literal["middle", "first"]
    align_region: tuple[int, int, int, int] | None
    memory: int | str | None
    threads: int | None


class Options(AlignOptions, total=False):
    """Fields of `Settings`, each optional."""

    method: FusionMethod
    gaussian: int
    laplacian: int
    brightness: BrightnessMode
    crop: bool
    values: ValuesMode
    occlusion: OcclusionMode
    pixel_size: float | None
    z_step: float | None
    z_factor: float
    z_uncertainty: float


def names_of(kind: type[AlignOptions]) -> list[str]:
    """Return the names of options, in the order of the fields of `Settings`.

    Parameters
    ----------
    kind : type
        `AlignOptions` or `Options`.

    Returns
    -------
    list of str
        Names of the fields.
    """
    fields = dataclasses.fields(Settings)
    return [field.name for field in fields if field.name in kind.__annotations__]


def chosen(
    settings: Settings | None, options: AlignOptions, kind: type[AlignOptions] = Options
) -> Settings:
    """Return the settings of a call, whether passed as a whole or as single options.

    Parameters
    ----------
    settings : Settings, optional
        All parameters at once.
    options : Options or AlignOptions
        Single parameters instead.
    kind : type
        Options that the function has.

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
        names = names_of(kind)
        for name in options:
            if name not in names:
                raise SettingsError(
                    f"There is no parameter '{name}' here; choose from {', '.join(sorted(names))}."
                )
        return Settings.from_options(**options)
    if options:
        raise SettingsError("Give either settings or single options, not both.")
    return settings


def with_options(kind: type[AlignOptions]) -> Callable[[Function], Function]:
    """Show fields of `Settings` in the signature of a function that takes them as options.

    Parameters
    ----------
    kind : type
        `AlignOptions` or `Options`, as the function takes them by ``**options``.

    Returns
    -------
    callable
        Decorator; `help` of the function shows every option with its default.
    """
    names = names_of(kind)
    options = [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=field.default,
            annotation=field.type,
        )
        for field in dataclasses.fields(Settings)
        if field.name in names
    ]

    def show(function: Function) -> Function:
        signature = inspect.signature(function)
        named = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
        shown = signature.replace(parameters=[*named, *options])
        function.__signature__ = shown  # type: ignore[attr-defined]
        return function

    return show
