"""What the tests of kernels share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.derivations.linux.script_machine import Machine


if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Return an empty machine."""
    return Machine(tmp_path)
