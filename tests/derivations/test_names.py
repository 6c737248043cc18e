"""Tests for the names of `derivations`."""

from __future__ import annotations

import subprocess
import sys

from types import ModuleType

import pytest

import derivations


@pytest.mark.parametrize("name", derivations.__all__)
def test_names_are_not_modules(name: str) -> None:
    """No name is a module, even if a module of that name has been imported."""
    assert not isinstance(getattr(derivations, name), ModuleType)


@pytest.mark.parametrize("before", ["", "import kernels", "import derivations.union, derivations.unpack"])
def test_names_after_other_imports(before: str) -> None:
    """Importing the module of the same name first does not replace a function."""
    program = f"{before}\nfrom derivations import union, unpack\nassert callable(union) and callable(unpack)\n"
    subprocess.run([sys.executable, "-c", program], check=True)
