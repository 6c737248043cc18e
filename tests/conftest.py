"""What all tests share."""

from __future__ import annotations

import pytest  # noqa: TC002 -- pytest itself reads the annotation


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let whoever works on the kernels keep a store, and so a compiled kernel, from run to run."""
    parser.addoption(
        "--real-home", metavar="DIRECTORY", help="the home of the tests that build real kernels; fresh by default"
    )
