"""Analysis of results: projections of other data, meshes, areas, and measurements of heights."""

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
    from napari_focus_stack.analysis.areal_filter import Filtered, l_filter, s_filter
    from napari_focus_stack.analysis.areal_texture import texture
    from napari_focus_stack.analysis.areas import AreaTable, measure_areas
    from napari_focus_stack.analysis.height_export import save_heights
    from napari_focus_stack.analysis.height_map import HeightMap
    from napari_focus_stack.analysis.height_profiles import Profile, profile
    from napari_focus_stack.analysis.level_volumes import Volumes, volumes
    from napari_focus_stack.analysis.levelling import Levelled, level
    from napari_focus_stack.analysis.opening import OpenedHeights, open_heights
    from napari_focus_stack.analysis.projection import project
    from napari_focus_stack.analysis.slopes import CurvatureMap, SlopeMap, curvature_map, slope_map
    from napari_focus_stack.analysis.sphere import SphereFit, fit_sphere
    from napari_focus_stack.analysis.step_heights import Measurement, step_height
    from napari_focus_stack.analysis.surface import SurfaceMesh, surface_mesh
    from napari_focus_stack.analysis.z_calibration import ZCalibration, calibrate_z, focus_factor

_HOME = {
    "annotations": [
        "measure_label_centres",
        "measure_labels",
        "measure_points",
        "project_labels",
        "project_points",
    ],
    "areal_filter": ["Filtered", "l_filter", "s_filter"],
    "areal_texture": ["texture"],
    "areas": ["AreaTable", "measure_areas"],
    "height_export": ["save_heights"],
    "height_map": ["HeightMap"],
    "height_profiles": ["Profile", "profile"],
    "step_heights": ["Measurement", "step_height"],
    "level_volumes": ["Volumes", "volumes"],
    "levelling": ["Levelled", "level"],
    "opening": ["OpenedHeights", "open_heights"],
    "projection": ["project"],
    "slopes": ["CurvatureMap", "SlopeMap", "curvature_map", "slope_map"],
    "sphere": ["SphereFit", "fit_sphere"],
    "surface": ["SurfaceMesh", "surface_mesh"],
    "z_calibration": ["ZCalibration", "calibrate_z", "focus_factor"],
}

__all__ = [
    "AreaTable",
    "CurvatureMap",
    "Filtered",
    "HeightMap",
    "Levelled",
    "Measurement",
    "OpenedHeights",
    "Profile",
    "SlopeMap",
    "SphereFit",
    "SurfaceMesh",
    "Volumes",
    "ZCalibration",
    "calibrate_z",
    "curvature_map",
    "fit_sphere",
    "focus_factor",
    "l_filter",
    "level",
    "measure_areas",
    "measure_label_centres",
    "measure_labels",
    "measure_points",
    "open_heights",
    "profile",
    "project",
    "project_labels",
    "project_points",
    "s_filter",
    "save_heights",
    "slope_map",
    "step_height",
    "surface_mesh",
    "texture",
    "volumes",
]

__getattr__, __dir__, _ = lazy_loader.attach(__name__, submod_attrs=_HOME)
