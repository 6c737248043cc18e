"""Tests of derivations.realise.sandbox.interactive and .terminal: conversations with commands in real sandboxes."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import termios
import textwrap
import time

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from derivations.realise.sandbox.bubblewrap import MountRefused
from derivations.realise.sandbox.interactive import CannotRun, NotRealised, session
from derivations.realise.sandbox.layers import Layers
from derivations.realise.sandbox.overlay import overlay_works
from derivations.source import text_file
from tests.terminal import User


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.derivations.realise.conftest import Caller, Mark, Workplace

ROOT = Path(__file__).parents[4]


# Pipes


def test_conversation(workplace: Workplace) -> None:
    """A command answers over pipes, question by question, with its own exit code."""
    workplace.realise(workplace.base)
    script = "while read -r word; do echo got $word; done; exit 7"
    with session(workplace.store, {"/": workplace.base.out}, ["/bin/sh", "-c", script]) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for word in (b"one", b"two"):
            process.stdin.write(word + b"\n")
            process.stdin.flush()
            assert process.stdout.readline() == b"got " + word + b"\n"
        process.stdin.close()
        assert process.wait() == 7


def test_errors_are_kept(workplace: Workplace) -> None:
    """However much a command writes to standard error, it does not block, and all of it can be read."""
    workplace.realise(workplace.base)
    with session(workplace.store, {"/": workplace.base.out}, ["/bin/sh", "-c", "seq 50000 >&2"]) as process:
        assert process.stderr is not None
        assert process.wait() == 0
        assert process.stderr.read().split() == [str(i).encode() for i in range(1, 50001)]


def test_it_is_a_builder_s_sandbox(workplace: Workplace) -> None:
    """The command sees its mounts, read-only, and the fixed environment."""
    workplace.realise(workplace.base)
    text = text_file("text", "hello\n")
    workplace.realise(text)
    script = (
        "cat /in; (echo x > /in) 2>/dev/null || echo refused; id -u; hostname; readlink /proc/self/cwd; echo $A$HOME"
    )
    mounts = {"/": workplace.base.out, "/in": text.out}
    with session(workplace.store, mounts, ["/bin/sh", "-c", script], env={"A": "a"}) as process:
        assert process.stdout is not None
        assert process.stdout.read() == b"hello\nrefused\n1000\nlocalhost\n/build\na/homeless\n"


def test_layers(workplace: Workplace, tmp_path: Path) -> None:
    """/build may be layers of the caller's, and what is written there belongs to the caller."""
    if not overlay_works(tmp_path):
        pytest.skip("layers do not work here")
    workplace.realise(workplace.base)
    for name in ("lower", "upper", "work", "out"):
        (tmp_path / name).mkdir()
    (tmp_path / "lower" / "file").write_text("old\n")
    layers = Layers(lower=(tmp_path / "lower",), upper=tmp_path / "upper", work=tmp_path / "work")
    mounts, script = {"/": workplace.base.out}, "echo new >> file; cat file; cp file /out"
    with session(workplace.store, mounts, ["/bin/sh", "-c", script], build=layers, out=tmp_path / "out") as process:
        assert process.stdout is not None
        assert process.stdout.read() == b"old\nnew\n"
    assert (tmp_path / "lower" / "file").read_text() == "old\n"
    assert {it.stat().st_uid for it in (tmp_path / "upper" / "file", tmp_path / "out" / "file")} == {os.geteuid()}


def test_own_directories(workplace: Workplace, tmp_path: Path) -> None:
    """/build, /out and writable directories are the caller's, and keep what is written to them."""
    workplace.realise(workplace.base)
    for name in ("build", "out", "more"):
        (tmp_path / name).mkdir()
    with session(
        workplace.store,
        {"/": workplace.base.out},
        ["/bin/sh", "-c", "echo b > /build/f; echo o > /out/f; echo m > /home/me/f"],
        build=tmp_path / "build",
        out=tmp_path / "out",
        writable={"/home/me": tmp_path / "more"},
    ) as process:
        assert process.wait() == 0
    assert ["b\n", "o\n", "m\n"] == [(tmp_path / name / "f").read_text() for name in ("build", "out", "more")]
    assert workplace.leftovers() == []


