"""Check that a tag, the version, CHANGELOG.md and CITATION.cff are of one release.

python .ci/release.py v1.2.3
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLACES = {
    "src/napari_focus_stack/_version.py": '__version__ = "{}"',
    "CITATION.cff": "version: {}",
    "CHANGELOG.md": "## [{}]",
}


def main(tag: str) -> int:
    """Print the files that do not name the version of a tag; return 1 if there are any."""
    version = tag.removeprefix("v")
    lacking = [file for file, line in PLACES.items() if not names(ROOT / file, line, version)]
    for file in lacking:
        print(f"{file} does not name {version}, the version of the tag {tag}")
    return 1 if lacking else 0


def names(file: Path, line: str, version: str) -> bool:
    """Return whether a line of a file begins with the version as that file writes it."""
    wanted = rf"^{re.escape(line.format(version))}(?![\w.])"
    return re.search(wanted, file.read_text(encoding="utf-8"), re.MULTILINE) is not None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
