"""The linters, the formatter and the type checker report nothing."""

from __future__ import annotations

import os
import subprocess
import sys

from pathlib import Path

import pytest


ROOT = Path(__file__).parent.parent
TOOLS = Path(sys.executable).parent


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(["ruff", "check", "--no-cache"], id="ruff-check"),
        pytest.param(["ruff", "format", "--check", "--no-cache"], id="ruff-format"),
        pytest.param(["mypy"], id="mypy"),
        pytest.param(["pyright", "--pythonpath", sys.executable], id="pyright"),
    ],
)
def test_no_reports(command: list[str], tmp_path: Path) -> None:
    """The tool in this virtual environment succeeds."""
    # If the checkout is read-only, mypy keeps its cache elsewhere.
    kept = {} if os.access(ROOT, os.W_OK) else {"MYPY_CACHE_DIR": str(tmp_path)}
    result = subprocess.run(
        [TOOLS / command[0], *command[1:]],
        cwd=ROOT, env={**os.environ, **kept}, text=True, capture_output=True, check=False,
    )  # fmt: skip

    assert (result.returncode, result.stdout + result.stderr if result.returncode else "") == (0, "")
