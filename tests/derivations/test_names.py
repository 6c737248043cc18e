"""Tests for the names of `derivations`."""

from __future__ import annotations

import subprocess
import sys

from types import ModuleType

import pytest

import derivations


@pytest.mark.parametrize("name", derivations.__all__)
def test_a_name_is_what_its_module_has(name: str) -> None:
    """No name is a module, even where a module of that name has been imported."""
    assert not isinstance(getattr(derivations, name), ModuleType)


@pytest.mark.parametrize("before", ["", "import kernels", "import derivations.union, derivations.unpack"])
def test_names_whatever_was_imported_before(before: str) -> None:
    """A function is not replaced by the module of its name, whoever imports that first."""
    program = f"{before}\nfrom derivations import union, unpack\nassert callable(union) and callable(unpack)\n"
    subprocess.run([sys.executable, "-c", program], check=True)
