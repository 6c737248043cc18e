"""Answers are found again if, and only if, nothing that they depend on has changed."""

from __future__ import annotations

import os

from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import pytest

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kernels import kernel_set
from kernix.attributes import Target
from kernix.inputs import Options
from kernix.recall import KEPT, Wanted, question, remember, remembered
from kernix.session import Session
from tests.fakes import fake_lock


if TYPE_CHECKING:
    from collections.abc import Callable


MICRO = Wanted(attribute="linux_micro", name="linux-micro-6.12", key=b"\0\xff" * 16, output="out", default=True)
ASKED, OTHERS = bytes(range(32)), bytes(range(1, 33))


@attrs.frozen
class World:
    """All that a question depends on, below *top*, and how it is asked."""

    top: Path

    @property
    def root(self) -> Path:
        """Return where kernix' own files are."""
        return self.top / "root"

    @property
    def config(self) -> Path:
        """Return the directory of the user's configuration."""
        return self.top / "kernix"

    @property
    def session(self) -> Session:
        """Return a session with its places here."""
        return Session(environment={"XDG_CONFIG_HOME": str(self.top), "KERNIX_HOME": str(self.top / "home")})

    def ask(self, *attributes: str, options: Options | None = None) -> bytes | None:
        """Return the question, asked before anything was imported."""
        return question(
            self.session, options or Options(), attributes or ("linux_micro",), root=self.root, loaded=frozenset()
        )

    def write(self, name: str, text: str) -> None:
        """Write the file *name*, as a new one under an old name."""
        place = self.top / name
        place.parent.mkdir(parents=True, exist_ok=True)
        temporary = place.with_name("new")
        temporary.write_text(text)
        os.utime(temporary, (1, 1))
        temporary.replace(place)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Return a world with a few of kernix' files, a lock and a home, in an empty working directory."""
    world = World(tmp_path)
    for name in ("derivations/linux/kernel.py", "derivations/linux/build.sh", "kernels.py", "kernels.json"):
        world.write(f"root/{name}", "old")
    world.write("kernix/kernix.lock", "lock")
    (tmp_path / "home/cache").mkdir(parents=True)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return world


def test_what_has_not_changed_is_the_same_question(world: World) -> None:
    """Asked again, it is the same, whatever lies beside kernix' files and whatever Python has compiled."""
    first = world.ask()
    world.write("root/derivations/linux/__pycache__/kernel.pyc", "compiled")
    world.write("root/tests/test_kernels.py", "a test")
    world.write("kernix/notes", "for myself")
    assert (True, first) == (first is not None, world.ask())


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("root/derivations/linux/kernel.py", id="module"),
        pytest.param("root/derivations/linux/build.sh", id="script"),
        pytest.param("root/kernels.py", id="set"),
        pytest.param("root/kernels.json", id="bundled-pins"),
        pytest.param("root/overlays/debug.py", id="new-module"),
        pytest.param("kernix/kernix.lock", id="lock"),
        pytest.param("work/kernix.lock", id="lock-of-the-directory"),
        pytest.param("kernix/kernels.json", id="pins"),
        pytest.param("kernix/config.toml", id="configuration"),
    ],
)
def test_a_file_that_changes_is_another_question(world: World, name: str) -> None:
    """A file that appears, and one that gets another content of the same length and time, make another question."""
    questions = [world.ask()]
    for text in ("old", "new"):
        world.write(name, text)
        questions.append(world.ask())
    assert (3, False) == (len(set(questions)), None in questions)


def test_a_file_that_goes_is_another_question(world: World) -> None:
    """A module that is removed makes another question."""
    first = world.ask()
    (world.root / "derivations/linux/kernel.py").unlink()
    assert first != world.ask()


@pytest.mark.parametrize(
    ("attributes", "options"),
    [
        pytest.param(["linux_lts"], Options(), id="attribute"),
        pytest.param(["linux_micro", "linux_lts"], Options(), id="more"),
        pytest.param(["linux_lts", "linux_micro"], Options(), id="order"),
        pytest.param(["linux_micro linux_lts"], Options(), id="space"),
        pytest.param(["linux_micro"], Options(system="riscv64-linux"), id="system"),
        pytest.param(["linux_micro"], Options(overlays=("debug",)), id="overlay"),
        pytest.param(["linux_micro"], Options(overlays=("debug", "hardened")), id="overlays"),
        pytest.param(["linux_micro"], Options(overlays=("hardened", "debug")), id="order-of-overlays"),
        pytest.param(["debug"], Options(), id="name-of-an-overlay"),
    ],
)
def test_what_is_asked_is_in_the_question(world: World, attributes: list[str], options: Options) -> None:
    """Attributes, system and bundled overlays each make another question than the plain one and each other."""
    others = {world.ask(), world.ask("linux_micro", options=Options(overlays=("hardened",)))}
    asked = world.ask(*attributes, options=options)
    assert (True, False) == (asked is not None, asked in others)
    assert asked == world.ask(*attributes, options=attrs.evolve(options, offline=True))


def _pipe(world: World) -> Options:
    os.mkfifo(world.top / "pipe")
    return Options(lock=world.top / "pipe")


def _no_lock(world: World) -> Options:
    (world.config / "kernix.lock").unlink()
    return Options()


def _own_overlay(world: World) -> Options:
    world.write("kernix/overlays/mine.py", "")
    return Options()


