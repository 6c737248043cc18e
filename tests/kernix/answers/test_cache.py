"""A build is answered from the cache if, and only if, nothing that its answer depends on has changed."""

from __future__ import annotations

import os

from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import pytest

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kernix.answers.cache import MAX_ANSWERS, Question, answer
from store.local import Store


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from store.path import StorePath


WORDS = ("build", "linux_micro")
KEY = b"\0\xff" * 16


@attrs.frozen
class World:
    """Everything that an answer depends on, below *top*, and the question."""

    top: Path

    @property
    def lock(self) -> str:
        """Return the path of the user's lock."""
        return str(self.top / "kernix/kernix.lock")

    @property
    def environment(self) -> Mapping[str, str]:
        """Return an environment whose places are below *top*."""
        return {"XDG_CONFIG_HOME": str(self.top), "KERNIX_HOME": str(self.top / "home")}

    def question(self, *words: str) -> Question:
        """Return the question for *words*."""
        return Question(words or WORDS, self.environment, root=str(self.top / "root"))

    def state(self) -> str:
        """Return the state of all files that are read."""
        return self.question().state(self.lock)

    def remember(self, *facts: tuple[str, ...], text: str = "printed", words: tuple[str, ...] = WORDS) -> None:
        """Record *text* as the answer for the current state and *facts*."""
        self.question(*words).remember(text, self.lock, self.state(), facts)

    def answer(self, *words: str) -> str | None:
        """Return the answer, None if there is none."""
        try:
            return self.question(*words).answer()
        except OSError:
            return None

    def write(self, name: str, text: str) -> None:
        """Replace the file *name* by a new one."""
        place = self.top / name
        place.parent.mkdir(parents=True, exist_ok=True)
        temporary = place.with_name("new")
        temporary.write_text(text)
        os.utime(temporary, (1, 1))
        temporary.replace(place)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Return a world with a few of kernix' files, a lock and a store, in an empty working directory."""
    world = World(tmp_path)
    for name in ("derivations/linux/kernel.py", "derivations/linux/build.sh", "kernels.py", "kernels.json"):
        world.write(f"root/{name}", "old")
    world.write("kernix/kernix.lock", "lock")
    Store.open(tmp_path / "home").close()
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return world


def test_the_state_is_stable(world: World) -> None:
    """The state is stable: other files beside kernix' own and Python's compiled files do not count."""
    world.remember()
    world.write("root/derivations/linux/__pycache__/kernel.pyc", "compiled")
    world.write("root/tests/test_kernels.py", "a test")
    world.write("kernix/notes", "for myself")
    assert "printed" == world.answer()


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
        pytest.param("home/version", id="format-of-the-store"),
    ],
)
def test_a_file_that_changes_is_another_state(world: World, name: str) -> None:
    """A new file, and a file with other content of the same length and time, invalidate the answer."""
    states = [world.state()]
    for text in ("old", "new"):
        world.remember()
        world.write(name, text)
        assert world.answer() is None
        states.append(world.state())
    assert 3 == len(set(states))


def test_a_result_deleted_from_the_disk_invalidates_the_answer(world: World) -> None:
    """A result is looked up on the disk, not only in the database."""
    (world.top / "file").touch()
    with Store.open(world.top / "home") as store:
        path = store.add(world.top / "file")
        store.record([(KEY, "out", path)])
        world.remember(("result", KEY.hex(), "out", str(path)))
        assert "printed" == world.answer()
        store.path(path).unlink()
    assert world.answer() is None


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda world: (world.top / "root/derivations/linux/kernel.py").unlink(), id="no-module"),
        pytest.param(lambda world: world.write("kernix/overlays/mine.py", ""), id="own-overlay"),
        pytest.param(lambda world: Path(world.lock).unlink(), id="no-lock"),
        pytest.param(lambda world: _pipe(Path(world.lock)), id="pipe-as-lock"),
        pytest.param(lambda world: (world.top / "root").rename(world.top / "elsewhere"), id="no-files"),
        pytest.param(lambda world: (world.top / "home/db.sqlite").unlink(), id="no-database"),
        pytest.param(lambda world: (world.top / "home/db.sqlite").write_bytes(b"no database" * 999), id="damaged"),
    ],
)
def test_a_deleted_or_unreadable_file_invalidates_the_answer(world: World, change: Callable[[World], object]) -> None:
    """Then the build is evaluated."""
    world.remember()
    assert "printed" == world.answer()
    change(world)
    assert world.answer() is None


