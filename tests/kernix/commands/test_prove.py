"""`kernix build --prove`: which builds are proved, by a process of its own, and what later runs say of a refutation."""

from __future__ import annotations

import contextlib
import os
import time

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from derivations.realise import realise as realising
from derivations.realise.events import Compiled
from derivations.realise.kept.policy import KeepPolicy
from derivations.realise.kept.reuse import Reuse
from derivations.realise.proof.refuted import Refutation, leave
from derivations.realise.settings import Settings
from kernix.evaluation.definitions import targets
from kernix.evaluation.inputs import Options
from kernix.proof import begin
from kernix.session import Session
from store.layout import Layout
from store.osutil.locks import locked


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from derivations.derivation import Derivation
    from tests.kernix.conftest import CommandLine


BUILDERS = """
fast = script("fast", "echo right > /out/out")
user = script("user", "read -r it < /fast; echo it is $it > /out/out", fast=fast)
other = script("other", "echo other > /out/out")
"""

FAST = Reuse(compiled=1, total=9, tree="near-1", borrowed={"far-2": 1})


@pytest.fixture
def builders(kernix: CommandLine, shell: Path) -> Path:
    """Return a user's file with a derivation that is taken for a kernel, one that is built from it, and another."""
    head = f"""
from derivations.derivation import Derivation
from derivations.source import local_source

root = local_source({str(shell)!r})

def script(name, text, **mounts):
    places = {{f"/{{it}}": mounts[it].out for it in mounts}}
    return Derivation(name=name, system="x86_64-linux", builder="/bin/sh", args=["-c", text], mounts={{"/": root.out, **places}})
"""
    return kernix.write("builders.py", head + BUILDERS)


