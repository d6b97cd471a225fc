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
    from napari_focus_stack.analysis.height_export import save_heights
    from napari_focus_stack.analysis.height_map import HeightMap
    from napari_focus_stack.analysis.projection import project
    from napari_focus_stack.analysis.surface import SurfaceMesh, surface_mesh

_HOME = {
    "annotations": [
        "measure_label_centres",
        "measure_labels",
        "measure_points",
        "project_labels",
        "project_points",
    ],
    "areas": ["AreaTable", "measure_areas"],
    "height_export": ["save_heights"],
    "height_map": ["HeightMap"],
    "projection": ["project"],
    "surface": ["SurfaceMesh", "surface_mesh"],
}

__all__ = [
    "AreaTable",
    "HeightMap",
    "SurfaceMesh",
    "measure_areas",
    "measure_label_centres",
    "measure_labels",
    "measure_points",
    "project",
    "project_labels",
    "project_points",
    "save_heights",
    "surface_mesh",
]

__getattr__, __dir__, _ = lazy_loader.attach(__name__, submod_attrs=_HOME)
