"""Errors of servers and of the way to them, as sentences."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from napari_focus_stack.errors import FocusStackError

_NETWORK = {"botocore", "aiobotocore", "aiohttp", "gcsfs", "google", "azure", "adlfs"}
"""Packages whose exceptions are those of a server or of the way to it."""
_DENIED = (401, 403)
"""HTTP status of a request that is not allowed."""


@contextlib.contextmanager
def remote_errors(place: Path, kind: type[FocusStackError], done: str) -> Iterator[None]:
    """Turn every failure of a server, or of the way to it, into one sentence.

    Parameters
    ----------
    place : pathlib.Path
        File or folder there.
    kind : type of FocusStackError
        Error that is raised.
    done : str
        What was tried: "read" or "written".

    Raises
    ------
    FocusStackError
        Of that kind, with what happened and what to do.
    """
    try:
        yield
    except Exception as problem:
        if not _is_of_network(problem):
            raise
        why, remedy = _explained(problem)
        raise kind(f"'{place}' cannot be {done}: {why}", remedy) from problem


def _is_of_network(problem: Exception) -> bool:
    """Return whether an exception comes from a server or from the way to it.

    Libraries of servers have roots of their own, which are no OSError, and are not imported here.
    """
    roots = {kind.__module__.partition(".")[0] for kind in type(problem).__mro__}
    return isinstance(problem, OSError | NotImplementedError) or not _NETWORK.isdisjoint(roots)


def _explained(problem: Exception) -> tuple[str, str]:
    """Return what happened and what to do."""
    kind, words = type(problem).__name__, " ".join(str(problem).split()).rstrip(".")
    denied = isinstance(problem, PermissionError) or "Credentials" in kind
    if denied or getattr(problem, "status", None) in _DENIED:
        return f"access is denied ({words})", "check the credentials and what they allow"
    if isinstance(problem, FileNotFoundError):
        # s3fs names the bucket, the others the file, which the message has already
        what = "bucket" if "bucket" in words.lower() else "file or folder"
        return f"there is no such {what}", "check the address"
    if isinstance(problem, NotImplementedError):
        return "places of its kind are only read", "choose a folder or an address such as s3://"
    return f"the server failed or was not reached ({words or kind})", (
        "check the address and the network"
    )
