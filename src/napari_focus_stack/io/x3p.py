"""X3P, the format of ISO 25178-72 for surfaces: a zip of XML, heights, and checksums.

Lengths are in metres. Rows come in the order of y, x fastest; as the programs that read the format
do, the first is shown at the top.
"""

from __future__ import annotations

import hashlib
import zipfile
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np

from napari_focus_stack._version import __version__
from napari_focus_stack.errors import InputError
from napari_focus_stack.io.height_scale import HeightScale, single_precision
from napari_focus_stack.io.output_formats import SOFTWARE
from napari_focus_stack.io.plane_files import DAMAGE, reason
from napari_focus_stack.io.spacing_metadata import UNIT, micrometres
from napari_focus_stack.io.xml_documents import parse_xml

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_NAMESPACE = "http://www.opengps.eu/2008/ISO5436_2"
_MAIN, _CHECKSUM, _DATA = "main.xml", "md5checksum.hex", "bindata/data.bin"
_TYPES = {"I": "<i2", "L": "<i4", "F": "<f4", "D": "<f8"}
_MOST_XML = 2**24
MOST_PIXELS = 2**28
"""Heights that a file may declare; more are taken for damage, because zip can declare anything."""


def encode_x3p(path: Path, heights: NDArray[np.float32], scale: HeightScale, named: Path) -> None:
    """Write a height map as X3P: float64, so that heights come back to the bit.

    Parameters
    ----------
    path : pathlib.Path
        File to write.
    heights : numpy.ndarray
        (Y, X) float32; NaN where there is none.
    scale : HeightScale
        Pixel size, and unit of the heights.
    named : pathlib.Path
        Name of the file for messages.

    Raises
    ------
    OutputError
        The pixel size is unknown, or the heights are in planes.
    """
    y, x, unit = scale.metres(named)
    data = (heights * np.float64(unit)).astype("<f8").tobytes()
    main = _document(heights.shape, (y, x), _md5(data))
    # noise hardly shrinks, and the fastest level is five times as fast as the default
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr(_MAIN, main)
        archive.writestr(_DATA, data)
        archive.writestr(_CHECKSUM, f"{_md5(main)} *{_MAIN}\n")


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _document(shape: tuple[int, ...], size: tuple[float, float], checksum: str) -> bytes:
    """Return the XML, with every element that the schema demands in its order."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    steps = {"CX": ("I", size[1]), "CY": ("I", size[0]), "CZ": ("A", 1.0)}
    axes = {
        name: {"AxisType": kind, "DataType": "D", "Increment": repr(step), "Offset": "0.0"}
        for name, (kind, step) in steps.items()
    }
    maker = {"Manufacturer": SOFTWARE, "Model": "focus stacking", "Serial": "not available"}
    content = {
        "Record1": {"Revision": "ISO5436 - 2000", "FeatureType": "SUR", "Axes": axes},
        "Record2": {
            "Date": now,
            "Instrument": maker | {"Version": __version__},
            "CalibrationDate": now,
            "ProbingSystem": {"Type": "NonContacting", "Identification": "focus variation"},
        },
        "Record3": {
            "MatrixDimension": {"SizeX": shape[1], "SizeY": shape[0], "SizeZ": 1},
            "DataLink": {"PointDataLink": _DATA, "MD5ChecksumPointData": checksum.upper()},
        },
        "Record4": {"ChecksumFile": _CHECKSUM},
    }
    # only the root has a prefix: the schema wants its elements without one
    root = ElementTree.Element("p:ISO5436_2", {"xmlns:p": _NAMESPACE})
    _fill(root, content)
    return bytes(ElementTree.tostring(root, encoding="UTF-8", xml_declaration=True))


def _fill(parent: ElementTree.Element, content: dict[str, Any]) -> None:
    """Add elements with text or elements of their own."""
    for name, value in content.items():
        child = ElementTree.SubElement(parent, name)
        if isinstance(value, dict):
            _fill(child, value)
        else:
            child.text = str(value)


def read_x3p(path: Path) -> tuple[NDArray[np.float32], HeightScale]:
    """Read a height map from X3P.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Returns
    -------
    heights : numpy.ndarray
        (Y, X) float32 in micrometres; NaN where the file has no valid point.
    scale : HeightScale
        Pixel size in micrometres.

    Raises
    ------
    InputError
        The file is damaged, a checksum is wrong, or its content is no grid of heights.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return _read(archive, path)
    except (*DAMAGE, zipfile.BadZipFile) as problem:
        raise InputError(
            f"'{path}' cannot be read as X3P ({reason(problem)}); export it anew."
        ) from problem


