"""napari's readers, writers and samples."""
