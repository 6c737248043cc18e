"""The pages' commands that need a kernel's source or a compiler, with the store that all such tests share."""

from __future__ import annotations

import subprocess
import sys

from typing import TYPE_CHECKING

import pytest

from derivations.debian.lock import dumps
from tests.pages import ROOT, Command, Shell, blocks, console, is_shown, open_shell, shape
from tests.test_docs_run import needs_no_kernel


if TYPE_CHECKING:
    from pathlib import Path

    from tests.real import Kernix

pytestmark = pytest.mark.kernel

_PAGES = (
    "README.md",
    "docs/build.md",
    "docs/configuration.md",
    "docs/options.md",
    "docs/rebuild.md",
    "docs/sandbox.md",
)
_VERBS = {"build", "config", "log", "why-rebuild"}

_OTHERS = {
    "README.md: kernix config -f my_kernels.py kgdb | grep KGDB_": "unpacks a tree of its own for the patch",
    "build.md: kernix build linux_6_18 --dry-run": "what remains to be built depends on the store",
    "build.md: kernix build -f fetched.py gone": "asks a server of the page",
    "build.md: kernix build -f fetched.py wrong": "asks a server of the page",
    "build.md: kernix log linux_micro.tests.boot | tail -n 3": "ends with the error of KVM on machines where it fails",
    "build.md: kernix log --follow linux_micro.tests.boot": "of a boot that is going on",
    "rebuild.md: kernix build -f rebuilds.py timed --dry-run": "what remains to be built depends on the store",
    "configuration.md: kernix config check -f manual.py whole": "about a whole .config that the page does not show",
    "options.md: kernix config check -f guides.py guix": "about options that the page does not show",
    "options.md: kernix config upgrade -f my_kernels.py old --to linux_debian_6_12": "unpacks another Linux",
}
"""Commands that are skipped, and the reasons."""


def needs_a_kernel(command: Command) -> bool:
    """Return whether *command* needs more than definitions, and can be run without a terminal on any store."""
    if str(command) in _OTHERS or needs_no_kernel(command):
        return False
    verb, *rest = command.words
    return verb in _VERBS and rest[0] not in {"edit", "import"}


@pytest.mark.parametrize("name", _PAGES)
def test_console(name: str, real: Kernix, tmp_path: Path) -> None:
    """A command prints what its page shows, in order, except for numbers and digests."""
    shell = _shell(name, real, tmp_path)
    wrong = shell.run_all(console(ROOT / name), needs_a_kernel)
    assert not wrong, wrong


def test_python(real: Kernix, tmp_path: Path) -> None:
    """The example in docs/python.md that builds a kernel prints what the page shows."""
    shell = _shell("docs/python.md", real, tmp_path)
    (shell.home / ".local/share").mkdir(parents=True)
    (shell.home / ".local/share/kernix").symlink_to(shell.store)
    done = subprocess.run(
        [sys.executable, "block_2.py"],
        cwd=shell.work,
        env={**shell.environment, "HOME": str(shell.home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert is_shown(shape(blocks(ROOT / "docs/python.md", "text")[1]), shape(done.stdout)) is None, done.stderr


def _shell(name: str, real: Kernix, directory: Path) -> Shell:
    shell = open_shell(ROOT / name, directory / "home", real.home / "kernix", real.environment)
    (shell.home / ".config/kernix").mkdir(parents=True)
    (shell.home / ".config/kernix/kernix.lock").write_text(dumps(real.lock()), encoding="utf-8")
    return shell
