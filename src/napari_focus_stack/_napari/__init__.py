"""The room for napari: the only one that imports napari, Qt or magicgui.

`reader` and `samples` hand layers to napari, `layers` turns layers into planes and results into
layers, `job` runs the engine in napari's worker, `form` and `widget` are what the user sees.
"""