@pytest.fixture
def spawned(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Return a list of the processes that are begun from now on; they are waited for at the end."""
    found: list[int] = []
    spawn = os.posix_spawn

    def noting(*arguments: Any, **more: Any) -> int:  # noqa: ANN401 -- as the function has them
        found.append(spawn(*arguments, **more))
        return found[-1]

    monkeypatch.setattr(os, "posix_spawn", noting)
    yield found
    for it in found:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(it, 0)


@pytest.fixture
def taken_for_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the derivation `fast` report that it was built from a kept tree."""
    realise_all = realising.realise_all

    def wrapped(store: Any, outputs: Any, settings: Any, listener: Callable[[Any], None]) -> Any:  # noqa: ANN401
        def heard(event: Any) -> None:  # noqa: ANN401 -- any event
            if type(event).__name__ == "Finished" and event.derivation.name == "fast":
                listener(Compiled(event.derivation, FAST))
            listener(event)

        return realise_all(store, outputs, settings, heard)

    monkeypatch.setattr(realising, "realise_all", wrapped)


def ended(processes: list[int]) -> list[int]:
    """Wait for *processes* and return their exit codes."""
    return [os.waitstatus_to_exitcode(os.waitpid(it, 0)[1]) for it in processes]


def derivation(kernix: CommandLine, file: Path, name: str) -> tuple[Session, Derivation]:
    """Return a session, and the derivation *name* of the user's *file*."""
    session = Session(os.environ)
    (target,) = targets(session, Options(file=file), [name])
    assert session.home == kernix.home
    return session, target.output.derivation


def replace_result(kernix: CommandLine, file: Path, name: str) -> Path:
    """Replace the result of *name*, before it is built, by something wrong, as a fast build would record it."""
    session, it = derivation(kernix, file, name)
    place = kernix.write("wrong", "wrong\n")
    from derivations.realise.realise import realise_all  # noqa: PLC0415 -- not the one that a test has replaced

    roots = realise_all(session.store, it.inputs, Settings())
    action = it.action_key(lambda output: session.store.info(roots[output]).digest)
    path = session.store.add(place, name)
    session.store.record([(key, "out", path) for key in (it.key, action)])
    found = session.store.path(path)
    session.close()
    return found


@pytest.mark.parametrize(
    ("probability", "drawn", "begun"),
    [(0.0, 0.0, False), (0.1, 0.09, True), (0.1, 0.1, False), (1.0, 0.999, True)],
)
def test_chance(
    kernix: CommandLine,
    builders: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    probability: float,
    drawn: float,
    begun: bool,
) -> None:
    """A build is proved if the number that is drawn is below the probability."""
    requests: list[begin.Request] = []

    def note(home: Path, request: begin.Request, log: Path) -> int:
        assert home == kernix.home
        assert log.parent == kernix.home / "logs/proofs"
        requests.append(request)
        return 1

    monkeypatch.setattr(begin, "_begin", note)
    session, it = derivation(kernix, builders, "fast")
    settings = Settings(cores=3, kept=KeepPolicy(prove=probability))
    assert begin.begin_some(session, {it: FAST}, settings, lambda: drawn) == [1] * begun
    session.close()
    assert [it.trees for it in requests] == [("near-1", "far-2")] * begun
    assert [it.settings["cores"] for it in requests] == [3] * begun


@pytest.mark.parametrize(
    ("config", "words", "begun"),
    [
        pytest.param("", ["--prove", "1"], 1, id="option"),
        pytest.param("[kept]\nprove = 1", [], 1, id="configuration"),
        pytest.param("[kept]\nprove = 1", ["--prove", "0"], 0, id="option over configuration"),
        pytest.param("[kept]\nprove = 1", ["--clean"], 0, id="clean"),
        pytest.param("", [], 0, id="default"),
    ],
)
@pytest.mark.usefixtures("taken_for_fast")
def test_what_asks_for_a_proof(
    kernix: CommandLine,
    builders: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    config: str,
    words: list[str],
    begun: int,
) -> None:
    """The option counts, else the configuration; only what was built from a kept tree is proved."""
    names: list[str] = []

    def note(_: Path, request: begin.Request, __: Path) -> int:
        names.append(request.drv.partition("-")[2])
        return 1

    monkeypatch.setattr(begin, "_begin", note)
    kernix.configure(config)
    ran = kernix("build", "-f", builders, "user", "other", *words)
    assert ran.code == 0
    assert names == ["fast.drv"] * begun
    assert ran.err.count("proving fast in the background; the log is ") == begun


@pytest.mark.parametrize("words", [["--prove", "1.1"], ["--prove", "-1"], ["--prove", "often"]])
def test_no_probability(kernix: CommandLine, builders: Path, words: list[str]) -> None:
    """Anything but a number from 0 to 1 is refused."""
    assert kernix("build", "-f", builders, "fast", *words).code == 2


@pytest.mark.usefixtures("taken_for_fast")
def test_confirmed(kernix: CommandLine, builders: Path, spawned: list[int]) -> None:
    """The process builds again and records the verdict, and `verify --reproducible` shows it."""
    (path,) = kernix("build", "-f", builders, "fast", "--prove", "1").lines
    assert ended(spawned) == [0]
    (log,) = (kernix.home / "logs/proofs").iterdir()
    assert "fast is the same: built again cleanly in " in log.read_text()
    ran = kernix("verify", "--reproducible", "-f", builders, "fast")
    assert ran.code == 0
    assert ran.lines[0] == "fast, out: reproducible: the same each of 1 time that it was built again"
    assert path in ran.out
    assert "running" not in ran.out
    assert "warning" not in kernix("build", "-f", builders, "fast").err


def test_refuted(kernix: CommandLine, builders: Path, spawned: list[int]) -> None:
    """A wrong result is replaced; the next build that meets it says so once, with what was built from it."""
    wrong = replace_result(kernix, builders, "fast")
    (spoilt,) = kernix("build", "-f", builders, "user").lines
    assert Path(spoilt).read_text() == "it is wrong\n"
    session, it = derivation(kernix, builders, "fast")
    begin.begin_some(session, {it: FAST}, Settings(kept=KeepPolicy(prove=1.0)))
    session.close()
    assert ended(spawned) == [0]
    assert "warning" not in kernix("build", "-f", builders, "other").err  # it does not meet it
    ran = kernix("build", "-f", builders, "fast")
    assert Path(ran.out.strip()).read_text() == "right\n"
    assert (
        "warning: fast was built from kept trees, and a clean build came out differently: the clean result has replaced it\n"
        f"  withdrawn: {wrong}\n"
        f"  built from it, and not built again: {spoilt}\n"
    ) in ran.err
    assert "warning" not in kernix("build", "-f", builders, "fast").err
    shown = kernix("verify", "--reproducible", "-f", builders, "fast").out
    assert f"  refuted before: {wrong}\n" in shown
    assert "withdrawn" in shown


@pytest.mark.parametrize("asked", ["fast", "user"])
def test_who_meets_it(kernix: CommandLine, builders: Path, asked: str) -> None:
    """A build meets a refutation of its own result, and of an input's, also if nothing is to be built."""
    kernix("build", "-f", builders, "user", "fast")
    session, it = derivation(kernix, builders, "fast")
    path = session.store.realised([it.key])[it.key]["out"]
    session.close()
    refutation = Refutation(
        name="fast", key=it.key.hex(), seen=int(time.time()), withdrawn=(path,), instead=(), spoilt=()
    )
    leave(Layout(kernix.home), refutation)
    assert "warning: fast was built from kept trees" in kernix("build", "-f", builders, asked).err
    assert "warning" not in kernix("build", "-f", builders, asked).err


def test_running(kernix: CommandLine, builders: Path) -> None:
    """`verify --reproducible` says that a proof is running, and where its log is."""
    kernix("build", "-f", builders, "fast")
    _, it = derivation(kernix, builders, "fast")
    with locked(kernix.home / f"locks/proof-{it.key.hex()}"):
        shown = kernix("verify", "--reproducible", "-f", builders, "fast").out
    assert f"a proof is running; its log is {kernix.home}/logs/proofs/{it.key.hex()[:12]}-fast.log" in shown


def test_cannot_begin(kernix: CommandLine, builders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that cannot be started costs a warning, not the build."""

    def fail(_: Path, __: begin.Request, ___: Path) -> int:
        raise OSError(12, "no memory")

    monkeypatch.setattr(begin, "_begin", fail)
    warned: list[str] = []
    monkeypatch.setattr(begin, "warn", warned.append)
    session, it = derivation(kernix, builders, "fast")
    assert begin.begin_some(session, {it: FAST}, Settings(kept=KeepPolicy(prove=1.0))) == []
    session.close()
    assert len(warned) == 1
    assert warned[0].startswith("fast is not proved: ")
