"""Recipes: the files, settings and manual corrections from which a run can be repeated.

A recipe is JSON::

    {"napari-focus-stack": {"recipe": 2, "version": "0.1.0", "inputs": ["/data/img1.tif", ...],
                            "settings": {"method": "pyramid", ...}, "correction": null}}

Format 2 adds `place`, the place of a stack in a series; format 1 is still read.

The report of a run can be used as a recipe too, and so can a file of saved results that has one.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack._version import __version__
from napari_focus_stack.depth_labels import decode_labels, encode_labels
from napari_focus_stack.errors import InputError, OutputError, SettingsError
from napari_focus_stack.io.json_documents import TooLargeError, read_json
from napari_focus_stack.io.ome_annotations import NAMESPACE, annotated
from napari_focus_stack.io.places import absolute_name
from napari_focus_stack.io.plane_files import DAMAGE, reason
from napari_focus_stack.io.special_files import refuse_special
from napari_focus_stack.io.stack_place import checked_place, not_repeated
from napari_focus_stack.io.tiff import MAGIC
from napari_focus_stack.io.writing import Outputs
from napari_focus_stack.settings import Settings

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

RECIPE_FORMAT = 2
"""Format of the JSON; later formats may need a later version of the package."""
_FORMATS_READ = (1, 2)

_OTHER = "give a recipe, a report (--report) or saved results (.focusstack)"
_KEYS = ("recipe", "version", "inputs", "settings", "transforms", "correction", "place")


@dataclass(frozen=True, eq=False)
class Recipe:
    """Files, settings and manual corrections of a run.

    Attributes
    ----------
    settings : Settings
        Parameters of the run.
    inputs : tuple of str
        Absolute paths: the planes' files in their order, one folder, or one multi-page file; empty
        for arrays.
    transforms : numpy.ndarray or None
        (n, 3, 3) float64, as in `StackResult`, if the run uses prior transforms; None to estimate
        them again.
    correction : numpy.ndarray or None
        (Y, X) uint16 labels of manual corrections: 0 nothing, k + 1 "plane k", 65535 background.
    version : str
        Version of napari-focus-stack that created the recipe.
    place : mapping of str to object
        Place of the stack in a series, as in `Report.place`, with an absolute path; empty for a
        stack of its own.
    not_repeated : tuple of str
        Sentences on what the series did to this stack and a run of the stack alone does not.
    """

    settings: Settings = field(default_factory=Settings)
    inputs: tuple[str, ...] = ()
    transforms: NDArray[np.float64] | None = None
    correction: NDArray[np.uint16] | None = None
    version: str = __version__
    place: Mapping[str, Any] = field(default_factory=dict)
    not_repeated: tuple[str, ...] = ()

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Recipe:
        """Read the recipe of a file.

        Parameters
        ----------
        path : path
            A recipe, the report of a run (whose transforms are used only if they were prior
            transforms there), or saved results that have a recipe.

        Returns
        -------
        Recipe
            Recipe with absolute inputs.

        Raises
        ------
        InputError
            The file cannot be read, is none of these, or needs a feature that this version does not
            have.
        """
        path = Path(path)
        refuse_special(path)
        try:
            with path.open("rb") as file:
                head = file.read(len(MAGIC[0]))
            return cls._of_results(path) if head in MAGIC else cls._of_json(path)
        except OSError as problem:
            why = problem.strerror or str(problem)
            raise InputError(f"'{path}' cannot be read: {why}; {_OTHER}.") from problem

    @classmethod
    def _of_results(cls, path: Path) -> Recipe:
        """Read the recipe of a file of saved results."""
        for note in annotated(ome_xml(path), path):
            if note is not None and note.get("recipe") is not None:
                return cls.of_document(note["recipe"], path)
        raise InputError(f"'{path}' carries no recipe; {_OTHER}.")

    @classmethod
    def _of_json(cls, path: Path) -> Recipe:
        """Read a recipe or a report."""
        try:
            document = read_json(path)
        except TooLargeError as problem:
            raise InputError(f"'{path}' cannot be read: {problem}; {_OTHER}.") from problem
        except ValueError as problem:
            raise InputError(f"'{path}' is no JSON; {_OTHER}.") from problem
        return cls.of_document(document, path)

    @classmethod
    def of_document(cls, document: Any, path: Path) -> Recipe:
        """Create a recipe from the dictionary of a recipe or a report.

        Parameters
        ----------
        document : object
            Any content of JSON.
        path : pathlib.Path
            File of the document; relative inputs are relative to its folder.

        Returns
        -------
        Recipe
            Recipe with absolute inputs.

        Raises
        ------
        InputError
            It is no recipe, or needs a feature that this version does not have.
        """
        content = document if isinstance(document, dict) else {}
        if isinstance(content.get(NAMESPACE), dict):
            content = content[NAMESPACE]
            _check_format(content, path)
        elif content.get("align") != "given":  # a report's transforms are estimated again
            content = {key: value for key, value in content.items() if key != "transforms"}
        if not isinstance(content.get("settings"), dict):
            raise InputError(f"'{path}' is no recipe; {_OTHER}.")
        return cls(
            settings=_settings(content["settings"], path),
            inputs=_inputs(content.get("inputs"), path),
            transforms=_transforms(content.get("transforms"), path),
            correction=_correction(content.get("correction"), path),
            version=str(content.get("version", __version__)),
            place=checked_place(content.get("place"), path),
            not_repeated=not_repeated(content),
        )

    def as_dict(self) -> dict[str, Any]:
        """Return a plain dictionary for JSON.

        Returns
        -------
        dict
            Content of the file that `write` writes and `read` reads.
        """
        recipe = {
            "recipe": RECIPE_FORMAT,
            "version": self.version,
            "inputs": list(self.inputs),
            "settings": self.settings.of_result(),
            "correction": None,
        }
        if self.place:
            recipe["place"] = dict(self.place)
        if self.correction is not None:
            shape = list(self.correction.shape)
            recipe["correction"] = {"shape": shape, "labels": encode_labels(self.correction)}
        if self.transforms is not None:
            recipe["transforms"] = [
                matrix.tolist() if np.isfinite(matrix).all() else None for matrix in self.transforms
            ]
        return {NAMESPACE: recipe}

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the recipe as JSON, whole or not at all.

        Parameters
        ----------
        path : path
            File to write, ending in .json.

        Raises
        ------
        OutputError
            The name does not end in .json, or the file cannot be written.
        """
        if Path(path).suffix.lower() != ".json":
            raise OutputError(f"'{path}' is no name for a recipe; end it in .json.")
        with Outputs() as files:
            files.report(path, self.as_dict())


