"""Names of the results of a batch in its folder, and the refusal of those that would clash."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Literal

from napari_focus_stack.batch.markers import FOLDER, SUFFIX
from napari_focus_stack.errors import SettingsError
from napari_focus_stack.io.map_names import ROLES, map_name
from napari_focus_stack.io.places import followed, is_remote
from napari_focus_stack.series.file_names import (
    LONGEST,
    cut,
    folded,
    position_labels,
    report_names,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from napari_focus_stack.batch.finding import FoundSeries
    from napari_focus_stack.series.model import Series, StackIndex

Format = Literal["tif", "zarr"]
SUFFIXES: dict[Format, str] = {"tif": ".ome.tif", "zarr": ".ome.zarr"}
_LONGEST_STEM = 200
"""Bytes of a name before label, role and suffix."""
_LONGEST_STEM_BESIDE_LABELS = 100
"""Labels have up to 120 bytes, and the numbers and suffix of a marker some 30."""
_NOT_IN_NAMES = re.compile(r'[<>:"\\|?*\x00-\x1f]')
_DEVICES = re.compile(r"^(con|prn|aux|nul|com[1-9]|lpt[1-9])(?=\.|$)", re.IGNORECASE)
"""Names that Windows has taken, whatever follows behind a point."""
_ZARR = re.compile(r"(\.ome)?\.zarr$", re.IGNORECASE)
_FILE = re.compile(r"(\.ome)?\.[^.]+$", re.IGNORECASE)


@dataclass(frozen=True)
class ResultNames:
    """Names of the results of one series, relative to the folder of results, with slashes.

    Attributes
    ----------
    source : str
        The series, relative to the root.
    series : Series
        The whole series, of which time points without files may be left out, but no position.
    stem : str
        Beginning of all names, such as "A/leaf".
    labels : tuple of str
        Name of each position; empty for one alone.
    format : {"tif", "zarr"}
        Format of the results.
    """

    source: str
    series: Series
    stem: str
    labels: tuple[str, ...]
    format: Format

    @property
    def is_plate(self) -> bool:
        """Whether all positions are written to one plate."""
        return self.format == "zarr" and all(place.well for place in self.series.positions)

    def result(self, position: int, role: str) -> str:
        """Return the file or store of one map.

        Parameters
        ----------
        position : int
            Number of the position.
        role : str
            One of `ROLES`.

        Returns
        -------
        str
            Such as "A/leaf_B02-field-1_depth.ome.tif"; of a plate the whole store.
        """
        label = "" if self.is_plate else self.labels[position]
        folder, _, name = self.stem.rpartition("/")
        return _within(folder, map_name(name, label, role, SUFFIXES[self.format]))

    def marker(self, index: StackIndex) -> str:
        """Return the report of one stack, by which a later run sees that it is done.

        Parameters
        ----------
        index : StackIndex
            Place in the file or folder.

        Returns
        -------
        str
            Such as "reports/A/leaf_B02-field-1_t0003_c1_DAPI.focusstack.json", or
            "reports/A/leaf.focusstack.json" for a series of one stack.
        """
        return f"{FOLDER}/{self._stack(index, SUFFIX)}"

    def markers(self) -> Iterator[str]:
        """Return the report of every stack.

        Returns
        -------
        iterator of str
            As of `marker`.
        """
        return (self.marker(self.series.original(index)) for index in self.series)

    def _stack(self, index: StackIndex, ending: str) -> str:
        """Return the name of what is of one stack."""
        if len(self.series) == 1:
            return self.stem + ending
        folder, _, name = self.stem.rpartition("/")
        room = LONGEST - len(f"{name}_{ending}".encode())
        return _within(folder, f"{name}_{cut(self._places[index], room)}{ending}")

    @cached_property
    def _places(self) -> Mapping[StackIndex, str]:
        """Label, numbers and channel of each stack."""
        names = report_names(self.series, self.labels)
        return {
            self.series.original(index): name.removesuffix(".json").lstrip("_")
            for index, name in names.items()
        }


def result_names(found: FoundSeries, root: Path, written: Format) -> ResultNames:
    """Name the results of a series after its file or folder.

    Parameters
    ----------
    found : FoundSeries
        The series.
    root : pathlib.Path
        Root of the batch, after which results are named if it is the series itself.
    written : {"tif", "zarr"}
        Format of the results.

    Returns
    -------
    ResultNames
        "A/leaf" for "A/leaf.tif" and for the folder "A/leaf". Characters that Windows cannot hold
        are dashes. A name that is too long is cut and ends in a number made of the whole.
    """
    source = _root_name(root) if found.source == "." else found.source
    *folders, name = PurePosixPath(source).parts
    shortened = (_FILE if found.is_file else _ZARR).sub("", name) or name
    several = len(found.series.positions) > 1
    stem = _cut_uniquely(
        _writable(shortened), _LONGEST_STEM_BESIDE_LABELS if several else _LONGEST_STEM
    )
    out = PurePosixPath(stem + SUFFIXES[written])
    labels = position_labels(found.series, out) if several else [""]
    path = "/".join([*map(_writable, folders), stem])
    return ResultNames(found.source, found.series, path, tuple(labels), written)


def check_collisions(named: Iterable[ResultNames]) -> None:
    """Refuse a batch in which two stacks would be written to one file.

    Parameters
    ----------
    named : iterable of ResultNames
        Every series of the batch.

    Raises
    ------
    SettingsError
        Two names are the same, on Windows or macOS at least, where case and the coding of accents
        do not count; or one is that of a folder of others. The message names both sources.
    """
    owners: dict[str, tuple[str, str]] = {}
    folders: dict[str, str] = {}
    for names in named:
        for path in _files(names):
            key = folded(path)
            if key in owners:
                source, earlier = owners[key]
                raise _collision(source, names.source, path, alike=path != earlier)
            owners[key] = names.source, path
            for parent in PurePosixPath(key).parents[:-1]:
                folders.setdefault(str(parent), names.source)
    for key in owners.keys() & folders.keys():
        raise _collision(owners[key][0], folders[key], key)


def check_places(root: Path, out: Path) -> None:
    """Refuse a folder of results that lies in the root, or that holds it.

    Parameters
    ----------
    root : pathlib.Path
        Folder or file of the batch.
    out : pathlib.Path
        Folder of the results, which need not exist.

    Raises
    ------
    SettingsError
        They are the same, or one lies in the other; links are followed.
    """
    source, target = _real(root), _real(out)
    if target == source:
        raise SettingsError(f"'{out}' is the folder of the stacks; choose another for the results.")
    if source in target.parents:
        raise SettingsError(
            f"'{out}' lies in '{root}', where the next run would look for stacks; choose a folder "
            "outside of it for the results."
        )
    if target in source.parents:
        raise SettingsError(
            f"'{out}' holds '{root}', so that results would lie among the stacks; choose a folder "
            "beside it for the results."
        )


def _real(place: Path) -> PurePosixPath:
    """Return the absolute path of a place, links followed; of a URL its address."""
    if is_remote(place):
        return PurePosixPath(str(place))
    return PurePosixPath(os.path.normcase(followed(place)).replace("\\", "/"))


def _files(names: ResultNames) -> Iterator[str]:
    """Yield every file and store of a series but its pictures, which are named as markers are."""
    positions = [0] if names.is_plate else range(len(names.series.positions))
    for position in positions:
        for role in ROLES:
            yield names.result(position, role)
    yield from names.markers()


def _collision(one: str, other: str, path: str, *, alike: bool = False) -> SettingsError:
    """Return the error of two stacks with one name, or with two that some systems take for one."""
    if one == other:
        return SettingsError(
            f"Two positions of '{one}' would be written to one file, '{path}'; select one of them "
            "with --position."
        )
    where = (
        " on Windows or macOS, where upper and lower case and the coding of accents do not count"
        if alike
        else ""
    )
    return SettingsError(
        f"'{one}' and '{other}' would be written to one file, '{path}'{where}; rename one of them, "
        "or move it out and stack it by a run of its own."
    )


def _root_name(root: Path) -> str:
    """Return the name of the root, which may be a relative path such as "."."""
    return root.name if is_remote(root) else followed(root).name or "stacks"


def _writable(name: str) -> str:
    """Return a name that every system can hold: no signs, devices or points at its end."""
    plain = _NOT_IN_NAMES.sub("-", name.encode(errors="replace").decode()).rstrip(". ") or "-"
    return _DEVICES.sub(r"\1-", plain)


def _cut_uniquely(name: str, limit: int) -> str:
    """Return a name within a limit of bytes; a long one ends in a number made of the whole."""
    if len(name.encode()) <= limit:
        return name
    number = hashlib.blake2b(name.encode(), digest_size=4).hexdigest()
    return f"{cut(name, limit - len(number) - 1)}-{number}"


def _within(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name
