"""Programs of this machine that tests run."""

from __future__ import annotations

import shutil

import pytest


def program(name: str) -> str:
    """Return the path of the program *name*, and fail if it is missing: the programs that tests need must be installed."""
    found = shutil.which(name)
    if found is None:
        pytest.fail(f"this machine has no {name}: `sh setup.sh tests` installs what the tests run", pytrace=False)
    return found
