"""Files of a series: OME-TIFF or OME-Zarr for each map, and a folder of reports."""

from __future__ import annotations

import contextlib
import shutil
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack.errors import InputError, OutputError
from napari_focus_stack.io.hyperstack_writer import HyperstackLegend, HyperstackWriter
from napari_focus_stack.io.map_names import (
    ROLES,
    ZARR_SUFFIXES,
    map_name,
    report_folder_name,
    split_name,
)
from napari_focus_stack.io.ome_zarr_store import check_place, open_level
from napari_focus_stack.io.ome_zarr_writer import OmeZarrImage, create_ome_zarr
from napari_focus_stack.io.output_formats import is_colour, xml_text
from napari_focus_stack.io.places import followed, is_remote
from napari_focus_stack.io.replacing import check_creatable, os_errors, temporary_name
from napari_focus_stack.io.sources import Spacing
from napari_focus_stack.io.spacing_metadata import even_step
from napari_focus_stack.io.writing import Outputs, describe_values, encode_report
from napari_focus_stack.series.destinations import Destination, MapWriter, PositionMaps
from napari_focus_stack.series.file_names import folded, position_labels, repeated, report_names
from napari_focus_stack.series.own_files import check_own_reports, is_own_map, removed
from napari_focus_stack.series.result import MapsInFiles

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from napari_focus_stack.result import Report
    from napari_focus_stack.series.model import Position, Series, StackIndex


_HELD = ("bool", "uint8", "uint16", "uint32", "int8", "int16", "int32", "float32", "float64")
"""Types of pixels that OME has."""


