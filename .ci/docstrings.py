"""Validate the docstring of every public name by numpydoc, those of public methods included.

`python .ci/docstrings.py` prints what is missing and ends with 1 if anything is.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import sys
from typing import TYPE_CHECKING, Any

from numpydoc.docscrape import ClassDoc
from numpydoc.validate import validate

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMESPACES = ("", ".analysis", ".correction", ".depth", ".simulation")
NOT_ASKED = {
    "EX01": "an example for every name would be padding",
    "SA01": "the names are few enough to be read through",
    "SA04": "a name says enough in See Also",
    "ES01": "one line is enough where nothing else needs saying",
    "GL01": "the summary stands beside the quotes (ruff D212)",
    "GL02": "the quotes stand beside a lone summary (ruff D200)",
    "GL08": "ruff D1 has the docstrings themselves",
    "RT03": "descriptions of results may begin with a shape",
    "PR08": "descriptions of parameters may begin with a shape, as `(Y, X) bool`",
    "PR09": "and a description that is no sentence has no full stop",
    "RT04": "the same",
    "RT05": "the same",
    "YD01": "Yields is checked where there are any",
}


def public_names() -> Iterator[tuple[str, Any]]:
    """Yield what `__all__` of the package and its namespaces lists, with public methods."""
    for namespace in NAMESPACES:
        module = importlib.import_module(f"napari_focus_stack{namespace}")
        for name in module.__all__:
            value = getattr(module, name)
            if not (inspect.isclass(value) or inspect.isfunction(value)):
                continue
            yield f"{value.__module__}.{name}", value
            if inspect.isclass(value):
                for method, found in vars(value).items():
                    function = getattr(found, "__func__", found)
                    if inspect.isfunction(function) and not method.startswith("_"):
                        yield f"{value.__module__}.{name}.{method}", function


def findings_of(name: str, value: Any) -> Iterator[str]:
    """Yield what numpydoc finds; fields of a dataclass may stand under Attributes."""
    fields = set()
    if dataclasses.is_dataclass(value):
        fields = {field.name for field in dataclasses.fields(value)}
        attributes = ClassDoc(value)["Attributes"]
        listed = {one.strip() for entry in attributes for one in entry.name.split(",")}
        if missing := fields - listed:
            yield f"{name}: fields {sorted(missing)} are not documented"
    for code, sentence in validate(name)["errors"]:
        inherited = inspect.isclass(value) and "__init__" not in vars(value)
        if code not in NOT_ASKED and not (code == "PR01" and (fields or inherited)):
            yield f"{name}: {code} {sentence}"


def main() -> int:
    """Print every finding; return 1 if there are any."""
    findings = [one for name, value in public_names() for one in findings_of(name, value)]
    print(*sorted(set(findings)), sep="\n")
    print(f"{len(set(findings))} findings in the docstrings of public names.")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
