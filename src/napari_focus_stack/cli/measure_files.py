"""Files of `focusstack measure`: figures, profiles, meshes and heights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_focus_stack._version import __version__
from napari_focus_stack.errors import OutputError, SettingsError

if TYPE_CHECKING:
    import argparse

    from napari_focus_stack.analysis.height_map import HeightMap
    from napari_focus_stack.analysis.height_profiles import Profile
    from napari_focus_stack.analysis.opening import OpenedHeights
    from napari_focus_stack.cli.findings import Finding

_ENDS = {
    "json": (".json",),
    "csv": (".csv",),
    "svg": (".svg",),
    "mesh": (".glb", ".ply", ".obj", ".stl"),
    "height": (".tif", ".tiff", ".gsf", ".x3p"),
}
"""Ends of the names of the files that each option writes."""
_KINDS = ("profiles", "steps", "textures", "volumes", "spheres")


def outputs_of(call: argparse.Namespace) -> dict[str, Path]:
    """Return the files that a call writes.

    Parameters
    ----------
    call : argparse.Namespace
        Arguments of `focusstack measure`.

    Returns
    -------
    dict of str to pathlib.Path
        Files by their options.
    """
    named = {name: getattr(call, name) for name in _ENDS}
    return {name: Path(path) for name, path in named.items() if path not in (None, "-")}


def check_call(call: argparse.Namespace, outputs: dict[str, Path]) -> None:
    """Refuse a call, before the work, whose options have no effect or cannot be written.

    Parameters
    ----------
    call : argparse.Namespace
        Arguments of `focusstack measure`.
    outputs : dict of str to pathlib.Path
        `outputs_of` the call.

    Raises
    ------
    SettingsError
        An option needs another one.
    OutputError
        A file has the wrong ending, is read by the call, or cannot be written.
    """
    from napari_focus_stack.io.output_checks import check_files

    for name in ("csv", "svg"):
        if name in outputs and not call.profile:
            raise SettingsError(f"--{name} is for profiles; give --profile, or --json for figures.")
    if call.sure_only and not outputs.keys() & {"mesh", "height"}:
        raise SettingsError("--sure-only is for files; give --mesh or --height.")
    if call.no_tilt and not call.step:
        raise SettingsError("--no-tilt is for steps; give --step.")
    for name in ("s_filter", "l_filter"):
        if getattr(call, name) is not None and not call.texture:
            raise SettingsError(f"--{name.replace('_', '-')} is for the texture; give --texture.")
    for name, path in outputs.items():
        if path.suffix.lower() not in _ENDS[name]:
            raise OutputError(
                f"--{name} '{path}' has no known ending; end it in {' or '.join(_ENDS[name])}."
            )
    check_files(list(outputs.values()))


def document_of(
    call: argparse.Namespace, found: OpenedHeights, form: str | None, findings: list[Finding]
) -> dict[str, Any]:
    """Return all figures as plain JSON, whose keys are the same in every call.

    Parameters
    ----------
    call : argparse.Namespace
        Arguments of `focusstack measure`.
    found : OpenedHeights
        The result.
    form : str or None
        What was subtracted from the heights.
    findings : list of Finding
        The summary of the field, and all measurements.

    Returns
    -------
    dict
        Plain JSON.
    """
    from napari_focus_stack.cli.findings import plain

    document: dict[str, Any] = {
        "version": __version__,
        "result": str(call.result),
        "name": found.name,
        "notes": list(found.notes),
        "level": form,
        "field": plain(findings[0].content),
        **{kind: [] for kind in _KINDS},
    }
    for finding in findings[1:]:
        document[finding.kind].append(plain(finding.content))
    return document


def write_files(
    call: argparse.Namespace,
    outputs: dict[str, Path],
    found: OpenedHeights,
    surface: HeightMap,
    profiles: list[Profile],
    document: dict[str, Any],
) -> None:
    """Write the files of a call; those first that may be refused.

    Parameters
    ----------
    call : argparse.Namespace
        Arguments of `focusstack measure`.
    outputs : dict of str to pathlib.Path
        `outputs_of` the call.
    found : OpenedHeights
        The result.
    surface : HeightMap
        Its heights, levelled if that was wanted.
    profiles : list of Profile
        Profiles of the call.
    document : dict
        `document_of` the call.

    Raises
    ------
    OutputError
        A file cannot be written.
    InputError
        The heights make no mesh.
    """
    from napari_focus_stack.io.output_checks import check_not_overwritten

    for file in found.files:
        check_not_overwritten(outputs, file)
    if "mesh" in outputs:
        from napari_focus_stack.analysis.surface import surface_mesh

        mesh = surface_mesh(surface, found.image, most_faces=call.faces, sure_only=call.sure_only)
    if "svg" in outputs:
        from napari_focus_stack.figures.profile_plot import write_profiles

        write_profiles(outputs["svg"], profiles)
    if "height" in outputs:
        from napari_focus_stack.analysis.height_export import save_heights

        save_heights(surface, outputs["height"], sure_only=call.sure_only)
    if "mesh" in outputs:
        mesh.save(outputs["mesh"])
    if "csv" in outputs:
        from napari_focus_stack.analysis.profile_tables import profile_headings, profile_rows
        from napari_focus_stack.io.tables import write_table

        rows = profile_rows(list(enumerate(profiles, 1)))
        write_table(outputs["csv"], profile_headings(profiles[0]), rows)
    if "json" in outputs:
        from napari_focus_stack.io.writing import write_report

        write_report(outputs["json"], document)
