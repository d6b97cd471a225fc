"""Files of a series: OME-TIFF or OME-Zarr for each map, and a folder of reports."""

from __future__ import annotations

import contextlib
import re
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack.errors import OutputError
from napari_focus_stack.io.hyperstack_writer import HyperstackLegend, HyperstackWriter
from napari_focus_stack.io.ome_zarr_writer import (
    OmeZarrImage,
    check_place,
    create_ome_zarr,
    open_level,
)
from napari_focus_stack.io.sources import Spacing
from napari_focus_stack.io.spacing_metadata import even_step
from napari_focus_stack.io.writing import Outputs, describe_values, os_errors, temporary_name
from napari_focus_stack.series.destinations import Destination, MapWriter, PositionMaps
from napari_focus_stack.series.result import ROLES

if TYPE_CHECKING:
    from pathlib import Path

    from napari_focus_stack.result import Report
    from napari_focus_stack.series.model import Position, Series, StackIndex

TIFF_SUFFIXES = (".ome.tif", ".ome.tiff", ".tif", ".tiff")
ZARR_SUFFIXES = (".ome.zarr", ".zarr")
_HELD = ("bool", "uint8", "uint16", "uint32", "int8", "int16", "int32", "float32", "float64")
"""Types of pixels that OME has."""
_NO_NAME = re.compile(r"[^\w.-]+")


class OnDisk(Destination):
    """Results as files beside each other: the image, its maps and a folder of reports.

    Parameters
    ----------
    out : pathlib.Path
        Name of the image, .ome.tif, .tif, .ome.zarr or .zarr. With several positions, the name of
        each one is added before the suffix.
    series : Series
        The series, whose files must not be replaced.

    Raises
    ------
    OutputError
        The name has another suffix, its folder does not exist, a result would replace a file of
        the series, or two positions would be written to one file.
    """

    def __init__(self, out: Path, series: Series) -> None:
        self._out, self._series = out, series
        self._stem, self._suffix = split_name(out)
        self._labels = position_labels(series)
        self._temporary: list[tuple[Path, Path]] = []
        self._open: list[HyperstackWriter | OmeZarrImage] = []
        self._reports: Path | None = None
        self._check()

    def place(self, number: int, role: str) -> Path:
        """Return the file of one map.

        Parameters
        ----------
        number : int
            Number of the position.
        role : str
            One of `ROLES`.

        Returns
        -------
        pathlib.Path
            Such as "film.ome.tif" and "film_depth.ome.tif".
        """
        label = f"_{self._labels[number]}" if len(self._labels) > 1 else ""
        ending = "" if role == "image" else f"_{role}"
        return self._out.with_name(f"{self._stem}{label}{ending}{self._suffix}")

    @property
    def _is_zarr(self) -> bool:
        return self._suffix.lower() in ZARR_SUFFIXES

    @property
    def report_folder(self) -> Path:
        """Folder of the reports."""
        return self._out.with_name(f"{self._stem}_reports")

    def _check(self) -> None:
        """Refuse, before the work, results that could not be written after it."""
        if not self._out.parent.is_dir():
            raise OutputError(
                f"There is no folder '{self._out.parent}' to write '{self._out.name}' into; make "
                "it."
            )
        if (
            self._series.path.is_dir()
            and self._series.path.resolve() in self._out.resolve().parents
        ):
            raise OutputError(
                f"'{self._out}' lies in the folder of the series, where the next run would find "
                "it; write to another folder."
            )
        inputs = {file.resolve() for file in (*self._series.files, self._series.path)}
        places = [self.place(number, role) for number in range(len(self._labels)) for role in ROLES]
        for place in places:
            if place.resolve() in inputs:
                raise OutputError(f"'{place}' is one of the files to stack; choose another name.")
            if self._is_zarr:
                check_place(place)
            elif place.is_dir():
                raise OutputError(f"'{place}' is a folder; give a file's name.")
        if len(set(places)) < len(places):
            raise OutputError(
                f"Two positions of '{self._series.path.name}' would be written to one file; "
                "select one with --position."
            )
        for position in self._series.positions:
            if not self._is_zarr and position.dtype.name not in _HELD:
                raise OutputError(
                    f"'{self._out}' cannot hold {position.dtype} images; end the name in .ome.zarr."
                )
        self._check_report_folder()
        with os_errors(self._out):
            trial = temporary_name(self._out)
            trial.touch(exist_ok=False)
            trial.unlink()

    def _check_report_folder(self) -> None:
        """Refuse to replace a folder that holds anything but reports."""
        folder = self.report_folder
        if folder.is_dir() and any(file.suffix != ".json" for file in folder.iterdir()):
            raise OutputError(
                f"'{folder}' is where the reports go, but it holds other files; choose another "
                "name to write."
            )
        if folder.is_file():
            raise OutputError(f"'{folder}' is where the reports go, but it is a file; move it.")

    def _writer(
        self,
        number: int,
        position: Position,
        role: str,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
    ) -> MapWriter:
        place = self.place(number, role)
        legend = _legend(position, role, self._stem)
        writer: HyperstackWriter | OmeZarrImage
        if self._is_zarr:
            writer = _zarr_writer(place, shape, dtype, legend, averaged=role == "image")
            self._temporary.append((writer.temporary, place))
        else:
            temporary = temporary_name(place)
            self._temporary.append((temporary, place))
            writer = HyperstackWriter(temporary, shape, dtype, legend)
        self._open.append(writer)
        return writer

    def report(self, position: Position, index: StackIndex, report: Report) -> None:
        """Write the report of one stack.

        Parameters
        ----------
        position : Position
            Position of the stack.
        index : StackIndex
            Place of the stack.
        report : Report
            Its report.
        """
        if self._reports is None:
            self._reports = temporary_name(self.report_folder)
            self._temporary.append((self._reports, self.report_folder))
            with os_errors(self._reports):
                self._reports.mkdir()
        with Outputs() as files:
            name = report_name(self._labels[index.position], position, index)
            files.report(self._reports / name, report.as_dict())

    def finish(self) -> tuple[Path, ...]:
        """Rename everything to its place.

        Returns
        -------
        tuple of pathlib.Path
            Files and folders that were written.
        """
        for writer in self._open:
            if isinstance(writer, OmeZarrImage):
                writer.complete()
        self._close()
        with Outputs() as outputs:
            for temporary, place in self._temporary:
                outputs.adopt(temporary, place)
        return tuple(place for _, place in self._temporary)

    def arrays(self, maps: PositionMaps, number: int) -> dict[str, Any]:
        """Return the maps as arrays that read the files on demand.

        Parameters
        ----------
        maps : PositionMaps
            Maps of the position.
        number : int
            Number of the position.

        Returns
        -------
        dict of str to numpy.memmap or zarr.Array
            (T, C, Y, X[, S]) by role, read-only.
        """
        return {
            role: np.memmap(self.place(number, role), mode="r", **writer.layout)
            if isinstance(writer, HyperstackWriter)
            else open_level(self.place(number, role))
            for role, writer in maps.writers.items()
        }

    def discard(self) -> None:
        """Remove the temporary files."""
        with contextlib.suppress(OutputError):
            self._close()
        for temporary, _ in self._temporary:
            with contextlib.suppress(OSError):
                if temporary.is_dir():
                    shutil.rmtree(temporary)
                else:
                    temporary.unlink(missing_ok=True)

    def _close(self) -> None:
        for writer in self._open:
            if isinstance(writer, HyperstackWriter):
                writer.close()