def test_everything_ends_with_the_body(workplace: Workplace, mark: Mark) -> None:
    """When the body ends, in any way, no process of the command is left, nor its directories."""
    workplace.realise(workplace.base)
    script = f"setsid sleep 100{mark.text} & (trap '' TERM HUP; sleep 100{mark.text}) & echo ready; wait"

    def talk() -> None:
        with session(workplace.store, {"/": workplace.base.out}, ["/bin/sh", "-c", script]) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            while len(mark.running()) < 2:
                time.sleep(0.01)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        talk()
    assert mark.running() == []
    assert workplace.leftovers() == []


def test_no_such_command(workplace: Workplace) -> None:
    """A missing command is named, however the body fails."""
    workplace.realise(workplace.base)

    def talk() -> None:
        with session(workplace.store, {"/": workplace.base.out}, ["/bin/nothing"]) as process:
            assert process.stdout is not None
            (_,) = process.stdout.read().split()

    with pytest.raises(CannotRun) as caught:
        talk()
    assert str(caught.value) == "cannot run /bin/nothing in the sandbox: no such file or directory"


def test_not_built(workplace: Workplace) -> None:
    """Inputs that are not built are named, and not built."""
    text = text_file("unbuilt", "hello\n")
    with (
        pytest.raises(NotRealised, match=r"root, unbuilt: not built"),
        session(workplace.store, {"/": workplace.base.out, "/in": text.out}, ["/bin/sh"]),
    ):
        pass


def test_refused_mount(workplace: Workplace) -> None:
    """The sandbox's own paths are refused, as for builders."""
    workplace.realise(workplace.base)
    with (
        pytest.raises(MountRefused),
        session(workplace.store, {"/": workplace.base.out, "/proc": workplace.base.out}, ["/bin/sh"]),
    ):
        pass


# The user's terminal


DRIVER = """
    import fcntl, sys, termios
    from pathlib import Path

    from derivations.realise.sandbox.interactive import session
    from derivations.realise.realise import realise_all
    from derivations.source import local_file, local_source
    from store.local import Store

    fcntl.ioctl(2, termios.TIOCSCTTY, 0)
    with Store.open(Path(sys.argv[1])) as store:
        base, tool = local_source(Path(sys.argv[2]), name="root").out, local_file(Path(sys.argv[3])).out
        realise_all(store, [base, tool])
        with session(store, {"/": base, "/tool": tool}, sys.argv[4:], env={"PS1": "ready> "}, terminal=True) as process:
            code = process.wait()
            if code == 66:
                raise RuntimeError("as wanted")
    print("code", code, file=sys.stderr)
"""


@pytest.fixture
def sit_down(workplace: Workplace, root: Path, tmp_path: Path) -> Iterator[Callable[..., User]]:
    """Return a function that runs a command on a user's terminal."""
    workplace.realise(workplace.base)
    driver = tmp_path / "driver.py"
    driver.write_text(textwrap.dedent(DRIVER))
    users: list[User] = []

    def begin(*words: str, tool: Path = driver, stdin: int | None = None, stdout: int | None = None) -> User:
        command: list[str | Path] = [sys.executable, driver, workplace.store.layout.home, root, tool, *words]
        users.append(
            User.sit_down(command, {"PYTHONPATH": str(ROOT), "PYTHON_COLORS": "0"}, stdin=stdin, stdout=stdout)
        )
        return users[-1]

    yield begin
    for user in users:
        user.leave()


def test_a_shell_on_the_terminal(sit_down: Callable[..., User]) -> None:
    """A shell in the sandbox talks with the user; afterwards the terminal is restored and its exit code known."""
    user = sit_down("/bin/sh", "-i")
    user.see("ready> ")
    assert user.before != user.settings()
    user.type("echo $((20 + 3)); exit 5\r")
    user.see("23\r\n")
    user.see("code 5\r\n")
    user.process.wait()
    assert user.before == user.settings()


def test_job_control(sit_down: Callable[..., User], mark: Mark) -> None:
    """Ctrl-Z and Ctrl-C act on the foreground job of the sandbox's shell, not on us."""
    user = sit_down("/bin/sh", "-i")
    user.see("ready> ")
    user.type(f"sleep 100{mark.text}\r")
    while not mark.running():
        time.sleep(0.01)
    user.type("\x1a")
    user.see("Stopped")
    user.see("ready> ")
    user.type("fg\r")
    user.see("sleep")  # the shell prints this before it gives the terminal to the sleeper and continues it
    while mark.stopped():
        time.sleep(0.01)
    user.type("\x03")
    user.see("ready> ")
    user.type("echo status $?; exit\r")
    user.see("status 130\r\n")
    user.see("code 0\r\n")


