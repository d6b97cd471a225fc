"""The napari plugin; the only package that imports napari, Qt and magicgui.

- `layers`: layers as planes of a stack, and results as layers, without Qt.
- `workers`: jobs in the background.
- `io`: readers, writers and sample data.
- `viewer`: what concerns the viewer as a whole: layers added, painting, docks, preferences.
- `widgets`: rows and panels of which docks consist.
- `docks`: the dock widgets.
"""