def _no_files(world: World) -> Options:
    world.root.rename(world.top / "elsewhere")
    return Options()


@pytest.mark.parametrize(
    "prepare",
    [
        pytest.param(lambda _: Options(file=Path("mine.py")), id="file"),
        pytest.param(lambda _: Options(overlays=("debug", "./mine.py")), id="overlay"),
        pytest.param(lambda _: Options(overlays=("debugg",)), id="unknown-overlay"),
        pytest.param(lambda world: Options(lock=world.top / "absent"), id="absent-lock"),
        pytest.param(lambda world: Options(lock=world.top), id="directory-as-lock"),
        pytest.param(_pipe, id="pipe-as-lock"),
        pytest.param(_no_lock, id="no-lock"),
        pytest.param(_own_overlay, id="own-overlay"),
        pytest.param(_no_files, id="no-files"),
    ],
)
def test_what_cannot_be_told_is_no_question(world: World, prepare: Callable[[World], Options]) -> None:
    """Nothing is remembered where Python of the user's takes part, or an input cannot be read, or not twice."""
    asked = world.ask()
    assert (True, None) == (asked is not None, world.ask(options=prepare(world)))


def test_what_was_imported_earlier_is_no_question(world: World) -> None:
    """A process that has imported definitions may have them of older files, and remembers nothing."""
    ways = [
        question(world.session, Options(), ["x"], root=world.root, loaded=it) for it in (["store"], ["derivations"])
    ]
    assert [True, False] == [it is not None for it in ways]


def test_no_place_for_the_configuration_is_no_question(world: World) -> None:
    """What is wrong with the environment is told by the evaluation."""
    assert None is question(Session(environment={}), Options(), ["x"], root=world.root, loaded=[])


def test_what_is_wanted_is_read_off_a_target() -> None:
    """Of an output its derivation's name and key are kept, and whether it is the default one."""
    kernel = kernel_set(lock=fake_lock()).linux_micro
    made = [Wanted.of(Target(attribute="a", value=it, output=it)) for it in (kernel.out, kernel.dev)]
    assert [("a", kernel.derivation.name, kernel.derivation.key)] * 2 == [
        (it.attribute, it.name, it.key) for it in made
    ]
    assert [("out", True), ("dev", False)] == [(it.output, it.default) for it in made]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    answer=st.lists(
        st.builds(
            Wanted,
            attribute=st.text(st.characters()),
            name=st.text(),
            key=st.binary(min_size=32, max_size=32),
            output=st.text(),
            default=st.booleans(),
        )
    )
)
def test_answers_are_remembered(world: World, answer: list[Wanted]) -> None:
    """What is remembered is recalled as it was, and under its own question only."""
    remember(world.session, ASKED, answer)
    assert (answer, None) == (remembered(world.session, ASKED), remembered(world.session, OTHERS))


def test_without_a_question_there_is_no_answer(world: World) -> None:
    """Nothing is written, and nothing found, where there is no question."""
    remember(world.session, None, [MICRO])
    assert (None, []) == (remembered(world.session, None), list((world.top / "home/cache").iterdir()))


def _answer(world: World) -> Path:
    remember(world.session, ASKED, [MICRO])
    (place,) = (world.top / "home/cache/answers").iterdir()
    return place


def test_damaged_answers_are_none(world: World) -> None:
    """An answer of which a byte is lost or changed is not recalled."""
    place = _answer(world)
    whole = place.read_bytes()
    damaged = [whole[:end] for end in range(len(whole))]
    damaged += [whole[:i] + bytes([whole[i] ^ 1]) + whole[i + 1 :] for i in range(len(whole))]
    damaged += [whole + b" ", b"\0" * len(whole)]
    for content in damaged:
        place.write_bytes(content)
        assert None is remembered(world.session, ASKED), content


def test_an_answer_to_another_question_is_none(world: World) -> None:
    """An answer that was put under another question is not recalled there."""
    place = _answer(world)
    place.rename(place.with_name(OTHERS.hex()))
    assert None is remembered(world.session, OTHERS)


def test_something_else_in_an_answers_place(world: World) -> None:
    """A directory in the place of an answer is no answer, and no error when one is written."""
    place = _answer(world)
    place.unlink()
    place.mkdir()
    remember(world.session, ASKED, [MICRO])
    assert (None, [place]) == (remembered(world.session, ASKED), list(place.parent.iterdir()))


@pytest.mark.parametrize("kind", ["nothing", "file"])
def test_where_nothing_can_be_written_nothing_is(world: World, kind: str) -> None:
    """A home without a directory for answers is no error."""
    (world.top / "home/cache").rmdir()
    if kind == "file":
        (world.top / "home/cache").touch()
    remember(world.session, ASKED, [MICRO])
    assert None is remembered(world.session, ASKED)


def test_old_answers_go(world: World) -> None:
    """Only so many answers are kept, the newest."""
    folder = _answer(world).parent
    os.utime(folder / ASKED.hex(), (1, 1))
    for number in range(KEPT):
        remember(world.session, number.to_bytes(32, "big"), [MICRO])
    assert (KEPT, None) == (len(list(folder.iterdir())), remembered(world.session, ASKED))
    assert [MICRO] == remembered(world.session, (KEPT - 1).to_bytes(32, "big"))
