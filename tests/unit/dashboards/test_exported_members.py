import importlib
import pkgutil

import pytest

import tidegate_dashboards

MODULES = sorted(
    found.name
    for found in pkgutil.walk_packages(tidegate_dashboards.__path__, "tidegate_dashboards.")
    if not found.name.endswith("__main__")
)


@pytest.mark.parametrize("name", MODULES)
def test_public_names_exist_and_are_sorted(name: str) -> None:
    module = importlib.import_module(name)
    public = getattr(module, "__all__", [])

    assert list(public) == sorted(public, key=lambda word: (not word.isupper(), word.islower(), word)), name
    assert all(hasattr(module, word) for word in public)
