"""`kernix config …` on a real tree: comparing, fixing, moving to another version, and editing in the kernel's own editor."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time

from typing import TYPE_CHECKING

import pytest

from tests.programs import program


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.real import Kernix

pytestmark = pytest.mark.kernel

MINE = """
mine = kernels.linux_micro.override(extra_config={"NET": YES, "INET": YES, "LOG_BUF_SHIFT": 18})
bad = kernels.linux_micro.override(extra_config={"ZRAM": YES})
old = kernels.linux_debian_6_1.override(base="tinyconfig", extra_config={"64BIT": YES, "PAGE_TABLE_ISOLATION": YES})
"""


@pytest.fixture(scope="module")
def mine(real: Kernix) -> str:
    return real.define("config_verbs.py", MINE)


def test_what_follows_from_a_request(real: Kernix, mine: str) -> None:
    """Each option that differs leads, in a chain, to a requested one."""
    found = json.loads(real.run("config", "diff", "-f", mine, "kernels.linux_micro", "mine", "--json").stdout)

    roots = {(it["chain"] or [it["option"]])[-1] for it in found["changes"]}
    kinds = {it["option"]: it["cause"]["kind"] for it in found["changes"]}
    assert {"NET", "INET", "LOG_BUF_SHIFT"} == roots
    assert ("asked", "selected", "depends") == (kinds["NET"], kinds["NLATTR"], kinds["TCP_CONG_CUBIC"])


def test_two_versions(real: Kernix, mine: str) -> None:
    """Between versions, every change has a cause."""
    found = json.loads(real.run("config", "diff", "-f", mine, "linux_debian_6_1", "linux_debian_6_12", "--json").stdout)

    causes = {it["option"]: it["cause"] for it in found["changes"]}
    assert [] == [name for name, it in causes.items() if it["kind"] == "unknown"]
    assert "named MITIGATION_PAGE_TABLE_ISOLATION since 6.9" == causes["PAGE_TABLE_ISOLATION"]["text"]


def test_two_files_with_their_kernel(real: Kernix, mine: str) -> None:
    """With a kernel's Kconfig, the changes between files have causes; alone, only values."""
    text = real.run("config", "-f", mine, "mine").stdout
    for name, value in {"old": "y", "new": "n"}.items():
        line = "CONFIG_INET=y" if value == "y" else "# CONFIG_INET is not set"
        (real.home / f"{name}.config").write_text(text.replace("CONFIG_INET=y", line))

    def found(*more: str) -> dict[str, str]:
        found = json.loads(real.run("config", "diff", "-f", mine, "old.config", "new.config", "--json", *more).stdout)
        return {it["option"]: it["cause"]["text"] for it in found["changes"]}

    assert {"INET"} == found().keys()
    causes = found("--for", "kernels.linux_micro")
    assert "new.config instead of old.config" == causes["INET"]
    assert "depends on INET" in causes["TCP_CONG_CUBIC"]


def test_a_fix_holds(real: Kernix, mine: str) -> None:
    """What `fix` prints, added to the definition, makes the request hold."""
    printed = real.run("config", "fix", "-f", mine, "bad").stdout

    file = real.define(
        "config_fixed.py",
        f"{printed}\ngood = kernels.linux_micro.override(extra_config={{**extra_config, 'ZRAM': YES}})\n",
    )
    real.run("config", "check", "-f", file, "good")
    real.run("config", "check", "-f", mine, "bad", code=1)


def test_moving_to_another_version(real: Kernix, mine: str) -> None:
    """A request for a renamed option is reported with the edit, after which everything holds."""
    found = json.loads(real.run("config", "upgrade", "-f", mine, "old", "--to", "linux_debian_6_12", "--json").stdout)

    (step,) = found["steps"]
    assert ("PAGE_TABLE_ISOLATION", "renamed") == (step["option"], step["fate"])
    assert ['- "PAGE_TABLE_ISOLATION": YES,', '+ "MITIGATION_PAGE_TABLE_ISOLATION": YES,'] == step["edit"]


