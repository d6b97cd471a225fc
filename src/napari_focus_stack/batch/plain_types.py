"""Types of dataclasses that come out of JSON, where any value may stand in any place."""

from __future__ import annotations

import dataclasses
import math
import types
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

_MOST = 2**63
"""Whole numbers from here on are none of ours."""
_Checked = TypeVar("_Checked")


def checked(found: _Checked) -> _Checked:
    """Return an instance of a dataclass whose fields have the types that it declares.

    Parameters
    ----------
    found : object
        Instance of a dataclass.

    Returns
    -------
    object
        The same instance.

    Raises
    ------
    ValueError
        A field holds something else.
    """
    cls: type = type(found)
    for name, kind in _kinds(cls).items():
        if not _fits(getattr(found, name), kind):
            raise ValueError(f"its {name} is wrong")
    return found


@cache
def _kinds(cls: type) -> dict[str, Any]:
    names = {field.name for field in dataclasses.fields(cls)}
    return {name: kind for name, kind in get_type_hints(cls).items() if name in names}


def _fits(value: Any, kind: Any) -> bool:
    """Return whether a value is of a type."""
    outer, inner = get_origin(kind), get_args(kind)
    if outer in (Union, types.UnionType):
        return any(_fits(value, one) for one in inner)
    if outer is Literal:
        return value in inner
    if outer is Mapping:
        return isinstance(value, dict) and all(
            _fits(key, inner[0]) and _fits(one, inner[1]) for key, one in value.items()
        )
    if outer in (tuple, Sequence):
        kinds = inner if outer is tuple and Ellipsis not in inner else inner[:1] * len(value or ())
        is_listed = isinstance(value, tuple | list) and len(value) == len(kinds)
        return is_listed and all(map(_fits, value, kinds))
    return _is_plain(value, kind)


def _is_plain(value: Any, kind: Any) -> bool:
    if kind is Any:
        return True
    if kind is float:
        return _is_plain(value, int) or (type(value) is float and math.isfinite(value))
    if kind is int:
        return type(value) is int and abs(value) < _MOST
    return isinstance(value, kind)
