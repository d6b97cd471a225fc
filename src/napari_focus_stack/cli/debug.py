"""Files of `--debug` beside the output: every plane as it was fused, and its energy."""

from __future__ import annotations

import contextlib
import os
import re
from typing import TYPE_CHECKING, Any

from napari_focus_stack.errors import OutputError
from napari_focus_stack.io.output_formats import Legend, encoder
from napari_focus_stack.io.replacing import os_errors, put_in_place, remove, temporary_name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from napari_focus_stack.pipeline.fuse import OnPlane

_OURS = re.compile(r"(aligned|energy)_\d{3,}\.tif|\._.*|\.DS_Store|Thumbs\.db|desktop\.ini")
"""Planes and energies, and files that file browsers create in every folder that they show."""


def folder_beside(output: Path) -> Path:
    """Return the debug folder of a run.

    Parameters
    ----------
    output : pathlib.Path
        The sharp image.

    Returns
    -------
    pathlib.Path
        Folder beside the image.
    """
    return output.with_name(f"{output.stem}-debug")


def check_folder(folder: Path) -> None:
    """Refuse to replace a folder that an earlier `--debug` did not write.

    Parameters
    ----------
    folder : pathlib.Path
        Debug folder.

    Raises
    ------
    OutputError
        The folder is a file, or holds files of other names.
    """
    if not os.path.lexists(folder):
        return
    if folder.is_symlink() or not folder.is_dir():
        raise OutputError(f"--debug needs the folder '{folder}', which is a file; move it away.")
    foreign = [entry.name for entry in folder.iterdir() if not _OURS.fullmatch(entry.name)]
    if foreign:
        raise OutputError(
            f"--debug would replace '{folder}' with '{foreign[0]}' in it; move it away."
        )


@contextlib.contextmanager
def debug_folder(folder: Path) -> Iterator[OnPlane]:
    """Write planes into a folder, which appears, or is replaced, only if all went well.

    Parameters
    ----------
    folder : pathlib.Path
        Debug folder.

    Yields
    ------
    callable
        Called with the number of a plane, the plane (Y, X[, C]) and its energy (Y, X); writes
        `aligned_000.tif` and `energy_000.tif`.

    Raises
    ------
    OutputError
        A file cannot be written, or `check_folder` refuses the folder.
    """
    check_folder(folder)
    staging = temporary_name(folder)

    def write(k: int, plane: NDArray[Any], energy: NDArray[np.float32]) -> None:
        """Write a plane and its energy."""
        with os_errors(folder):
            for kind, image in (("aligned", plane), ("energy", energy)):
                file = staging / f"{kind}_{k:03d}.tif"
                encoder(file)(file, image, Legend())

    try:
        with os_errors(folder):
            staging.mkdir()
        yield write
        check_folder(folder)
        put_in_place([(staging, folder)])
    finally:
        remove([staging])
