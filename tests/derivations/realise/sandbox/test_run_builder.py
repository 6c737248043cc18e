"""Tests of derivations.realise.sandbox.run_builder and .process: how builders end, with real ones."""

from __future__ import annotations

import os
import threading
import time

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from derivations.realise.job import Cancelled
from derivations.realise.sandbox.log import TAIL
from derivations.realise.sandbox.run_builder import BuildFailed, BuildTimedOut, Limits


if TYPE_CHECKING:
    from tests.derivations.realise.conftest import Bench, Mark


def descriptors() -> list[str]:
    """Return the open descriptors of this process."""
    return sorted(str(it.readlink()) for it in Path("/proc/self/fd").iterdir() if it.is_symlink())


def test_success(bench: Bench) -> None:
    """A builder's output arrives as lines, and is its log."""
    assert bench.run("echo one; echo two >&2; printf three") == ["one", "two", "three"]


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        pytest.param("exit 3", "its builder failed with exit code 3", id="exit-code"),
        pytest.param("kill -SEGV $$", "its builder was killed by SIGSEGV", id="signal"),
        pytest.param("sh -c 'kill -9 $$'", "its builder was killed by SIGKILL", id="killed-child"),
        pytest.param('echo \'@kernix {"error": "it hurts"}\'; exit 1', "it hurts", id="complaint"),
    ],
)
def test_failure(bench: Bench, script: str, reason: str) -> None:
    """A failure says how the builder ended, or gives its own error message."""
    with pytest.raises(BuildFailed) as caught:
        bench.run(script)
    assert str(caught.value) == f"building it failed: {reason}"
    assert caught.value.exit_code == 100


def test_failure_carries_the_log(bench: Bench) -> None:
    """A failure has the last lines and the path of the log."""
    with pytest.raises(BuildFailed) as caught:
        bench.run("seq 100; exit 1")
    assert caught.value.tail == tuple(str(i) for i in range(101 - TAIL, 101))
    assert caught.value.log == bench.log
    assert str(bench.log) in str(caught.value.hint)


def test_an_error_message_does_not_make_a_failure(bench: Bench) -> None:
    """A builder that reports an error and exits with 0 has succeeded."""
    assert bench.run('echo \'@kernix {"error": "nearly"}\'') == []


def test_progress(bench: Bench) -> None:
    """A builder can report its progress."""
    bench.run("echo '@kernix {\"progress\": [1, 2]}'")
    assert bench.progress == [(1, 2)]


@pytest.mark.parametrize(
    ("builder", "reason"),
    [
        pytest.param("/bin/absent", "cannot run its builder /bin/absent (No such file or directory)", id="absent"),
        pytest.param("/etc/passwd", "cannot run its builder /etc/passwd (Permission denied)", id="not-executable"),
    ],
)
def test_builder_cannot_run(bench: Bench, builder: str, reason: str) -> None:
    """A builder that is not a program is named."""
    with pytest.raises(BuildFailed) as caught:
        bench.run("", argv=(builder,))
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    "script",
    [
        pytest.param("sleep 100MARK", id="sleeps"),
        pytest.param("trap '' TERM INT HUP; sleep 100MARK & wait; sleep 100MARK", id="ignores-signals"),
        pytest.param("exec >&- 2>&- </dev/null; sleep 100MARK", id="closes-output"),
        pytest.param("(setsid sleep 100MARK &) ; sleep 100MARK", id="daemon"),
        pytest.param("while :; do echo x; done & sleep 100MARK", id="prints-forever"),
        pytest.param("kill -STOP $$", id="stops-itself"),
    ],
)
def test_timeout(bench: Bench, script: str, mark: Mark) -> None:
    """A builder that runs too long is killed with all its processes, whatever it does to prevent it."""
    with pytest.raises(BuildTimedOut) as caught:
        bench.run(script.replace("MARK", mark.text), limits=Limits(timeout=0.3))
    assert caught.value.reason == "its builder ran for more than 0.3 seconds"
    assert caught.value.exit_code == 101
    assert mark.running() == []


