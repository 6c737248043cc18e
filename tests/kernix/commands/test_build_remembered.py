"""`kernix build` with everything already built: answered from the record, and never by an outdated one."""

from __future__ import annotations

import json
import shutil

from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import pytest

from derivations.debian.lock import Lock, dumps
from kernels import kernel_set
from overlays import debug
from store.local import Store
from tests.fakes import VERSIONS, fake_lock, fake_package


if TYPE_CHECKING:
    import subprocess

    from tests.kernix.conftest import CommandLine


DEBUG = ["--overlay", "debug"]

PARTS = ("derivations", "kernels.json", "kernels.py", "kernix", "overlays", "store")


@attrs.frozen
class Program:
    """A copy of kernix at *root*, which only the test changes."""

    root: Path
    kernix: CommandLine

    def __call__(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run the copy in a process that reports its imports."""
        return self.kernix.process(*words, more={"PYTHONPATH": str(self.root), "PYTHONPROFILEIMPORTTIME": "1"})


@pytest.fixture
def program(kernix: CommandLine) -> Program:
    """Return a copy of kernix."""
    root = kernix.top / "program"
    root.mkdir()
    for name in PARTS:
        part = Path(__file__).parents[3] / name
        (shutil.copytree if part.is_dir() else shutil.copy2)(part, root / name)
    return Program(root, kernix)


def _newer() -> Lock:
    """Return the lock of `fake_lock` with another release of the source."""
    name = "linux-source-6.12"
    old, lock = fake_package(name, version=VERSIONS.get(name)), fake_lock()
    new = fake_package(name, version="6.12.99-1")
    return attrs.evolve(
        lock,
        packages=[new if it.identity == old.identity else it for it in lock.packages],
        sets={
            key: [new.identity if it == old.identity else it for it in members] for key, members in lock.sets.items()
        },
    )


@pytest.fixture
def results(kernix: CommandLine, lock: Path) -> list[str]:
    """Return the results of `linux_micro`: plain and with the overlay `debug`, and both with a newer lock."""
    source = kernix.write("kernel", "")
    kernels = [
        kernel_set(more, lock=it).linux_micro for it in (fake_lock(), _newer()) for more in ([], [debug.overlay])
    ]
    found = []
    with Store.open(kernix.home) as store:
        for number, kernel in enumerate(kernels):
            source.write_text(str(number))
            path = store.add(source, kernel.derivation.name)
            store.record([(kernel.derivation.key, "out", path)])
            found.append(str(store.path(path)))
    assert lock.exists()
    return found


def _answers(kernix: CommandLine) -> list[Path]:
    return sorted((kernix.home / "cache").glob("answers/*"))


def _imported(printed: str) -> set[str]:
    """Return the imported modules that only parsing and evaluation need."""
    modules = {line.rpartition("|")[2].strip() for line in printed.splitlines()}
    assert "kernix.answers.cache" in modules
    return modules & {
        "attrs",
        "click",
        "pathlib",
        "typing",
        "kernels",
        "kernix.commands.build",
        "derivations.derivation",
    }


def test_the_second_time_nothing_is_evaluated(program: Program, results: list[str]) -> None:
    """A repeated build prints the same, without importing definitions, click or attrs."""
    first, second = (program("build", "linux_micro") for _ in range(2))
    assert [(0, f"{results[0]}\n")] * 2 == [(it.returncode, it.stdout) for it in (first, second)]
    assert ({"click", "kernels", "derivations.derivation"} <= _imported(first.stderr), set()) == (
        True,
        _imported(second.stderr),
    )


def test_json_is_the_same_from_memory(program: Program, results: list[str]) -> None:
    """`--json` prints the same, evaluated or recorded; an attribute that is named twice is printed twice."""
    words = ("build", "linux_micro", "linux_micro", "--json", "--no-link")
    evaluated, remembered = (program(*words) for _ in range(2))
    assert (evaluated.stdout, set()) == (remembered.stdout, _imported(remembered.stderr))
    assert [results[0]] * 2 == [it["outputs"]["out"] for it in json.loads(remembered.stdout)]


def test_each_lock_and_overlay_has_its_own_answer(kernix: CommandLine, results: list[str], lock: Path) -> None:
    """Another lock and an overlay each have their own answer, and the old answers stay valid."""
    texts = [lock.read_text(), dumps(_newer())]
    printed = []
    for text in (*texts, *texts):
        lock.write_text(text)
        printed += [kernix.process("build", *more, "linux_micro").stdout for more in ([], DEBUG)]
    assert [f"{path}\n" for path in results] * 2 == printed


def test_kernix_own_files_are_read_again(program: Program, results: list[str]) -> None:
    """A change of kernix itself counts even if everything is built and recorded."""
    assert [f"{results[0]}\n"] * 2 == [program("build", "linux_micro").stdout for _ in range(2)]
    with (program.root / "kernels.py").open("a", encoding="utf-8") as file:
        file.write("\nraise SystemExit(7)\n")
    assert (7, "") == ((ran := program("build", "linux_micro")).returncode, ran.stdout)


def test_a_new_overlay_of_the_user_counts(kernix: CommandLine, results: list[str]) -> None:
    """An overlay that appears in the user's own directory counts at once."""
    assert f"{results[0]}\n" == kernix.process("build", "linux_micro").stdout
    overlay = kernix.config / "overlays/mine.py"
    overlay.parent.mkdir()
    overlay.write_text("from overlays.debug import overlay\n")
    assert f"{results[1]}\n" == kernix.process("build", "linux_micro").stdout


def test_a_deleted_result_is_built(kernix: CommandLine, results: list[str]) -> None:
    """A recorded answer is not used if the result no longer exists."""
    words = ("build", "linux_micro", "--offline", "--no-link")
    assert f"{results[0]}\n" == kernix.process(*words).stdout
    assert 0 == kernix("gc", "--all").code
    remembered = kernix.process(*words)
    for answer in _answers(kernix):
        answer.unlink()
    evaluated = kernix.process(*words)
    assert [(100, "", True)] * 2 == [
        (it.returncode, it.stdout, "--offline" in it.stderr) for it in (remembered, evaluated)
    ]
    assert [] == _answers(kernix)


def test_a_deleted_link_is_made_again(kernix: CommandLine, results: list[str]) -> None:
    """A recorded build makes its link again, and refuses to replace something else."""
    link = kernix.work / "result"
    for _ in range(2):
        kernix.process("build", "linux_micro")
        assert results[0] == str(link.readlink())
        link.unlink()
    link.write_text("precious")
    ran = kernix.process("build", "linux_micro")
    assert (1, True) == (ran.returncode, "result" in ran.stderr)


def test_an_unknown_attribute_is_not_remembered(kernix: CommandLine, results: list[str]) -> None:
    """Errors are reported each time, in the same words."""
    first, second = (kernix.process("build", "linux_micr") for _ in range(2))
    assert (2, first.stderr, []) == (second.returncode, second.stderr, _answers(kernix))
    assert "did you mean `linux_micro`" in first.stderr
    assert results


def test_a_mistake_in_the_configuration_is_reported(kernix: CommandLine, results: list[str]) -> None:
    """An invalid configuration is an error even if everything is recorded."""
    assert f"{results[0]}\n" == kernix.process("build", "linux_micro").stdout
    kernix.configure("job = 3")
    ran = kernix.process("build", "linux_micro")
    assert (1, True) == (ran.returncode, "did you mean `jobs`?" in ran.stderr)
