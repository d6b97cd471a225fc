"""The recipe for conda-forge requires what pyproject.toml does, under the names of conda-forge."""

from __future__ import annotations

import tomllib
from pathlib import Path

import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
NAMES = {
    "dask": "dask-core",
    "lazy-loader": "lazy_loader",
    "napari": "napari-base",
    "opencv-python-headless": "py-opencv",
}


def test_the_recipe_has_the_requirements_of_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = {
        f"{NAMES.get(required.name, required.name)} {required.specifier}"
        for required in map(Requirement, project["dependencies"])
    }
    recipe = (ROOT / "packaging" / "conda" / "recipe.yaml").read_text(encoding="utf-8")
    found = set(yaml.safe_load(recipe)["requirements"]["run"])
    assert found - {"python"} == wanted