def _read(archive: zipfile.ZipFile, path: Path) -> tuple[NDArray[np.float32], HeightScale]:
    if archive.getinfo(_MAIN).file_size > _MOST_XML:
        raise InputError(f"'{path}' has heights as text; export it with binary data.")
    main = archive.read(_MAIN)
    if _CHECKSUM in archive.namelist():
        with archive.open(_CHECKSUM) as file:
            stated = file.read(64).split()
        _check_sum(path, main, stated[0].decode("ascii", "replace") if stated else "")
    root = parse_xml(main)
    axes = _element(root, "Record1/Axes")
    _check_grid(root, axes, path)
    rows, columns = (int(_text(root, f"Record3/MatrixDimension/Size{axis}")) for axis in "YX")
    if not 0 < rows * columns <= MOST_PIXELS or rows < 1:
        raise InputError(
            f"'{path}' declares {columns} x {rows} heights, more than {MOST_PIXELS} or none; "
            "export a part of the field."
        )
    y, x = (micrometres(_text(axes, f"C{axis}/Increment"), "m") for axis in "YX")
    if y is None or x is None:
        raise InputError(f"'{path}' has no pixel size; export it anew.")
    heights = _heights(archive, root, axes, rows * columns, path).reshape(rows, columns)
    return heights, HeightScale(y, x, UNIT, UNIT)


def _element(parent: ElementTree.Element, path: str) -> ElementTree.Element:
    found = parent.find("/".join(f"{{*}}{name}" for name in path.split("/")))
    if found is None:
        raise LookupError(f"{path} is missing")
    return found


def _text(parent: ElementTree.Element, path: str) -> str:
    return (_element(parent, path).text or "").strip()


def _check_grid(root: ElementTree.Element, axes: ElementTree.Element, path: Path) -> None:
    """Refuse profiles, point clouds, layers and turned axes."""
    kinds = [_text(axes, f"C{axis}/AxisType") for axis in "XY"]
    layers = int(_text(root, "Record3/MatrixDimension/SizeZ"))
    if _text(root, "Record1/FeatureType") != "SUR" or kinds != ["I", "I"] or layers != 1:
        raise InputError(
            f"'{path}' is a profile, a point cloud or has several layers; export one surface on "
            "an even grid."
        )
    turned = axes.find("{*}Rotation")
    for entry in () if turned is None else turned:
        name = entry.tag.rpartition("}")[2]
        if abs(float(entry.text or 0) - (name[-2:-1] == name[-1:])) > 1e-9:
            raise InputError(f"'{path}' has turned axes; export it without a rotation.")


def _heights(
    archive: zipfile.ZipFile,
    root: ElementTree.Element,
    axes: ElementTree.Element,
    count: int,
    path: Path,
) -> NDArray[np.float32]:
    """Return heights in micrometres, one after the other."""
    kind = np.dtype(_TYPES[_text(axes, "CZ/DataType")])
    if root.find("{*}Record3/{*}DataLink") is None:
        raise InputError(f"'{path}' has heights as text; export it with binary data.")
    link = _element(root, "Record3/DataLink")
    data = _member(archive, link, "PointData", count * kind.itemsize, path)
    step, offset = (axes.findtext(f"{{*}}CZ/{{*}}{name}") for name in ("Increment", "Offset"))
    factor = float(step) if step and step.strip() else 1.0
    start = float(offset) if offset and offset.strip() else 0.0
    with np.errstate(invalid="ignore", over="ignore"):  # signalling NaN, and absurd factors
        values = np.frombuffer(data, kind).astype(np.float64)
        values *= factor
        values += start
        values *= micrometres(1, "m") or 1.0
    if link.find("{*}ValidPointsLink") is not None:
        bits = np.frombuffer(
            _member(archive, link, "ValidPoints", (count + 7) // 8, path), np.uint8
        )
        values[np.unpackbits(bits, count=count, bitorder="little") == 0] = np.nan
    return single_precision(values)


def _member(
    archive: zipfile.ZipFile, link: ElementTree.Element, what: str, size: int, path: Path
) -> bytes:
    """Return the bytes of a linked file, whose size is known before it is unpacked."""
    name = _text(link, f"{what}Link")
    declared = archive.getinfo(name).file_size
    if declared != size:
        raise InputError(
            f"'{path}' has {declared} bytes in {name} and needs {size}; export it anew."
        )
    data = archive.read(name)
    checksum = link.findtext(f"{{*}}MD5Checksum{what}")
    if checksum and checksum.strip():
        _check_sum(path, data, checksum.strip())
    return data


def _check_sum(path: Path, data: bytes, stated: str) -> None:
    if _md5(data) != stated.lower():
        raise InputError(f"'{path}' does not have the checksum that it states; copy it anew.")