def test_one_second_is_singular(bench: Bench) -> None:
    """A limit of 1 is "1 second"."""
    with pytest.raises(BuildTimedOut, match=r"silent for more than 1 second$"):
        bench.run("sleep 100", limits=Limits(max_silent_time=1))


def test_a_limit_of_years(bench: Bench) -> None:
    """A limit may exceed what poll(2) accepts."""
    bench.run("echo x", limits=Limits(timeout=3e9, max_silent_time=3e9))
    assert bench.lines == ["x"]


def test_silence(bench: Bench, mark: Mark) -> None:
    """A builder that writes nothing for too long is stopped."""
    with pytest.raises(BuildTimedOut, match=r"silent for more than 0\.4 seconds"):
        bench.run(f"sleep 100{mark.text}", limits=Limits(max_silent_time=0.4))
    assert mark.running() == []


def test_kernix_is_late_and_the_builder_is_not(bench: Bench) -> None:
    """Output that a builder wrote while kernix was busy for longer than the allowed silence does not count as silence."""
    said = bench.out / "said"

    def busy(line: str) -> None:
        while line == "one" and not said.exists():
            time.sleep(0.01)
        time.sleep(3.1 if line == "one" else 0)

    script = "echo one; sleep 0.1; echo two; : > /out/said"
    bench.run(script, limits=Limits(max_silent_time=3), on_line=busy)
    assert bench.lines == ["one", "two"]


def test_log_size(bench: Bench) -> None:
    """A builder that prints endlessly is killed."""
    with pytest.raises(BuildFailed, match="printed more than 100000 bytes"):
        bench.run("yes", limits=Limits(max_log_size=100_000))


def test_daemon_dies_with_the_builder(bench: Bench, mark: Mark) -> None:
    """When `run` returns, no process of the builder runs or writes any more."""
    daemon = "trap '' HUP TERM; while :; do echo x >> /out/f; done"
    for _ in range(5):
        bench.run(f'(setsid sh -c "{daemon}" {mark.text} >/dev/null 2>&1 &); until [ -s /out/f ]; do :; done')
        size = (bench.out / "f").stat().st_size
        assert mark.running() == []
        assert (bench.out / "f").stat().st_size == size


def test_daemon_that_holds_the_log(bench: Bench, mark: Mark) -> None:
    """A daemon that keeps the log open does not keep the build from ending."""
    assert bench.run(f"(setsid sleep 100{mark.text} &) ; echo done") == ["done"]
    assert mark.running() == []


def test_closed_output(bench: Bench) -> None:
    """A builder that closes its output is still waited for, and judged by its exit code."""
    with pytest.raises(BuildFailed, match="exit code 7"):
        bench.run("exec >&- 2>&-; sleep 0.2; exit 7")


def test_log_on_a_full_disk(bench: Bench) -> None:
    """A log that cannot be written does not stop a build."""
    bench.log.parent.symlink_to("/nowhere")
    assert bench.run("echo one; seq 100000 | head -n 1") == ["one", "1"]


def test_cancel(bench: Bench, mark: Mark) -> None:
    """A cancelled build ends at once, with all its processes."""
    threading.Timer(0.2, os.eventfd_write, (bench.cancel, 1)).start()
    before = time.monotonic()
    with pytest.raises(Cancelled):
        bench.run(f"sleep 100{mark.text} & sleep 100{mark.text}")
    assert time.monotonic() - before < 100
    assert mark.running() == []


def test_cancelled_before(bench: Bench, mark: Mark) -> None:
    """A build cancelled while its sandbox is being made leaves nothing behind."""
    os.eventfd_write(bench.cancel, 1)
    for _ in range(20):
        with pytest.raises(Cancelled):
            bench.run(f"sleep 100{mark.text}")
    assert mark.running() == []


def test_no_descriptor_is_left(bench: Bench) -> None:
    """Running builders leaves no descriptor open in this process, however they end."""
    bench.run("true")
    before = descriptors()
    for script in ("true", "exit 1", "(setsid sleep 1000 &)", "sleep 1000"):
        try:
            bench.run(script, limits=Limits(timeout=0.2))
        except BuildFailed:
            continue
    assert before == descriptors()
