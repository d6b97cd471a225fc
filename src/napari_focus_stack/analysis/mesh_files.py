"""Files of meshes: GLB, PLY, OBJ and STL, right-handed and with the image upright.

In all of them x points to the right of the image, y up and z along the height, towards the viewer:
pixel (row, column) is at (column, -row). Coordinates are in the unit of the mesh.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from napari_focus_stack._version import __version__
from napari_focus_stack.analysis.mesh import scaled_colours
from napari_focus_stack.errors import OutputError
from napari_focus_stack.imgproc.dtypes import computable
from napari_focus_stack.io.output_formats import SOFTWARE, jpeg_bytes
from napari_focus_stack.io.spacing_metadata import micrometres
from napari_focus_stack.io.writing import Outputs

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from napari_focus_stack.analysis.mesh import TriangleMesh

LONGEST_TEXTURE = 8192
"""Pixels along a side that graphics cards of the last ten years take as a texture."""
SHOWN_METRES = 1e-3
"""Metres that a micrometre measures in the scene of a GLB.

The unit of glTF is the metre, and viewers clip what is nearer than some centimetres: a field of
500 um fills half a metre instead.
"""
_LINES = 50_000
_ARRAY, _INDICES = 34962, 34963
_FLOAT, _UINT32 = 5126, 5125


def write_mesh(path: str | os.PathLike[str], mesh: TriangleMesh) -> None:
    """Write a mesh in the format of the file's suffix, whole or not at all.

    Parameters
    ----------
    path : path
        `.glb`: the image is inside as a texture; the coordinates are in the unit of the mesh, and
        the node that shows them makes a micrometre a millimetre. `.obj`: two more files,
        `NAME_surface.mtl` and `NAME_texture.png`, lie beside it. `.ply`: binary, with the colours
        of the vertices. `.stl`: binary, without colour. The unit is in the comments, the header of
        80 bytes, or `asset.extras`.
    mesh : TriangleMesh
        Of a height map.

    Raises
    ------
    OutputError
        The suffix is another, a file beside an OBJ exists that belongs to something else, or a
        file cannot be written.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix == ".obj":
        _write_obj(path, mesh)
        return
    if suffix not in _ENCODERS:
        raise OutputError(f"'{path}' is no name for a mesh; end it in .glb, .ply, .obj or .stl.")
    with Outputs() as files:
        files.file(path, lambda temporary: _ENCODERS[suffix](temporary, mesh))


def _positions(mesh: TriangleMesh) -> NDArray[np.float32]:
    """Return (m, 3) float32 x, y, z; the turn of the faces remains, since two axes change."""
    z, y, x = mesh.vertices.T
    return np.stack([x, 0 - y, z], axis=1).astype("<f4")


def _comment(mesh: TriangleMesh) -> str:
    """Return what a reader of the file must be told of its numbers."""
    stretched = f", heights times {mesh.exaggeration:g}" if mesh.exaggeration != 1 else ""
    unit = "no unit (pixels and planes)" if mesh.unit is None else f"unit {mesh.unit}"
    return f"{SOFTWARE} {__version__}, {unit}{stretched}"


def _vertex_colours(mesh: TriangleMesh) -> NDArray[np.uint8]:
    """Return (m, 3) or (m, 4) uint8."""
    colours = mesh.colors
    if colours is None and mesh.values is not None:
        grey = scaled_colours(mesh.values[:, None], mesh.limits, mesh.values.dtype)
        colours = np.repeat(grey, 3, axis=1)
    levels: NDArray[np.uint8] = np.rint(np.asarray(colours) * 255).astype(np.uint8)
    return levels


def _texture(mesh: TriangleMesh) -> NDArray[np.uint8] | None:
    """Return the image as it is shown, (Y, X) or (Y, X, 3) uint8; None without an image."""
    if mesh.picture is None:
        return None
    picture = computable(mesh.picture)
    if picture.ndim == 3:
        picture = picture[..., :3]
    shrink = LONGEST_TEXTURE / max(picture.shape[:2])
    if shrink < 1:
        height, width = (max(1, int(side * shrink)) for side in picture.shape[:2])
        picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    channels = picture.reshape(-1, 1 if picture.ndim == 2 else 3).astype(np.float32)
    shown = scaled_colours(channels, mesh.limits, mesh.picture.dtype)
    levels = np.rint(np.nan_to_num(shown) * 255).astype(np.uint8)
    texture: NDArray[np.uint8] = levels.reshape(picture.shape)
    return texture