def test_window_size(sit_down: Callable[..., User]) -> None:
    """The sandbox's terminal has the size of the user's, and follows its changes."""
    user = sit_down("/bin/sh", "-i")
    user.see("ready> ")
    user.type("stty size\r")
    user.see("31 97\r\n")
    termios.tcsetwinsize(user.terminal, (40, 120))
    user.process.send_signal(signal.SIGWINCH)
    size = "31 97"
    while size == "31 97":
        user.type("stty size\r")
        size = user.see(r"(\d+ \d+)\r\n")[1]
    assert size == "40 120"
    user.type("exit\r")
    user.see("code 0\r\n")


@pytest.mark.parametrize("direct", [False, True], ids=["own-terminal", "output-elsewhere"])
def test_nothing_is_typed_for_the_user(sit_down: Callable[..., User], caller: Caller, direct: bool) -> None:
    """What a command types into its terminal never reaches the user's shell."""
    types = caller.program("x86_64", *((16, 0, 0x5412, bytes([it])) for it in b"evil\n"))  # ioctl(0, TIOCSTI, …)
    with Path(os.devnull).open("wb") as nothing:
        user = sit_down("/tool", tool=types, stdout=nothing.fileno() if direct else None)
        code = user.see(r"code (\d+)\r\n")[1]
        user.process.wait()
    assert code == str(errno.EPERM)
    os.set_blocking(user.terminal, False)
    with pytest.raises(BlockingIOError):
        os.read(user.terminal, 10)


def test_output_cannot_reach_beyond_the_screen(sit_down: Callable[..., User]) -> None:
    """What sets the title or asks the terminal for an answer is left out; what draws is shown."""
    user = sit_down("/bin/sh", "-c", r"printf '\033]0;owned\007one \033[1mtwo\033[21t three\n'")
    user.see(r"^[^\x1b]*one \x1b\[1mtwo three")
    user.see("code 0")


@pytest.mark.parametrize("elsewhere", ["stdin", "stdout"])
def test_any_output_on_the_terminal_is_filtered(sit_down: Callable[..., User], tmp_path: Path, elsewhere: str) -> None:
    """So it is if input comes from elsewhere, or output goes elsewhere and errors are shown; neither is changed itself."""
    place = tmp_path / elsewhere
    place.write_text("word\n" if elsewhere == "stdin" else "")
    shows, rest = (1, "cat >&2") if elsewhere == "stdin" else (2, r"printf '\033]0;\007'")
    script = rf"""
        test -t {shows} && stty size <&{shows} >&{shows}
        printf '\033]0;owned\007one \033[1mtwo\033[21t three\nfour\n' >&{shows}
        {rest}
    """
    with place.open("r+b") as file:
        user = sit_down("/bin/sh", "-c", script, **{elsewhere: file.fileno()})
        user.see(r"^31 97\r\none \x1b\[1mtwo three\r\nfour\r\n")
        user.see(r"^word\r\n" if elsewhere == "stdin" else "^")
        user.see("code 0")
        user.process.wait()

    assert user.before == user.settings()
    assert place.read_text() == ("word\n" if elsewhere == "stdin" else "\x1b]0;\x07")


def test_streams_that_are_not_a_terminal(workplace: Workplace, root: Path, tmp_path: Path) -> None:
    """The command gets streams that are no terminal unchanged."""
    driver = tmp_path / "driver.py"
    driver.write_text(textwrap.dedent(DRIVER).replace("fcntl.ioctl(2, termios.TIOCSCTTY, 0)", ""))
    script = "read -r word; echo got $word; echo wrong >&2; exit 9"
    done = subprocess.run(
        [sys.executable, driver, workplace.store.layout.home, root, driver, "/bin/sh", "-c", script],
        input="word\n", capture_output=True, text=True, env={"PYTHONPATH": str(ROOT)}, check=True,
    )  # fmt: skip
    assert ("got word\n", "wrong\ncode 9\n") == (done.stdout, done.stderr)


def test_settings_are_restored(sit_down: Callable[..., User]) -> None:
    """The terminal is restored when we are terminated, and when the body fails."""
    user = sit_down("/bin/sh", "-i")
    user.see("ready> ")
    assert user.before != user.settings()
    user.process.send_signal(signal.SIGTERM)
    assert user.process.wait() == -signal.SIGTERM
    assert user.before == user.settings()

    user = sit_down("/bin/sh", "-c", "exit 66")
    user.see("RuntimeError: as wanted")
    user.process.wait()
    assert user.before == user.settings()
