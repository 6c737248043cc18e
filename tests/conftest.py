"""Options, fixtures and settings that all tests share."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
import time

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hypothesis import HealthCheck, settings

from tests.real import Kernix
from tests.signing import Key, gnupg_home, make_key


if TYPE_CHECKING:
    from collections.abc import Iterator

_NEEDS_ROOT = "needs root"

_FIRST = ("test_real_rebuild",)
_LAST = (
    "test_real_run",
    "test_real_modules",
    "test_real_initramfs",
    "test_real_reproducible",
    "test_real_systems",
    "test_real_clang",
)
"""The files that begin first, so that no worker is left alone with them, and those that a slow machine has no time for."""

_BEGAN = "KERNIX_TESTS_BEGAN"
"""The variable with the time at which the tests began, in seconds since 1970, for the workers."""

# Variables of the environment that affect where programs store files and what they print. Tests that need one set it.
_PERSONAL = re.compile(
    r"KERNIX_HOME|XDG_\w+|GNUPGHOME|GIT_(?!SSL)\w+|TMUX\w*|TAR_OPTIONS|MAKEFLAGS|MAKELEVEL|MFLAGS|"
    r"LANG|LANGUAGE|LC_\w+|TZ|COLUMNS|LINES|NO_COLOR|FORCE_COLOR|CLICOLOR\w*|PYTHON_COLORS|TTY_\w+"
)

# No deadline: the time of an example depends on the machine.
settings.register_profile("any-machine", parent=settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any-machine")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options to keep a store, and so a compiled kernel, from run to run, and to end in time."""
    parser.addoption(
        "--real-home", metavar="DIRECTORY", help="the home of the tests that build real kernels; fresh by default"
    )
    parser.addoption(
        "--budget",
        type=float,
        metavar="MINUTES",
        help="begin no test that compiles a kernel for few tests after this time",
    )


def pytest_configure() -> None:
    """Make the tests independent of how they were started: environment, umask, ignored interrupts."""
    for name in filter(_PERSONAL.fullmatch, tuple(os.environ)):
        del os.environ[name]
    os.environ["no_proxy"] = ",".join(
        filter(None, (os.environ.get("no_proxy") or os.environ.get("NO_PROXY"), "localhost,127.0.0.1"))
    )
    os.umask(0o022)
    os.environ.setdefault(_BEGAN, str(time.time()))
    # In the background, this process ignores interrupts, and below nohup hangups; so would all that it starts.
    for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the tests that compile a kernel first, because they take longest."""
    files = (*_FIRST, "", *_LAST)
    rank = {name: position for position, name in enumerate(files)}
    items.sort(key=lambda item: (item.get_closest_marker("kernel") is None, rank.get(item.path.stem, files.index(""))))
    if os.geteuid():
        for item in items:
            if item.get_closest_marker("root"):
                item.add_marker(pytest.mark.skip(reason=_NEEDS_ROOT))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a long test once the budget is used up."""
    budget = item.config.getoption("--budget")
    if budget is not None and item.get_closest_marker("long") and time.time() - float(os.environ[_BEGAN]) > budget * 60:
        pytest.skip(f"the budget of {budget:g} minutes is used up; without `--budget`, it is run")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(call: pytest.CallInfo[None]) -> Iterator[None]:
    """Add the output of a failed command to the report: its error has only the exit status."""
    error = call.excinfo and call.excinfo.value
    while error is not None:
        if isinstance(error, subprocess.CalledProcessError | subprocess.TimeoutExpired):
            for name, output in {"stdout": error.stdout, "stderr": error.stderr}.items():
                text = output.decode(errors="replace") if isinstance(output, bytes) else output
                if text:
                    error.add_note(f"its {name}:\n{text[-6000:]}")
        error = error.__cause__ or error.__context__
    return (yield)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List the skipped tests that need root."""
    skipped = terminalreporter.getreports("skipped")
    names = sorted(it.nodeid for it in skipped if str(it.longrepr).endswith(f"Skipped: {_NEEDS_ROOT}')"))
    if names:
        terminalreporter.section(f"{len(names)} tests need root and were skipped")
        for name in names:
            terminalreporter.line(name)


@pytest.fixture(scope="session")
def real(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Kernix:
    """Return kernix with the store that all tests on real trees share, across workers; nothing is collected in it."""
    if kept := request.config.getoption("--real-home"):
        home = Path(kept).absolute() / "shared"
    else:
        base = tmp_path_factory.getbasetemp()
        home = (base.parent if hasattr(request.config, "workerinput") else base) / "shared"
    home.mkdir(parents=True, exist_ok=True)
    real = Kernix(home)
    real.lock()
    return real


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Path]:
    """Return a directory in memory if there is one, so that hundreds of commits need not wait for a disk."""
    if not os.access("/dev/shm", os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="kernix-") as directory:
        yield Path(directory)


@pytest.fixture
def plain_path() -> Iterator[Path]:
    """Return a directory whose path needs no quoting, for files without a syntax for quoting."""
    with tempfile.TemporaryDirectory(prefix="kernix-", dir="/tmp") as directory:
        yield Path(directory)


@pytest.fixture(scope="session")
def archive_key() -> Iterator[Key]:
    """Return the key that tests sign archives of packages with."""
    with gnupg_home() as home:
        yield make_key(home, "archive@example.org")