class OnDisk(Destination):
    """Results as files beside each other: the image, its maps and a folder of reports.

    Only what an earlier run wrote is replaced, and the image if it has the very name that the user
    gave. Maps of an earlier run that this one has not are removed with the rest of that run.

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
        The name has another suffix or is too long, its folder does not exist, a result would
        replace a file of the series or one that was not written here, the format cannot hold the
        images, or two positions would be written to one file.
    """

    def __init__(self, out: Path, series: Series) -> None:
        self._out, self._series = out, series
        self._stem, self._suffix = split_name(out)
        self._labels = position_labels(series, out)
        self._report_names = report_names(series, self._labels)
        self._temporary: list[tuple[Path, Path]] = []
        self._open: list[HyperstackWriter | OmeZarrImage] = []
        self._reports: Path | None = None
        with os_errors(out):
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
        label = self._labels[number] if len(self._labels) > 1 else ""
        return self._out.with_name(map_name(self._stem, label, role, self._suffix))

    @property
    def _places(self) -> dict[Path, str]:
        """Role by the place of every map that there may be."""
        numbers = range(len(self._labels))
        return {self.place(number, role): role for number in numbers for role in ROLES}

    @property
    def _is_zarr(self) -> bool:
        return self._suffix.lower() in ZARR_SUFFIXES

    @property
    def report_folder(self) -> Path:
        """Folder of the reports."""
        return self._out.with_name(report_folder_name(self._stem))

    def _check(self) -> None:
        """Refuse, before the work, results that could not be written after it."""
        if not self._out.parent.is_dir():
            raise OutputError(
                f"There is no folder '{self._out.parent}' to write '{self._out.name}' into; make "
                "it."
            )
        if (
            not is_remote(self._series.path)
            and self._series.path.is_dir()
            and followed(self._series.path) in followed(self._out).parents
        ):
            raise OutputError(
                f"'{self._out}' lies in the folder of the series, where the next run would find "
                "it; write to another folder."
            )
        self._check_names()
        self._check_places()
        check_own_reports(self.report_folder)
        for position in self._series.positions:
            self._check_held(position)
        check_creatable(self._out)

    def _check_names(self) -> None:
        """Refuse names that are one file."""
        maps = [
            self.place(number, role).name for number in range(len(self._labels)) for role in ROLES
        ]
        if repeated(maps) or repeated(self._report_names.values()):
            raise OutputError(
                f"Two positions of '{self._series.path.name}' would be written to one file; "
                "select one with --position."
            )

    def _check_places(self) -> None:
        """Refuse to replace files of the series and files that were not written here."""
        files = (*self._series.files, self._series.path)
        inputs = {folded(str(followed(file))) for file in files if not is_remote(file)}
        for place, role in self._places.items():
            if place.exists() and folded(str(followed(place))) in inputs:
                raise OutputError(f"'{place}' is one of the files to stack; choose another name.")
            if self._is_zarr:
                check_place(place)
            elif place.is_dir():
                raise OutputError(f"'{place}' is a folder; give a file's name.")
            if place != self._out and place.exists() and not is_own_map(place, role):
                raise OutputError(
                    f"'{place}' is where a result goes, but no earlier run wrote it there; move it "
                    "or choose another name to write."
                )

    def _check_held(self, position: Position) -> None:
        """Refuse images that the format cannot hold."""
        if not self._is_zarr and position.dtype.name not in _HELD:
            raise OutputError(
                f"'{self._out}' cannot hold {position.dtype} images; end the name in .ome.zarr."
            )
        channels = len(position.channels)
        if self._is_zarr and channels > 1 and is_colour(position.plane_shape):
            raise OutputError(
                f"'{self._out}' cannot hold {channels} channels in colour; end the name in "
                ".ome.tif."
            )

    def _writer(
        self,
        number: int,
        position: Position,
        role: str,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
    ) -> MapWriter:
        place = self.place(number, role)
        legend = map_legend(position, role, self._stem)
        writer: HyperstackWriter | OmeZarrImage
        if self._is_zarr:
            writer = _zarr_writer(place, shape, dtype, legend, averaged=role == "image")
            self._temporary.append((writer.temporary, place))
        else:
            temporary = temporary_name(place)
            self._temporary.append((temporary, place))
            writer = HyperstackWriter(temporary, shape, dtype, legend, place)
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
            with os_errors(self.report_folder):
                self._reports.mkdir()
        with os_errors(self.report_folder):
            encode_report(self._reports / self._report_names[index], report.as_dict())

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
        with removed(self._outdated()), Outputs() as outputs:
            for temporary, place in self._temporary:
                outputs.adopt(temporary, place)
        return tuple(place for _, place in self._temporary)

    def _outdated(self) -> list[Path]:
        """Return maps of an earlier run that would stay beside the results of this one."""
        written = {place for _, place in self._temporary}
        return [
            place
            for place, role in self._places.items()
            if place not in written and place.exists() and is_own_map(place, role)
        ]

    def arrays(self, maps: PositionMaps, number: int) -> Mapping[str, Any]:
        """Return the maps as arrays that read the files on demand.

        Parameters
        ----------
        maps : PositionMaps
            Maps of the position.
        number : int
            Number of the position.

        Returns
        -------
        mapping of str to numpy.memmap, zarr.Array or ColourImages
            (T, C, Y, X[, S]) by role, read-only; a file is opened when its role is taken.
        """
        return MapsInFiles(
            {
                role: partial(_opened, self.place(number, role), _opener(writer))
                for role, writer in maps.writers.items()
            }
        )

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
            writer.close()


def _opener(writer: MapWriter) -> Callable[[Path], Any]:
    """Return the function that opens what was written."""
    if isinstance(writer, HyperstackWriter):
        return partial(np.memmap, mode="r", **writer.layout)
    return open_level


def _opened(place: Path, open_file: Callable[[Path], Any]) -> Any:
    """Return the map in a file."""
    try:
        return open_file(place)
    except (OSError, ValueError) as problem:  # ValueError: cut short
        raise InputError(f"'{place}' cannot be read ({problem})", "focus the series again") from (
            problem
        )


def map_legend(position: Position, role: str, stem: str) -> HyperstackLegend:
    """Return sizes and names for one map; the z axis is gone, and its step with it.

    Parameters
    ----------
    position : Position
        The position.
    role : str
        One of `ROLES`.
    stem : str
        Name of the series.

    Returns
    -------
    HyperstackLegend
        Pixel size, channels, times, name and description.
    """
    known = position.spacing
    name = " ".join(filter(None, (stem, position.name, "" if role == "image" else role)))
    channels = [(xml_text(channel.name), channel.colour) for channel in position.channels]
    return HyperstackLegend(
        Spacing(y=known.y, x=known.x, unit=known.unit),
        channels,
        position.seconds,
        xml_text(name),
        xml_text(describe_values(role, known.unit)),
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