def _encode_stl(path: Path, mesh: TriangleMesh) -> None:
    corners = _positions(mesh)[mesh.faces]
    record = [("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")]
    triangles = np.zeros(len(corners), record)
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    length = np.linalg.norm(across, axis=1, keepdims=True)
    triangles["normal"] = np.divide(across, length, out=across, where=length > 0)
    triangles["corners"] = corners
    header = _comment(mesh).encode("ascii", "replace")[:80].ljust(80)
    with path.open("wb") as file:
        file.write(header + np.array(len(corners), "<u4").tobytes())
        file.write(triangles.tobytes())


def _encode_ply(path: Path, mesh: TriangleMesh) -> None:
    colours = _vertex_colours(mesh)
    names = ("red", "green", "blue", "alpha")[: colours.shape[1]]
    vertices = np.empty(len(colours), [("place", "<f4", 3), ("colour", "u1", colours.shape[1])])
    vertices["place"], vertices["colour"] = _positions(mesh), colours
    faces = np.empty(len(mesh.faces), [("count", "u1"), ("corners", "<i4", 3)])
    faces["count"], faces["corners"] = 3, mesh.faces
    lines = [
        "ply",
        "format binary_little_endian 1.0",
        f"comment {_comment(mesh)}",
        f"element vertex {len(vertices)}",
        *(f"property float {axis}" for axis in "xyz"),
        *(f"property uchar {name}" for name in names),
        f"element face {len(faces)}",
        "property list uchar int vertex_indices",
        "end_header",
    ]
    with path.open("wb") as file:
        file.write("".join(f"{line}\n" for line in lines).encode("ascii", "replace"))
        file.write(vertices.tobytes())
        file.write(faces.tobytes())


def _write_obj(path: Path, mesh: TriangleMesh) -> None:
    """Write an OBJ, its material and its texture, all or none."""
    # readers end the name of a material file at a space
    stem = "_".join(path.stem.split())
    material, picture = (path.with_name(stem + end) for end in ("_surface.mtl", "_texture.png"))
    texture = _texture(mesh)
    beside = [] if texture is None else [material, picture]
    for other in beside:
        if other.exists() and not path.exists():
            raise OutputError(
                f"'{other}' exists and would be replaced with '{path.name}'; give another name."
            )
    with Outputs() as files:
        files.file(path, lambda temporary: _encode_obj(temporary, mesh, [m.name for m in beside]))
        if texture is not None:
            text = f"newmtl surface\nKa 0 0 0\nKd 1 1 1\nKs 0 0 0\nmap_Kd {picture.name}\n"
            files.file(material, lambda temporary: _write_text(temporary, text))
            files.image(picture, texture, what="texture")


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