def split_name(out: Path) -> tuple[str, str]:
    """Return stem and suffix of the name of a series.

    Parameters
    ----------
    out : pathlib.Path
        Such as "film.ome.tif".

    Returns
    -------
    tuple of str
        Such as "film" and ".ome.tif".

    Raises
    ------
    OutputError
        The suffix is not one that holds a series.
    """
    lower = out.name.lower()
    for suffix in (*TIFF_SUFFIXES, *ZARR_SUFFIXES):
        if lower.endswith(suffix) and len(lower) > len(suffix):
            return out.name[: -len(suffix)], out.name[-len(suffix) :]
    raise OutputError(
        f"'{out}' cannot hold a series; end it in .ome.tif or .ome.zarr, or give a folder that "
        "exists."
    )


def position_labels(series: Series) -> list[str]:
    """Return a name for files of each position.

    Parameters
    ----------
    series : Series
        The series.

    Returns
    -------
    list of str
        Letters, digits, points and dashes; the number where a position has no name.
    """
    return [
        _NO_NAME.sub("-", position.name).strip("-") or f"p{number}"
        for number, position in enumerate(series.positions)
    ]


def report_name(label: str, position: Position, index: StackIndex) -> str:
    """Return the name of the report of one stack.

    Parameters
    ----------
    label : str
        Name of the position in files.
    position : Position
        Position of the stack.
    index : StackIndex
        Place of the stack.

    Returns
    -------
    str
        Such as "Pos0_t003_DAPI.json".
    """
    channel = _NO_NAME.sub("-", position.channels[index.channel].name).strip("-")
    return f"{label}_t{index.time:04d}_c{index.channel}{f'_{channel}' if channel else ''}.json"


def _legend(position: Position, role: str, stem: str) -> HyperstackLegend:
    """Return sizes and names for one map; the z axis is gone, and its step with it."""
    known = position.spacing
    name = " ".join(filter(None, (stem, position.name, "" if role == "image" else role)))
    return HyperstackLegend(
        Spacing(y=known.y, x=known.x, unit=known.unit),
        [(channel.name, channel.colour) for channel in position.channels],
        position.seconds,
        name,
        describe_values(role, known.unit),
    )


def _zarr_writer(
    place: Path,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    legend: HyperstackLegend,
    *,
    averaged: bool,
) -> OmeZarrImage:
    """Create an OME-Zarr image; times that are unevenly spaced have no step."""
    return create_ome_zarr(
        place,
        shape,
        dtype,
        legend.spacing,
        channels=[(name or str(c), colour) for c, (name, colour) in enumerate(legend.channels)],
        seconds_step=even_step(legend.seconds),
        name=legend.name,
        about=legend.about,
        averaged=averaged,
    )
