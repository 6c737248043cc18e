"""The pages' commands that need a kernel's source or a compiler, with the store that all such tests share."""

from __future__ import annotations

import shutil
import subprocess
import sys

from typing import TYPE_CHECKING

import attrs
import pytest

from derivations.debian.lock import dumps
from derivations.debian.sets import default_sets
from tests.page_runs import Run, run_so
from tests.pages import PAGES, ROOT, Shell, blocks, console, is_shown, open_shell, shape


if TYPE_CHECKING:
    from pathlib import Path

    from derivations.debian.lock import Lock
    from tests.real import Kernix

pytestmark = pytest.mark.kernel

_HERE = [page for page in PAGES if run_so(Run.SHARED, console(page))]


_COMPILE = {"run.md"}
"""The pages whose commands compile a kernel that no other page needs."""


@pytest.mark.parametrize(
    "page", [pytest.param(it, id=it.name, marks=[pytest.mark.long] * (it.name in _COMPILE)) for it in _HERE]
)
def test_console(page: Path, real: Kernix, tmp_path: Path) -> None:
    """A command prints what its page shows, in order, except for numbers and digests."""
    shell = _shell(page, real, tmp_path)
    wrong = shell.run_all(run_so(Run.SHARED, console(page)))
    # One page unpacks all of Linux there.
    shutil.rmtree(shell.home)
    assert not wrong, wrong


def test_python(real: Kernix, tmp_path: Path) -> None:
    """The example in docs/python.md that builds a kernel prints what the page shows."""
    shell = _shell(ROOT / "docs/python.md", real, tmp_path)
    done = subprocess.run(
        [sys.executable, "block_2.py"],
        cwd=shell.work,
        env={**shell.environment, "HOME": str(shell.home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert is_shown(shape(blocks(ROOT / "docs/python.md", "text")[1]), shape(done.stdout)) is None, done.stderr


def _shell(page: Path, real: Kernix, directory: Path) -> Shell:
    shell = open_shell(page, directory / "home", real.home / "kernix", real.environment)
    (shell.home / ".config/kernix").mkdir(parents=True)
    (shell.home / ".config/kernix/kernix.lock").write_text(dumps(_initial(real.lock())), encoding="utf-8")
    return shell


def _initial(lock: Lock) -> Lock:
    """Return *lock* with the sets that a new one has: other tests may have added some."""
    initial = default_sets("amd64", lock.sets)
    used = {it for name in initial for it in lock.sets[name]}
    return attrs.evolve(
        lock,
        packages=[it for it in lock.packages if it.identity in used],
        sets={name: lock.sets[name] for name in initial},
    )