class Terminal:
    """A terminal that a test types into, by tmux."""

    def __init__(self, tmux: str, home: Kernix, command: str) -> None:
        """Run *command* in a terminal of the usual size."""
        # Its own server and socket: a server that is ending would take the next session down with it.
        # The path of a socket must be short, even if the home's is not.
        self._place = tempfile.TemporaryDirectory(prefix="tmux-", dir="/tmp")
        self._tmux = (tmux, "-S", f"{self._place.name}/socket")
        environment = " ".join(f"{name}={shlex.quote(value)}" for name, value in home.environment.items())
        inner = (
            f"cd {shlex.quote(str(home.home))}; env -i TERM=screen {environment} {command}; echo ended $?; sleep 600"
        )
        self._run("-f", "/dev/null", "new-session", "-d", "-x", "100", "-y", "30", inner)

    def _run(self, *words: str) -> str:
        environment = {**os.environ, "SHELL": "/bin/sh"}  # tmux gives the command to it
        done = subprocess.run([*self._tmux, *words], env=environment, capture_output=True, text=True, check=True)
        return done.stdout

    def press(self, *keys: str) -> None:
        """Press *keys* one by one, with a pause after each."""
        for key in keys:
            self._run("send-keys", key)
            time.sleep(0.2)

    def wait(self, seen: Callable[[str], bool], seconds: float = 300) -> str:
        """Return the screen as soon as *seen* accepts it."""
        end = time.monotonic() + seconds
        while not seen(screen := self._run("capture-pane", "-p")):
            assert time.monotonic() < end, screen
            time.sleep(0.2)
        return screen

    def close(self) -> None:
        """End everything that runs in it."""
        subprocess.run([*self._tmux, "kill-server"], capture_output=True, check=False)
        self._place.cleanup()


@pytest.fixture
def edit(real: Kernix) -> Iterator[Callable[..., Terminal]]:
    opened: list[Terminal] = []

    def start(*words: str) -> Terminal:
        command = shlex.join([sys.executable, "-m", "kernix", "config", "edit", *words])
        opened.append(Terminal(program("tmux"), real, command))
        return opened[-1]

    yield start
    for it in opened:
        it.close()


def test_an_edit_becomes_the_smallest_fragment(real: Kernix, edit: Callable[..., Terminal]) -> None:
    """A change in menuconfig is printed as the one option from which all others follow."""
    terminal = edit("linux_micro")
    terminal.wait(lambda screen: "Networking support" in screen and "<Select>" in screen)
    screen = ""
    for _ in range(30):  # down to the line, whatever is above it
        terminal.press("Down", "y")
        if "[*] Networking support" in (screen := terminal.wait(bool)):
            break
    assert "[*] Networking support" in screen
    terminal.press("Escape", "Escape")
    terminal.wait(lambda screen: "save your new configuration" in screen)
    terminal.press("Enter")

    screen = terminal.wait(lambda screen: "ended" in screen)
    assert "ended 0" in screen
    printed = screen[screen.index("extra_config = {") : screen.rindex("}") + 1]
    file = real.define(
        "config_edited.py", f"{printed}\nedited = kernels.linux_micro.override(extra_config=extra_config)\n"
    )
    again = json.loads(real.run("config", "diff", "-f", file, "kernels.linux_micro", "edited", "--json").stdout)
    roots = {it["option"] for it in again["changes"] if it["cause"]["kind"] == "asked"}
    assert printed.count(": ") == len(roots)
    assert "NET" in roots


def test_leaving_the_editor(edit: Callable[..., Terminal]) -> None:
    """Leaving the editor without a change is reported."""
    terminal = edit("--nconfig", "linux_micro")
    terminal.wait(lambda screen: "Networking support" in screen and "F9" in screen)
    terminal.press("F9")

    assert "nothing changed" in terminal.wait(lambda screen: "ended 0" in screen)


EDITORS = """
import attrs

from derivations.linux.editor import editor_root, editors

linux = kernels.linux_micro
root = editor_root(linux.toolchain, linux.context.lock()).out
compiled = editors(linux.config_tree, root, linux.toolchain.system, linux.toolchain.make_flags)
option, script, *words = compiled.args
copy = "cp -r --preserve=mode,timestamps,links /editors/. /build; chmod -R u+w /build;"
again = attrs.evolve(
    compiled, args=[option, copy + script, *words], mounts={**compiled.mounts, "/editors": compiled.out}
)
"""


def test_an_editor_is_compiled_once(real: Kernix) -> None:
    """For make, the editors in the store are up to date: nothing is compiled again."""
    real.run("lock", "--add", "ncurses")
    file = real.define("editors.py", EDITORS)
    real.run("build", "-f", file, "again", "--no-link")

    assert re.search(r"HOSTLD +scripts/kconfig/mconf", real.run("log", "-f", file, "compiled").stdout)
    again = real.run("log", "-f", file, "again").stdout
    assert again
    assert "HOST" not in again
