"""Analysis of results: projections of other data, meshes and areas."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from napari_focus_stack.analysis.annotations import (
        measure_label_centres,
        measure_labels,
        measure_points,
        project_labels,
        project_points,
    )
    from napari_focus_stack.analysis.areas import AreaTable, measure_areas
    from napari_focus_stack.analysis.height_map import HeightMap
    from napari_focus_stack.analysis.mesh import SurfaceMesh, surface_mesh
    from napari_focus_stack.analysis.opening import OpenedHeights, open_heights
    from napari_focus_stack.analysis.profile import Profile, profile
    from napari_focus_stack.analysis.projection import project
    from napari_focus_stack.analysis.step_height import Measurement, step_height

_HOME = {
    "annotations": [
        "measure_label_centres",
        "measure_labels",
        "measure_points",
        "project_labels",
        "project_points",
    ],
    "areas": ["AreaTable", "measure_areas"],
    "height_map": ["HeightMap"],
    "mesh": ["SurfaceMesh", "surface_mesh"],
    "opening": ["OpenedHeights", "open_heights"],
    "profile": ["Profile", "profile"],
    "projection": ["project"],
    "step_height": ["Measurement", "step_height"],
}

__all__ = [
    "AreaTable",
    "HeightMap",
    "Measurement",
    "OpenedHeights",
    "Profile",
    "SurfaceMesh",
    "measure_areas",
    "measure_label_centres",
    "measure_labels",
    "measure_points",
    "open_heights",
    "profile",
    "project",
    "project_labels",
    "project_points",
    "step_height",
    "surface_mesh",
]

__getattr__, __dir__, _ = lazy_loader.attach(__name__, submod_attrs=_HOME)
