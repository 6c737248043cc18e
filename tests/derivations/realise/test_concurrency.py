"""Tests of several processes that build in one store, and of killing them."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import derivations

from derivations.realise.events import Reused, Started
from derivations.realise.instantiate import instantiate
from derivations.realise.realise import realise
from store.gc.collect import Policy, collect
from store.local import Store


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from derivations.derivation import Derivation
    from tests.derivations.realise.conftest import Mark, Workplace


HOME = Path(derivations.__file__).parents[1]
PROGRAM = """
import os, sys
from pathlib import Path
from derivations import drv
from derivations.realise.realise import realise
from derivations.realise.settings import Settings
from store.local import Store
from store.path import StorePath

def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())  # one write a line, however many write

def load(path):
    return drv.loads(store.path(path).read_bytes(), load)

def listen(event):
    name = type(event).__name__
    if name in {"Started", "Waiting", "Finished", "Reused"} or name == "LogLine":
        say(name, event.derivation.name)

for _ in range(int(sys.argv[3]) - 1):
    if os.fork() == 0:
        break
with Store.open(Path(sys.argv[1])) as store:
    wanted = load(StorePath.parse(sys.argv[2]))
    say("ready")
    sys.stdin.read()
    try:
        say("result", realise(store, wanted, Settings(jobs=2), listen)["out"])
    except KeyboardInterrupt:
        say("interrupted")
"""
COLLECTOR = """
import sys
from pathlib import Path
from store.gc.collect import Policy, collect
from store.local import Store

with Store.open(Path(sys.argv[1])) as store:
    while True:
        print(collect(store, Policy(keep={}, keep_derivers=False)), flush=True)
"""


class Builder:
    """Another process, or several, that realise a derivation."""

    def __init__(self, workplace: Workplace, wanted: Derivation, count: int = 1) -> None:
        path = instantiate(workplace.store, [wanted])[wanted]
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(workplace.store.layout.home), str(path), str(count)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=HOME,
        )  # fmt: skip
        assert [self.line() for _ in range(count)] == ["ready"] * count

    def go(self) -> None:
        """Let it start."""
        assert self.process.stdin is not None
        self.process.stdin.close()

    def line(self) -> str:
        """Return the next line of its output."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip("\n")

    def until(self, wanted: str) -> list[str]:
        """Return its lines up to *wanted*, which it must print."""
        lines: list[str] = []
        while (line := self.line()) != wanted:
            assert line, f"it ended after {lines}"
            lines.append(line)
        return lines

    def rest(self) -> list[str]:
        """Return the rest of its output."""
        assert self.process.stdout is not None
        lines = self.process.stdout.read().splitlines()
        self.process.wait()
        return lines

    def end(self) -> None:
        """Kill it if it still runs, and close its pipes."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()


@pytest.fixture
def start(workplace: Workplace) -> Iterator[Callable[..., Builder]]:
    """Return a function that starts other processes; they are killed in the end."""
    realise(workplace.store, workplace.base)
    started: list[Builder] = []

    def begin(wanted: Derivation, count: int = 1) -> Builder:
        started.append(Builder(workplace, wanted, count))
        return started[-1]

    yield begin
    for builder in started:
        builder.end()


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for *condition*, up to a limit."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_one_builds(workplace: Workplace, start: Callable[..., Builder]) -> None:
    """Of twenty processes that want one derivation, one builds it, and all get the result."""
    it = workplace.shell("it", "sleep 0.5; read u < /proc/sys/kernel/random/uuid; echo $u > /out/out")
    twenty = start(it, 20)
    twenty.go()
    lines = twenty.rest()
    assert lines.count("Started it") == 1
    assert len({line for line in lines if line.startswith("result ")}) == 1
    assert sum(line.startswith("result ") for line in lines) == 20
    assert workplace.leftovers() == []


def test_equal_actions(workplace: Workplace, start: Callable[..., Builder]) -> None:
    """Different derivations with the same work are built once, too."""
    inputs = [workplace.shell("in", f"echo same > /out/out # {i}") for i in range(4)]
    wanted = [workplace.shell("it", "sleep 0.5; cat /in > /out/out", mounts={"/in": it.out}) for it in inputs]
    builders = [start(it) for it in wanted]
    for builder in builders:
        builder.go()
    lines = [line for builder in builders for line in builder.rest()]
    assert lines.count("Started in") == 4
    assert lines.count("Started it") == 1


def test_killed_builder(workplace: Workplace, start: Callable[..., Builder], mark: Mark) -> None:
    """When the building process is killed, a waiting one builds at once."""
    it = workplace.shell("it", f"echo on; sleep {mark.text}; : > /out/out")
    first, second = start(it), start(it)
    first.go()
    first.until("LogLine it")
    second.go()
    second.until("Waiting it")
    first.process.kill()
    assert second.until("Finished it") == ["Started it", "LogLine it"]
    assert first.rest() == []
    second.rest()
    assert mark.running() == []
    workplace.store.scratches.sweep()
    assert workplace.leftovers() == []


def test_nothing_runs_on(workplace: Workplace, start: Callable[..., Builder], mark: Mark) -> None:
    """When kernix is killed, none of its builders' processes survives, including daemons."""
    long = f"sleep 100{mark.text}"
    script = f"trap '' HUP TERM; (setsid {long} >/dev/null 2>&1 &); {long} & echo on; {long}"
    first = start(workplace.shell("it", script))
    first.go()
    first.until("LogLine it")
    wait_until(lambda: len(mark.running()) >= 3)
    first.process.kill()
    wait_until(lambda: not mark.running())


