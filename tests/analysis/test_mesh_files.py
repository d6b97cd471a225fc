"""Meshes in files, read back by trimesh: the same numbers, upright and not mirrored."""

import json
import os

import numpy as np
import pytest
import trimesh

from napari_focus_stack.analysis import HeightMap, surface_mesh
from napari_focus_stack.analysis.mesh_files import LONGEST_TEXTURE
from napari_focus_stack.errors import OutputError

SIZE = 0.5
RED, GREEN, BLUE = (220, 20, 20), (20, 220, 20), (20, 20, 220)


def scene(shape=(40, 60), unit="micrometer", **known):
    """Red at the top left, green at the top right, blue below; higher to the right and above."""
    rows, columns = np.indices(shape)
    image = np.empty((*shape, 3), np.uint8)
    image[:] = BLUE
    image[: shape[0] // 2, : shape[1] // 2] = RED
    image[: shape[0] // 2, shape[1] // 2 :] = GREEN
    heights = (0.3 * columns - 0.1 * rows + 1).astype(np.float32)
    heights[10:14, 20:30] = np.nan
    surface = HeightMap(heights=heights, pixel_size=(SIZE, SIZE), unit=unit, pixel_unit=unit)
    return surface_mesh(surface, image, **known)


def expected(mesh):
    """x, y up, z."""
    z, y, x = mesh.vertices.T
    return np.stack([x, -y, z], axis=1)


def colour_at(x, y):
    """The colour of the scene at a point of the files' coordinates, as trimesh names it."""
    return np.where(y <= -20 * SIZE, 2, np.where(x < 30 * SIZE, 0, 1))


def loaded(path):
    found = trimesh.load(path, process=False, maintain_order=True)
    if isinstance(found, trimesh.Scene):
        [(_, (transform, name))] = [(n, found.graph[n]) for n in found.graph.nodes_geometry]
        return found.geometry[name], transform, found
    return found, np.eye(4), found


def assert_texture_upright(found):
    texture = found.visual.material
    picture = getattr(texture, "baseColorTexture", None) or texture.image
    pixels = np.asarray(picture.convert("RGB"))
    across, up = found.visual.uv.T
    column = np.floor(across * pixels.shape[1]).astype(int)
    row = np.floor((1 - up) * pixels.shape[0]).astype(int)
    x, y = found.vertices[:, :2].T
    shown = pixels[row, column].astype(int)
    np.testing.assert_array_equal(shown.argmax(axis=1), colour_at(x, y))
    # JPEG blurs an edge of colours by some pixels
    inside = (np.abs(x - 30 * SIZE) > 4) & (np.abs(y + 20 * SIZE) > 4)
    truth = np.array([RED, GREEN, BLUE])[colour_at(x, y)]
    assert np.abs(shown - truth)[inside].max() <= 8


@pytest.mark.parametrize("suffix", [".glb", ".ply", ".obj", ".stl"])
def test_vertices_and_faces_come_back_upright(tmp_path, suffix):
    mesh = scene()
    mesh.save(tmp_path / f"surface{suffix}")
    found, _, _ = loaded(tmp_path / f"surface{suffix}")
    if suffix == ".stl":  # triangles without common vertices
        np.testing.assert_array_equal(found.triangles, expected(mesh)[mesh.faces])
    else:
        np.testing.assert_array_equal(np.float32(found.vertices), expected(mesh))
        np.testing.assert_array_equal(found.faces, mesh.faces)
    assert (found.face_normals[:, 2] > 0).all()
    if suffix in (".glb", ".obj"):
        assert_texture_upright(found)
    if suffix == ".ply":
        shown = found.visual.vertex_colors[:, :3].astype(int)
        x, y = found.vertices[:, :2].T
        np.testing.assert_array_equal(shown, np.array([RED, GREEN, BLUE])[colour_at(x, y)])


def test_a_glb_shows_micrometres_as_millimetres_and_names_the_unit(tmp_path):
    mesh = scene(unit="nanometer", exaggeration=3)
    mesh.save(tmp_path / "surface.glb")
    found, transform, _ = loaded(tmp_path / "surface.glb")
    np.testing.assert_allclose(transform, np.diag([1e-6, 1e-6, 1e-6, 1]))
    np.testing.assert_allclose(found.vertex_normals[0], found.face_normals[0], atol=1e-3)
    data = (tmp_path / "surface.glb").read_bytes()
    length = int.from_bytes(data[12:16], "little")
    document = json.loads(data[20 : 20 + length])
    assert int.from_bytes(data[8:12], "little") == len(data)
    extras = document["asset"]["extras"]
    assert extras == {"unit": "nanometer", "scene_metres_per_unit": 1e-6, "heights_times": 3}


def test_ply_and_stl_name_the_unit(tmp_path):
    for suffix in (".ply", ".stl"):
        scene(exaggeration=2).save(tmp_path / f"a{suffix}")
        head = (tmp_path / f"a{suffix}").read_bytes()[:160]
        assert b"unit micrometer, heights times 2" in head
    assert not (tmp_path / "a.stl").read_bytes().startswith(b"solid")
    surface_mesh(HeightMap(heights=np.zeros((3, 4), np.float32))).save(tmp_path / "b.stl")
    assert b"no unit (pixels and planes)" in (tmp_path / "b.stl").read_bytes()[:80]


def test_grey_images_are_shown_between_their_limits(tmp_path):
    heights = np.zeros((4, 5), np.float32)
    surface = HeightMap(heights=heights, unit="micrometer", pixel_unit="micrometer")
    image = np.arange(20, dtype=np.uint16).reshape(4, 5) * 1000
    surface_mesh(surface, image, limits=(0, 19000)).save(tmp_path / "grey.ply")
    shown = trimesh.load(tmp_path / "grey.ply", process=False).visual.vertex_colors
    np.testing.assert_array_equal(shown[:, 0], np.rint(np.arange(20) / 19 * 255))
    surface_mesh(surface, image * 0).save(tmp_path / "black.glb")
    surface_mesh(surface).save(tmp_path / "flat.obj")
    assert len(trimesh.load(tmp_path / "flat.obj", process=False).faces) == 24


def test_a_texture_is_no_longer_than_graphics_cards_take(tmp_path):
    surface = HeightMap(
        heights=np.zeros((4, 9000), np.float32), unit="micrometer", pixel_unit="micrometer"
    )
    surface_mesh(surface, np.full((4, 9000), 77, np.uint8)).save(tmp_path / "long.glb")
    found, _, _ = loaded(tmp_path / "long.glb")
    assert found.visual.material.baseColorTexture.size == (LONGEST_TEXTURE, 3)


def test_the_three_files_of_an_obj_appear_together_and_replace_only_their_own(tmp_path):
    path = tmp_path / "my leaf.obj"
    mesh = scene()
    mesh.save(path)
    names = ["my leaf.obj", "my_leaf_surface.mtl", "my_leaf_texture.png"]
    assert sorted(os.listdir(tmp_path)) == names
    assert_texture_upright(loaded(path)[0])
    mesh.save(path)  # its own are replaced
    path.unlink()
    before = (tmp_path / names[2]).read_bytes()
    with pytest.raises(OutputError, match=r"my_leaf_surface\.mtl' exists and would be replaced"):
        mesh.save(path)
    assert sorted(os.listdir(tmp_path)) == names[1:]
    assert (tmp_path / names[2]).read_bytes() == before
    (tmp_path / "folder.obj").mkdir()
    with pytest.raises(OutputError):
        mesh.save(tmp_path / "folder.obj")
    assert sorted(os.listdir(tmp_path)) == ["folder.obj", *names[1:]]


def test_another_suffix_is_refused(tmp_path):
    with pytest.raises(OutputError, match=r"end it in \.glb, \.ply, \.obj or \.stl"):
        scene().save(tmp_path / "surface.3mf")
    assert not os.listdir(tmp_path)
