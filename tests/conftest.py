"""What all tests share."""

from __future__ import annotations

import signal

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.real import Kernix
from tests.signing import Key, gnupg_home, make_key


if TYPE_CHECKING:
    from collections.abc import Iterator


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let whoever works on the kernels keep a store, and so a compiled kernel, from run to run."""
    parser.addoption(
        "--real-home", metavar="DIRECTORY", help="the home of the tests that build real kernels; fresh by default"
    )


def pytest_configure() -> None:
    """Let the processes that tests start be interrupted, even if this one runs in the background and cannot be."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tests that compile a kernel: all others take less time than these."""
    items.sort(key=lambda item: item.get_closest_marker("kernel") is None)


@pytest.fixture(scope="session")
def real(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Kernix:
    """Return kernix with the store that all tests on real trees share, in whichever worker; nothing is collected in it."""
    if kept := request.config.getoption("--real-home"):
        home = Path(kept).absolute() / "shared"
    else:
        base = tmp_path_factory.getbasetemp()
        home = (base.parent if hasattr(request.config, "workerinput") else base) / "shared"
    home.mkdir(parents=True, exist_ok=True)
    real = Kernix(home)
    real.lock()
    return real


@pytest.fixture(scope="session")
def archive_key() -> Iterator[Key]:
    """Return the key that archives of packages are signed with, if a test writes them."""
    with gnupg_home() as home:
        yield make_key(home, "archive@example.org")