def ome_xml(path: Path) -> str:
    """Return the OME-XML of a TIFF.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Returns
    -------
    str
        OME-XML.

    Raises
    ------
    InputError
        The file is damaged, or no OME-TIFF.
    """
    from napari_focus_stack.io.tiff_file import open_first_page

    try:
        with open_first_page(path) as page:
            xml = page.description if page.is_ome else None
    except DAMAGE as problem:
        raise InputError(f"'{path}' is damaged ({reason(problem)}); save it again.") from problem
    if xml is None:
        raise InputError(f"'{path}' is no OME-TIFF, or a damaged one; {_OTHER}.")
    return str(xml)


def _check_format(content: Mapping[str, Any], path: Path) -> None:
    """Refuse a recipe of which this version would ignore a part."""
    if content.get("recipe") is None:
        raise InputError(f"'{path}' does not name the format of its recipe; {_OTHER}.")
    if content["recipe"] not in _FORMATS_READ:
        raise InputError(
            f"'{path}' is a recipe of format {content['recipe']!r:.20}, and napari-focus-stack "
            f"{__version__} follows formats up to {RECIPE_FORMAT} alone; update it."
        )
    _refuse_unknown([key for key in content if content[key] is not None], _KEYS, path)


def _refuse_unknown(keys: Sequence[str], names: Sequence[str], path: Path) -> None:
    """Refuse a recipe with unknown keys."""
    unknown = sorted(set(keys) - set(names))
    if unknown:
        raise InputError(
            f"'{path}' sets {unknown[0]!r}, which napari-focus-stack {__version__} does not "
            "have; update it, or take that out of the file."
        )


def _settings(values: dict[str, Any], path: Path) -> Settings:
    """Return the settings of a recipe."""
    known = dataclasses.fields(Settings)
    _refuse_unknown(list(values), [setting.name for setting in known], path)
    for setting in known:
        value = values.get(setting.name, setting.default)
        is_null = None in (value if isinstance(value, list) else [value])
        if (is_null and setting.default is not None) or isinstance(value, dict):
            what = "null" if is_null else "a mapping"
            raise InputError(
                f"'{path}' cannot be followed: its {setting.name} is {what}; give a value, or "
                "leave it out for the usual one."
            )
    try:
        return Settings(**values)
    except SettingsError as wrong:
        raise InputError(f"'{path}' cannot be followed: {wrong}") from wrong


def _inputs(value: Any, path: Path) -> tuple[str, ...]:
    """Return the inputs of a recipe as absolute paths."""
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(name, str) and name for name in value):
        raise InputError(f"'{path}' has inputs that are no list of paths; correct it.")
    return tuple(absolute_name(name, path.absolute().parent) for name in value)


def _transforms(value: Any, path: Path) -> NDArray[np.float64] | None:
    """Return the transforms of a recipe; NaN for a plane that was left out."""
    if value is None:
        return None
    try:
        matrices = [np.full((3, 3), np.nan) if m is None else np.asarray(m, float) for m in value]
        return np.stack(matrices).reshape(-1, 3, 3)
    except (TypeError, ValueError, OverflowError) as problem:
        raise InputError(f"'{path}' has transforms that are no 3 x 3 matrices.") from problem


def _correction(value: Any, path: Path) -> NDArray[np.uint16] | None:
    """Return the correction of a recipe."""
    if value is None:
        return None
    try:
        rows, columns = (int(side) for side in value["shape"])
        if min(rows, columns) < 1:
            raise ValueError(f"{rows} x {columns} pixels are none")
        return decode_labels(value["labels"], (rows, columns))
    except (TypeError, KeyError, ValueError, ArithmeticError, MemoryError) as problem:
        raise InputError(
            f"'{path}' has a correction that is damaged ({reason(problem)}); take it out of the "
            "file."
        ) from problem