def _pipe(place: Path) -> None:
    place.unlink()
    os.mkfifo(place)


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(("build", "linux_lts"), id="attribute"),
        pytest.param(("build", "linux_micro", "linux_lts"), id="more"),
        pytest.param(("build", "linux_micro", "linux_micro"), id="twice"),
        pytest.param(("build", "linux_micro", "--json"), id="option"),
        pytest.param(("build", "--json", "linux_micro"), id="order"),
        pytest.param(("build linux_micro",), id="space"),
        pytest.param(("build', 'linux_micro",), id="quotes"),
    ],
)
def test_other_words_are_another_question(world: World, words: tuple[str, ...]) -> None:
    """Each has its own answer."""
    world.remember()
    assert world.answer(*words) is None
    world.remember(text="other", words=words)
    assert ("printed", "other") == (world.answer(), world.answer(*words))


def test_another_directory_is_another_question(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative link and lock belong to the working directory."""
    world.remember()
    monkeypatch.chdir(world.top)
    assert world.answer() is None


def test_only_builds_are_answered(world: World) -> None:
    """Other verbs, and an environment without places, get no answer."""
    for verb in ("build", "show"):
        question = Question([verb, "x"], world.environment)
        question.remember(verb, world.lock, question.state(world.lock), [])
    assert ["build", None] == [answer([verb, "x"], world.environment) for verb in ("build", "show")]
    assert [None] * 2 == [answer([], world.environment), answer(["build", "x"], {})]


def test_links_and_directories_have_to_lead_where_they_did(world: World) -> None:
    """A link with another target, a missing link, and a moved directory invalidate the answer."""
    link, directory = world.top / "link", world.top / "directory"
    directory.symlink_to(world.top / "work")
    link.symlink_to("there")
    facts = [("link", str(link), "there"), ("same", str(directory), str(world.top / "work"))]
    world.remember(*facts)
    found = [world.answer()]
    link.unlink()
    found.append(world.answer())
    link.symlink_to("elsewhere")
    found.append(world.answer())
    world.remember(facts[1])
    found.append(world.answer())
    directory.unlink()
    directory.mkdir()
    found.append(world.answer())
    assert ["printed", None, None, "printed", None] == found


def _realised(world: World) -> StorePath:
    with Store.open(world.top / "home") as store:
        path = store.add(world.top / "root", "object")
        store.record([(KEY, "out", path)])
    return path


def test_results_have_to_be_in_the_store(world: World) -> None:
    """A result of another key or output, and a collected result, give no answer."""
    path = str(_realised(world))
    found = []
    for key, output in ((KEY, "out"), (KEY, "dev"), (bytes(32), "out")):
        world.remember(("result", key.hex(), output, path))
        found.append(world.answer())
    assert ["printed", None, None] == found


def test_old_use_is_noted_the_long_way(world: World) -> None:
    """An object that was last used more than a day ago gives no answer, so that its use is recorded."""
    world.remember(("result", KEY.hex(), "out", str(_realised(world))))
    assert "printed" == world.answer()
    with Store.open(world.top / "home") as store:
        store.database.execute("update objects set used = used - 100000")
    assert world.answer() is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(exclude_characters="\0"), min_size=1))
def test_answers_are_remembered(world: World, text: str) -> None:
    """A recorded text is returned unchanged, whatever characters it contains."""
    world.remember(text=text)
    assert text == world.answer()


def _answer(world: World) -> Path:
    world.remember()
    return Path(world.question().place)


def test_damaged_answers_are_not_used(world: World) -> None:
    """An answer with a missing or changed byte is not used."""
    place = _answer(world)
    whole = place.read_bytes()
    damaged = [whole[:end] for end in range(len(whole))]
    damaged += [whole[:i] + bytes([whole[i] ^ 1]) + whole[i + 1 :] for i in range(len(whole))]
    damaged += [whole + b" ", b"\0" * len(whole)]
    for content in damaged:
        place.write_bytes(content)
        assert None is world.answer(), content


def test_an_answer_to_another_question_is_not_used(world: World) -> None:
    """An answer that is moved to another question is not used."""
    other = ("build", "linux_lts")
    _answer(world).rename(world.question(*other).place)
    assert None is world.answer(*other)


def test_something_else_in_an_answers_place(world: World) -> None:
    """A directory in the place of an answer is not an answer, and a failed write leaves no file behind."""
    place = _answer(world)
    place.unlink()
    place.mkdir()
    with pytest.raises(OSError, match="directory"):
        world.remember()
    assert (None, [place]) == (world.answer(), list(place.parent.iterdir()))


def test_old_answers_go(world: World) -> None:
    """Only the newest answers are kept."""
    folder = _answer(world).parent
    os.utime(world.question().place, (1, 1))
    for number in range(MAX_ANSWERS):
        world.remember(text=str(number), words=("build", str(number)))
    assert (MAX_ANSWERS, None) == (len(list(folder.iterdir())), world.answer())
    assert str(MAX_ANSWERS - 1) == world.answer("build", str(MAX_ANSWERS - 1))
