"""The pages' blocks work: Python is evaluated, and commands that need no kernel source print what the page shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from derivations.context import Context, using
from derivations.debian.lock import dumps
from derivations.derivation import Derivation
from derivations.linux.kernel import Kernel
from derivations.source import text_file
from overlays.load import load_file
from store.errors import Error
from tests.derivations.linux.test_releases import entry
from tests.derivations.realise.scripted_server import Answer, ScriptedServer
from tests.fakes import fake_kernel_lock, fake_lock, fake_package, with_set
from tests.kernel_org import KEY_PATH, KernelOrg
from tests.page_runs import BEFORE, NOT_RUN, QUICK, SHARED, VARIES, Run, run_so
from tests.pages import PAGES, ROOT, Command, Shell, blocks, console, open_shell, write_files
from tests.signing import gnupg_home, make_key


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


with_page = pytest.mark.parametrize("page", [pytest.param(page, id=page.name) for page in PAGES])

_SETS = ("busybox", "gcc", "linux-source-6.1", "linux-source-6.12", "qemu")
"""The initial contents of a lock."""

_ONLINE = {"update.md"}
"""Pages whose commands ask a server."""


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, str]]:
    """Return where the servers that the pages speak of are: kernel.org, with its key, and one with a file."""
    with gnupg_home() as home, ScriptedServer() as kernel_org, ScriptedServer() as other:
        key = make_key(home, "Checksum autosigner")
        files = KernelOrg(kernel_org, key)
        kernel_org.files[KEY_PATH] = key.public
        files.announce(
            entry("6.20-rc1", "mainline"), entry("6.19.2"), entry("6.18.9", "longterm"), entry("6.12.70", "longterm"),
            entry("6.1.163", "longterm"), entry("5.15.200", "longterm"),
        )  # fmt: skip
        files.sign("6.19.2", "6.18.9", "6.12.70", "6.1.163", "5.15.200")
        other.files["/file.txt"] = b"a file\n"
        other.answers = {it: [Answer(reason="File not found")] for it in ("/gone", "/mirror/gone")}
        yield {"SERVER": kernel_org.url(""), "SIGNER": key.fingerprint, "PORT": other.url("").rpartition(":")[2]}


@pytest.fixture
def shell(page: Path, tmp_path: Path, servers: dict[str, str]) -> Shell:
    """Return a shell with the files of *page*, an empty store, and a lock of fake packages."""
    shell = open_shell(page, tmp_path / "home", tmp_path / "store", servers)
    (shell.home / ".config/kernix").mkdir(parents=True)
    (shell.home / ".config/kernix/kernix.lock").write_text(dumps(fake_lock(_SETS)))
    if page.name not in _ONLINE:
        (shell.home / ".config/kernix/config.toml").write_text("offline = true\n")
    return shell


@pytest.mark.parametrize("page", [pytest.param(it, id=it.name) for it in PAGES if it.name != "python.md"])
def test_python(page: Path, tmp_path: Path) -> None:
    """Every Python block runs, and all kernels and derivations in it can be evaluated, or the page shows the error."""
    lock = with_set(fake_kernel_lock(), "firmware-linux-free", fake_package("firmware-linux-free", "all"))
    for file in write_files(page, tmp_path):
        with using(Context(lock=lambda: lock)):
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
    wrong = shell.run_all(run_so(Run.QUICKLY, console(page)))
    assert not wrong, wrong


def test_tables() -> None:
    """What the tables of tests/page_runs.py say about pages and commands, they say about shown ones."""
    shown = [str(it) for page in PAGES for it in console(page)]
    named = [*NOT_RUN, *VARIES, *(it for it in BEFORE if ": " in it)]
    assert [it for it in named if it not in shown] == []
    begins = [*QUICK, *SHARED]
    assert [it for it in begins if not any(name.startswith(it) for name in shown)] == []


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