def _encode_obj(path: Path, mesh: TriangleMesh, beside: list[str]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(f"# {_comment(mesh)}\n")
        if beside:
            file.write(f"mtllib {beside[0]}\n")
        file.writelines(_lines("v %.9g %.9g %.9g\n", _positions(mesh)))
        file.writelines(_lines("vt %.9g %.9g\n", mesh.texcoords))
        if beside:
            file.write("usemtl surface\n")
        corners = np.repeat(mesh.faces + 1, 2, axis=1)
        file.writelines(_lines("f %d/%d %d/%d %d/%d\n", corners))


def _lines(form: str, rows: NDArray[Any]) -> Iterator[str]:
    """Yield rows as text, many at a time."""
    for start in range(0, len(rows), _LINES):
        part = rows[start : start + _LINES]
        yield form * len(part) % tuple(part.ravel().tolist())


def _encode_glb(path: Path, mesh: TriangleMesh) -> None:
    """Write glTF 2.0 in one file: a chunk of JSON, and one of arrays and the image."""
    positions, texture = _positions(mesh), _texture(mesh)
    u, v = mesh.texcoords.T  # glTF has the origin of textures at the top
    parts = [
        positions.tobytes(),
        _normals(positions, mesh.faces).tobytes(),
        np.stack([u, 1 - v], axis=1).astype("<f4").tobytes(),
        mesh.faces.astype("<u4").tobytes(),
    ]
    if texture is not None:
        parts.append(jpeg_bytes(texture))
    document = _gltf(mesh, positions, [len(part) for part in parts], texture is not None)
    body = b"".join(_padded(part, b"\0") for part in parts)
    head = _padded(json.dumps(document, separators=(",", ":")).encode(), b" ")
    whole = 12 + 8 + len(head) + 8 + len(body)
    with path.open("wb") as file:
        file.write(b"glTF" + np.array([2, whole, len(head)], "<u4").tobytes() + b"JSON" + head)
        file.write(np.array(len(body), "<u4").tobytes() + b"BIN\0" + body)


def _padded(part: bytes, filler: bytes) -> bytes:
    return part + filler * (-len(part) % 4)


def _normals(positions: NDArray[np.float32], faces: NDArray[np.int32]) -> NDArray[np.float32]:
    """Return unit normals of vertices: means of their faces', weighted by area."""
    a, b, c = (positions[faces[:, i]].astype(np.float64) for i in range(3))
    across = np.repeat(np.cross(b - a, c - a), 3, axis=0)
    count = len(positions)
    total = [np.bincount(faces.ravel(), across[:, axis], count) for axis in range(3)]
    normals = np.stack(total, axis=1)
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    upright = np.broadcast_to([0.0, 0.0, 1.0], normals.shape)
    return np.where(length > 0, normals / np.maximum(length, 1e-300), upright).astype("<f4")


def _gltf(
    mesh: TriangleMesh, positions: NDArray[np.float32], lengths: list[int], textured: bool
) -> dict[str, Any]:
    """Return the JSON of a GLB, whose buffer has parts of these lengths."""
    starts = np.cumsum([0, *(length + -length % 4 for length in lengths)]).tolist()
    targets = [_ARRAY, _ARRAY, _ARRAY, _INDICES, None]
    views = [
        {"buffer": 0, "byteOffset": start, "byteLength": length}
        | ({"target": target} if target else {})
        for start, length, target in zip(starts, lengths, targets, strict=False)
    ]
    known = {"componentType": _FLOAT, "count": len(positions)}
    accessors = [
        {"bufferView": 0, "type": "VEC3", **known}
        | {"min": positions.min(axis=0).tolist(), "max": positions.max(axis=0).tolist()},
        {"bufferView": 1, "type": "VEC3", **known},
        {"bufferView": 2, "type": "VEC2", **known},
        {"bufferView": 3, "type": "SCALAR", "componentType": _UINT32, "count": mesh.faces.size},
    ]
    surface: dict[str, Any] = {"metallicFactor": 0, "roughnessFactor": 1}
    if textured:
        surface |= {"baseColorTexture": {"index": 0}}
    attributes = {"POSITION": 0, "NORMAL": 1, "TEXCOORD_0": 2}
    primitive = {"attributes": attributes, "indices": 3, "material": 0}
    metres = (micrometres(1, mesh.unit) or 1.0) * SHOWN_METRES
    extras = {
        "unit": mesh.unit,
        "scene_metres_per_unit": metres,
        "heights_times": mesh.exaggeration,
    }
    document: dict[str, Any] = {
        "asset": {"version": "2.0", "generator": f"{SOFTWARE} {__version__}", "extras": extras},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": "surface", "scale": [metres] * 3, "extras": extras}],
        "meshes": [{"name": "surface", "primitives": [primitive]}],
        # seen from below, too, since a surface has no inside
        "materials": [{"pbrMetallicRoughness": surface, "doubleSided": True}],
        "buffers": [{"byteLength": starts[-1]}],
        "bufferViews": views,
        "accessors": accessors,
    }
    if textured:
        document |= {
            "images": [{"bufferView": 4, "mimeType": "image/jpeg"}],
            "samplers": [{"magFilter": 9729, "minFilter": 9987, "wrapS": 33071, "wrapT": 33071}],
            "textures": [{"source": 0, "sampler": 0}],
        }
    return document


_ENCODERS = {".glb": _encode_glb, ".ply": _encode_ply, ".stl": _encode_stl}