def test_interrupt(workplace: Workplace, start: Callable[..., Builder], mark: Mark) -> None:
    """Ctrl-C ends builders, keeps finished results, registers no partial ones, and reaches the caller."""
    done = workplace.shell("done", "echo x > /out/out")
    it = workplace.shell(
        "it", f"trap '' INT TERM; echo on; sleep 100{mark.text} & sleep 100{mark.text}", mounts={"/in": done.out}
    )
    first = start(it)
    first.go()
    first.until("LogLine it")
    first.process.send_signal(signal.SIGINT)
    assert first.rest() == ["interrupted"]
    assert mark.running() == []
    assert workplace.leftovers() == []
    assert workplace.store.realised([done.key, it.key]).keys() == {done.key}


@pytest.mark.parametrize(
    "script",
    [
        pytest.param("echo on; sleep 100MARK & kill -STOP $$", id="stopped"),
        pytest.param("trap '' TERM INT HUP; sleep 100MARK & kill -STOP $!; echo on; wait", id="stopped-child"),
        pytest.param("for i in $(seq 2000); do sleep 100MARK & done; echo on; wait", id="thousands"),
    ],
)
def test_interrupt_of_stubborn_builders(
    workplace: Workplace, start: Callable[..., Builder], mark: Mark, script: str
) -> None:
    """Ctrl-C ends stopped builders, and those with thousands of processes."""
    first = start(workplace.shell("it", script.replace("MARK", mark.text)))
    first.go()
    first.until("LogLine it")
    first.process.send_signal(signal.SIGINT)
    assert first.rest() == ["interrupted"]
    assert mark.running() == []
    assert workplace.leftovers() == []


def test_interrupt_while_waiting(workplace: Workplace, start: Callable[..., Builder]) -> None:
    """Ctrl-C ends the wait for another process, which continues."""
    it = workplace.shell("it", "echo on; until [ -e /build/go ]; do sleep 0.01; done; : > /out/out")
    first, second = start(it), start(it)
    first.go()
    first.until("LogLine it")
    second.go()
    second.until("Waiting it")
    second.process.send_signal(signal.SIGINT)
    assert second.rest() == ["interrupted"]
    (build,) = workplace.store.layout.builds.glob("*/build")
    (build / "go").touch()
    assert first.rest()[-1].startswith("result ")


def test_collector_beside(workplace: Workplace) -> None:
    """A concurrent collector deletes nothing that a build uses or has just made."""
    workplace.realise(workplace.base)
    home = workplace.store.layout.home
    collector = subprocess.Popen([sys.executable, "-c", COLLECTOR, str(home)], stdout=subprocess.PIPE, cwd=HOME)
    assert collector.stdout is not None
    try:
        results = {}
        for i in range(15):
            a = workplace.shell(f"a{i}", f"echo {i} > /out/out")
            b = workplace.shell(f"b{i}", "cat /in > /out/out", mounts={"/in": a.out})
            results[i] = workplace.realise(b)["out"]
            if i % 5 == 0:
                collector.stdout.readline()
        assert {i: f"{i}\n" for i in results} == {i: place.read_text() for i, place in results.items()}
        assert collector.poll() is None
    finally:
        collector.kill()
        collector.stdout.close()
        collector.wait()


def test_lost_while_away(workplace: Workplace) -> None:
    """What the collector deleted between two runs is built again."""
    it = workplace.shell("it", "echo x > /out/out")
    workplace.realise(it)
    home = workplace.store.layout.home
    workplace.store.close()
    with Store.open(home) as again:
        collect(again, Policy(keep={}, keep_derivers=False))
        heard: list[object] = []
        assert again.path(realise(again, it, listener=heard.append)["out"]).read_text() == "x\n"
    assert [event.derivation.name for event in heard if isinstance(event, Started)] == ["root", "it"]
    assert not any(isinstance(event, Reused) for event in heard)
