"""Check the licences of what this package requires, and that docs/dependencies.md lists it all.

    python .ci/licences.py

Findings are: a dependency of pyproject.toml or hatch_build.py without a row in the table, a row
without a dependency, an installed package under the GPL or AGPL that a dependency draws in, and a
wheel that holds a library under the GPL, whatever its own licence says. Qt bindings are excepted:
users of napari choose theirs.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib import metadata
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "docs" / "dependencies.md"
ROW = re.compile(r"^\| `([^`]+)` \| [^|]+ \| [^|]+ \|$", re.MULTILINE)
GPL = re.compile(r"(?<!L)GPL|GNU (Affero )?General Public", re.IGNORECASE)
EXCEPTED = {
    "pyqt6": "a Qt binding",
    "docutils": "public domain and BSD; the GPL is that of a mode for Emacs, which no wheel holds",
}
# encoders and numerical libraries that wheels may hold beside a module of another licence
GPL_LIBRARIES = re.compile(
    r"^(lib)?(x264|x265|xvid|postproc|fftw3|gsl|imagequant)\b.*\.(so|dll|dylib)\b"
)


def main() -> int:
    """Print what is found; return 1 if that is anything."""
    requirements = direct_requirements()
    wanted = {canonicalize_name(requirement.name) for requirement in requirements}
    rows = {canonicalize_name(name) for name in ROW.findall(TABLE.read_text(encoding="utf-8"))}
    findings = [f"{name}: no row in {TABLE.name}" for name in sorted(wanted - rows)]
    findings += [f"{name}: in {TABLE.name}, but not required" for name in sorted(rows - wanted)]
    installed = {d.name: d for d in closure(requirements)}
    for name, distribution in sorted(installed.items()):
        if canonicalize_name(name) not in EXCEPTED:
            findings += [f"{name}: {fault}" for fault in faults(distribution)]
    for finding in findings:
        print(finding)
    print(f"{len(findings)} findings in {len(wanted)} dependencies, {len(installed)} with theirs")
    absent = wanted - {canonicalize_name(name) for name in installed}
    if absent:
        print("not installed here:", ", ".join(sorted(absent)))
    return 1 if findings else 0


def direct_requirements() -> list[Requirement]:
    """Return every requirement of the project, its extras and its build."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    table = project["project"]
    texts = [*project["build-system"]["requires"], *table["dependencies"], zig()]
    texts += [text for extra in table["optional-dependencies"].values() for text in extra]
    own = canonicalize_name(table["name"])
    return [r for r in map(Requirement, texts) if canonicalize_name(r.name) != own]


def zig() -> str:
    """Return the requirement of the build hook for machines without a compiler."""
    [value] = [
        node.value
        for node in ast.parse((ROOT / "hatch_build.py").read_text()).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "ZIG"
    ]
    return str(ast.literal_eval(value))


def closure(requirements: Iterable[Requirement]) -> Iterator[metadata.Distribution]:
    """Return the installed packages that requirements draw in, themselves included."""
    left = [(r.name, extra) for r in requirements for extra in ("", *r.extras)]
    seen = set()
    while left:
        name, extra = left.pop()
        if (canonicalize_name(name), extra) in seen:
            continue
        seen.add((canonicalize_name(name), extra))
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        if not extra:
            yield distribution
        for needed in map(Requirement, distribution.requires or []):
            if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                left += [(needed.name, more) for more in ("", *needed.extras)]


def faults(distribution: metadata.Distribution) -> Iterator[str]:
    """Return what is under the GPL in a package."""
    about = distribution.metadata
    classifiers = [c for c in about.get_all("Classifier") or [] if c.startswith("License")]
    said = [about.get("License-Expression") or "", *classifiers]
    if not any(said):
        said = (about.get("License") or "").splitlines()[:1]
    # of "GPL OR MIT" the second is chosen
    under = [text for text in said if all(GPL.search(part) for part in text.split(" OR "))]
    if under:
        yield f"is under {', '.join(under)}"
    for file in distribution.files or []:
        if GPL_LIBRARIES.match(PurePath(file).name):
            yield f"holds {PurePath(file).name}, which is under the GPL"


if __name__ == "__main__":
    sys.exit(main())
