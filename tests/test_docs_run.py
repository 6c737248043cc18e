"""The pages' blocks work: Python is evaluated, and commands that need no kernel source print what the page shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from derivations.context import using
from derivations.debian.lock import dumps
from derivations.derivation import Derivation
from derivations.linux.kernel import Kernel
from derivations.source import text_file
from overlays.load import load_file
from store.errors import Error
from tests.fakes import fake_context, fake_lock
from tests.pages import PAGES, ROOT, Command, Shell, blocks, console, open_shell, write_files


if TYPE_CHECKING:
    from pathlib import Path


with_page = pytest.mark.parametrize("page", [pytest.param(page, id=page.name) for page in PAGES])

_DESCRIBING = {"completion", "help", "list", "show", "version"}

_SETS = ("busybox", "gcc", "linux-source-6.1", "linux-source-6.12", "qemu")
"""The initial contents of a lock."""

_OTHERS = {
    "kernels.md: kernix show linux_micro": "its source is a package of another version",
    "toolchain.md: kernix show linux_micro": "with a damaged lock, which the page does not show",
    "update.md: kernix list | grep -E 'linux_(6|l)'": "after an update",
}
"""Commands that do not refer to the files of their page."""


def needs_no_kernel(command: Command) -> bool:
    """Return whether *command* only describes something, or fails before anything is built."""
    if str(command) in _OTHERS:
        return False
    verb, *rest = [*command.words, ""]
    if verb == "build":
        return command.printed.startswith("error: ")
    return verb in _DESCRIBING or verb == "add" or (verb, rest[0]) == ("config", "import")


@pytest.fixture
def shell(page: Path, tmp_path: Path) -> Shell:
    """Return a shell with the files of *page*, an empty store, and a lock of fake packages."""
    shell = open_shell(page, tmp_path / "home", tmp_path / "store", {})
    (shell.home / ".config/kernix").mkdir(parents=True)
    (shell.home / ".config/kernix/kernix.lock").write_text(dumps(fake_lock(_SETS)))
    (shell.home / ".config/kernix/config.toml").write_text("offline = true\n")
    return shell


@pytest.mark.parametrize("page", [pytest.param(it, id=it.name) for it in PAGES if it.name != "python.md"])
def test_python(page: Path, tmp_path: Path) -> None:
    """Every Python block runs, and all kernels and derivations in it can be evaluated, or the page shows the error."""
    for file in write_files(page, tmp_path):
        with using(fake_context()):
            try:
                for value in load_file(file).values():
                    _evaluate(value)
            except Error:
                if not any(file.name in it.words and "error: " in it.printed for it in console(page)):
                    raise


def _evaluate(value: object) -> None:
    if isinstance(value, Kernel):
        value = value.derivation
    if isinstance(value, Derivation):
        assert value.key


@with_page
def test_console(page: Path, shell: Shell) -> None:
    """Commands that need no kernel source print what the page shows, in order."""
    wrong = shell.run_all(console(page), needs_no_kernel)
    assert not wrong, wrong


def test_context() -> None:
    """The example in docs/python.md of a kernel without a `context` returns its key."""
    names: dict[str, Any] = {}
    exec(blocks(ROOT / "docs/python.md", "python")[2], names)  # noqa: S102 -- a block of ours
    key, other = (names["evaluated"](fake_lock(), text_file(name, "")) for name in ("one", "two"))
    assert (len(key), key == other) == (len(other), False)


def test_completion(tmp_path: Path) -> None:
    """The line for bash in docs/index.md enables completion of `kernix`."""
    (line,) = [it for it in blocks(ROOT / "docs/index.md", "bash")[0].splitlines() if "bash" in it]
    shell = open_shell(ROOT / "docs/index.md", tmp_path / "home", tmp_path / "store", {})
    printed = "complete -o nosort -F _kernix_completion kernix\n"
    assert shell.run(Command("index.md", f"{line}\ncomplete -p kernix", printed)) is None
