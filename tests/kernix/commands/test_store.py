"""The verbs that deal with objects: add, roots, path-info, why-depends, log, gc, verify."""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import subprocess
import sys

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from store.trees.remove import remove_tree
from tests.kernix.conftest import PROJECT


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.kernix.conftest import CommandLine


@pytest.fixture
def drvs(kernix: CommandLine, scripts: Path) -> dict[str, str]:
    """Return the derivations of `needs-broken` and what it needs, by name: objects that refer to each other."""
    top = kernix("instantiate", "-f", scripts, "needs_broken").lines[0]
    found = kernix("path-info", "-r", top).lines
    return {Path(place).name[33:].removesuffix(".drv"): place for place in found}


def test_add_prints_the_path(kernix: CommandLine) -> None:
    """A file and a directory become objects whose paths are printed; the same again is the same."""
    kernix.write("tree/file", "content")
    file = kernix("add", "tree/file").lines[0]
    tree = kernix("add", "tree").lines[0]
    assert ["content", "content"] == [Path(file).read_text(), Path(tree, "file").read_text()]
    assert [file, tree] == [*kernix("add", "tree/file").lines, *kernix("add", "tree").lines]


def test_add_takes_a_name(kernix: CommandLine) -> None:
    """The object can be called otherwise than the file."""
    assert kernix("add", kernix.write("a", "x"), "--name", "b").lines[0].endswith("-b")


def test_a_name_that_cannot_be(kernix: CommandLine) -> None:
    """A file whose name no object may bear is told so."""
    ran = kernix("add", kernix.write("a b", "x"))
    assert (1, True) == (ran.code, "invalid store path 'a b'" in ran.err)


def test_what_no_object_may_hold(kernix: CommandLine) -> None:
    """A fifo in a tree is named, and nothing is added."""
    kernix.write("tree/file", "x")
    os.mkfifo(kernix.work / "tree/pipe")
    ran = kernix("add", "tree")
    assert (1, True, []) == (ran.code, "tree/pipe" in ran.err, list((kernix.home / "store").iterdir()))


def test_a_link_becomes_a_root_and_none_again(kernix: CommandLine) -> None:
    """A user's link keeps its object while it is a root."""
    place = kernix("add", kernix.write("file", "x")).lines[0]
    (kernix.work / "link").symlink_to(place)
    assert [place] == kernix("roots", "add", "link").lines
    assert [f"{kernix.work}/link  ->  {place}"] == kernix("roots").lines
    assert [{"link": f"{kernix.work}/link", "path": place}] == kernix("roots", "list", "--json").json
    kernix("gc", "--all")
    assert Path(place).exists()
    kernix("roots", "remove", "link")
    kernix("gc", "--all")
    assert (False, True) == (Path(place).exists(), (kernix.work / "link").is_symlink())


@pytest.mark.parametrize("verb", ["add", "remove"])
def test_what_leads_elsewhere_is_no_root(kernix: CommandLine, verb: str) -> None:
    """A link out of the store can neither become a root nor cease to be one."""
    (kernix.work / "link").symlink_to("/etc")
    ran = kernix("roots", verb, "link")
    assert (1, True) == (ran.code, "/link is not a symbolic link to an object in the store" in ran.err)


def test_an_unknown_verb_below_roots(kernix: CommandLine) -> None:
    """`roots` has verbs of its own, and tells which was meant."""
    ran = kernix("roots", "ad", "x")
    assert (2, "error: unknown verb `ad`\nhint: did you mean `add`?\n") == (ran.code, ran.err)


@pytest.mark.parametrize("how", ["path", "inside", "link", "name", "digest", "attribute"])
def test_objects_are_named_in_many_ways(kernix: CommandLine, hello: Path, how: str) -> None:
    """By path, by a path inside, by a link, by name, by digest, and by attribute."""
    path = kernix("build", "-f", hello, "hello").lines[0]
    named = {
        "path": [path],
        "inside": [f"{path}/"],
        "link": ["result"],
        "name": [Path(path).name],
        "digest": [Path(path).name[:32]],
        "attribute": ["-f", str(hello), "hello"],
    }
    assert [path] == kernix("path-info", *named[how]).lines


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        pytest.param(["/etc/passwd"], 2, "/etc/passwd does not lead into the store", id="outside"),
        pytest.param(["./absent"], 2, "./absent does not lead into the store", id="absent"),
        pytest.param(["0" * 32], 1, f"no object in the store begins with '{'0' * 32}'", id="digest"),
        pytest.param(["0" * 32 + "-x"], 1, f"{'0' * 32}-x is not in the store", id="name"),
        pytest.param(["-f", "hello.py", "hello"], 1, "`hello` has not been built", id="not-built"),
        pytest.param(["-f", "hello.py", "helo"], 2, "no attribute `helo`", id="attribute"),
    ],
)
@pytest.mark.usefixtures("hello")
def test_what_is_no_object(kernix: CommandLine, words: list[str], code: int, sentence: str) -> None:
    """What names no object is told in a sentence."""
    ran = kernix("path-info", *words)
    assert (code, "", True) == (ran.code, ran.out, ran.err.startswith(f"error: {sentence}"))


def test_sizes_of_closures(kernix: CommandLine, drvs: dict[str, str]) -> None:
    """`-r` tells about all that is referred to, `-s` and `-S` their sizes alone and with what they need."""
    lines = [line.rsplit(maxsplit=2) for line in kernix("path-info", "-r", "-s", "-S", drvs["needs-broken"]).lines]
    sizes = {place: (int(size), int(total)) for place, size, total in lines}
    assert sizes.keys() == set(drvs.values())
    assert sum(size for size, _ in sizes.values()) == sizes[drvs["needs-broken"]][1]
    assert sizes[drvs["root"]][0] == sizes[drvs["root"]][1]
    assert lines[-1][0] == drvs["needs-broken"]


def test_all_that_is_known(kernix: CommandLine, drvs: dict[str, str]) -> None:
    """`--json` tells digest, references, retention and times."""
    facts = kernix("path-info", "--json", drvs["broken"]).json[0]
    assert (drvs["broken"], [drvs["root"]], "derivation", 64) == (
        facts["path"],
        facts["references"],
        facts["retention"],
        len(facts["digest"]),
    )


def test_why_one_needs_another(kernix: CommandLine, drvs: dict[str, str]) -> None:
    """The shortest chain of references is printed, each object below what refers to it."""
    assert [drvs["broken"], f"└── {drvs['root']}"] == kernix("why-depends", drvs["broken"], drvs["root"]).lines


def test_why_a_build_needs_another(kernix: CommandLine, scripts: Path, drvs: dict[str, str]) -> None:
    """With `--derivation` attributes stand for what builds them."""
    ran = kernix("why-depends", "--derivation", "-f", scripts, "needs_broken", "broken")
    assert [drvs["needs-broken"], f"└── {drvs['broken']}"] == ran.lines


def test_when_one_does_not_need_another(kernix: CommandLine, drvs: dict[str, str]) -> None:
    """Without a chain there is an error that says so."""
    ran = kernix("why-depends", drvs["root"], drvs["broken"])
    assert (1, True) == (ran.code, "does not depend on" in ran.err)


def test_the_log_of_a_build(kernix: CommandLine, scripts: Path) -> None:
    """The log is printed for an attribute, and for a path of what was built."""
    path = kernix("build", "-f", scripts, "fine").lines[0]
    assert ["one\ntwo\n", "one\ntwo\n"] == [kernix("log", "-f", scripts, "fine").out, kernix("log", path).out]


def test_the_log_of_a_failure(kernix: CommandLine, scripts: Path) -> None:
    """What a failed builder wrote is kept."""
    kernix("build", "-f", scripts, "broken")
    assert "before\n  what was the matter\n" == kernix("log", "-f", scripts, "broken").out


def test_the_log_of_what_failed_for_something_else(kernix: CommandLine, scripts: Path) -> None:
    """The log of what is not built is that of what was tried last for it, and whose it is is said."""
    kernix("build", "-f", scripts, "needs_broken")
    ran = kernix("log", "-f", scripts, "needs_broken")
    assert (0, "before\n  what was the matter\n") == (ran.code, ran.out)
    assert "needs_broken is not built; this is the log of broken, which it needs\n" == ran.err


def test_the_log_of_what_runs(kernix: CommandLine, scripts: Path) -> None:
    """What was written so far is printed at once, and with `--follow` what comes until the builder has ended."""
    counts = "i=0; while [ $i -lt 300000 ]; do i=$((i + 1)); done; echo two > /out/out; echo two"
    for name, end in (("endless", "while :; do :; done"), ("ends", counts)):
        scripts.write_text(f"{scripts.read_text()}{name} = script({name!r}, {f'echo one; {end}'!r})\n")
    with background("build", "-f", scripts, "ends", "--no-link") as build:
        while (ran := kernix("log", "-F", "-f", scripts, "ends")).code:
            assert build.poll() in {None, 0}
        assert "one\ntwo\n" == ran.out
    with background("build", "-f", scripts, "endless", "--no-link") as build:
        while "one\n" != (ran := kernix("log", "-f", scripts, "endless")).out:
            assert build.poll() is None
        assert "still running" in ran.err


@contextlib.contextmanager
def background(*words: str | Path) -> Iterator[subprocess.Popen[bytes]]:
    """Give a process that runs `kernix` with *words* during the block."""
    command = [sys.executable, "-m", "kernix", *map(str, words)]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def test_the_log_of_a_silent_builder(kernix: CommandLine, scripts: Path) -> None:
    """That a builder wrote nothing is said on stderr; of what was not built there is no log."""
    assert (1, "there is no log of two") == ((ran := kernix("log", "-f", scripts, "two")).code, ran.err[7:29])
    path = kernix("build", "-f", scripts, "two").lines[0]
    for words in (("-f", scripts, "two"), (path,)):
        ran = kernix("log", *words)
        assert (0, "", "the builder of two wrote nothing\n") == (ran.code, ran.out, ran.err)


def test_no_log(kernix: CommandLine, hello: Path) -> None:
    """What was never built, or was added, has no log."""
    added = kernix("add", hello).lines[0]
    assert [1, 1] == [kernix("log", "-f", hello, "hello").code, kernix("log", added).code]
    assert "was not made by a derivation" in kernix("log", added).err


def test_gc_spares_sources_for_a_while(kernix: CommandLine) -> None:
    """What was added stays for the time of sources, unless all shall go."""
    place = kernix("add", kernix.write("file", "x")).lines[0]
    kernix("gc")
    assert Path(place).exists()
    ran = kernix("gc", "--all")
    assert (0, False, True) == (ran.code, Path(place).exists(), ran.out.startswith("removed 1 object, freed "))


def test_gc_tells_first(kernix: CommandLine, hello: Path) -> None:
    """`--dry-run` prints what would go, and leaves it."""
    place = kernix("build", "-f", hello, "hello", "--no-link").lines[0]
    ran = kernix("gc", "--dry-run")
    assert (True, True) == (place in ran.lines, Path(place).exists())
    assert ran.err.splitlines()[-1].startswith("2 objects would be removed, ")


def test_gc_removes_old_logs(kernix: CommandLine, hello: Path) -> None:
    """Logs that are older, or together larger, than the configuration says go, as --dry-run tells before."""
    kernix("add", hello)
    log = kernix.home / "logs" / "aa" / f"{'b' * 62}.zst"
    log.parent.mkdir(parents=True)
    log.write_bytes(b"x" * 5000)
    kernix("gc")
    assert log.exists()
    kernix.configure("[gc.logs]\nmax_size = 100\n")
    assert "1 old log would be removed, 8.2 kB in all" in kernix("gc", "--dry-run").err
    assert log.exists()
    assert "removed 1 old log, freed 8.2 kB" in kernix("gc").err
    assert not log.exists()


def test_gc_spares_what_was_used_lately(kernix: CommandLine, hello: Path) -> None:
    """`--delete-older-than` spares what was used since."""
    place = kernix("build", "-f", hello, "hello", "--no-link").lines[0]
    kernix("gc", "--delete-older-than", "14d")
    assert Path(place).exists()


def test_gc_stops_when_enough_is_freed(kernix: CommandLine) -> None:
    """`--max-freed` bounds what is removed."""
    for name in ("a", "b", "c"):
        kernix("add", kernix.write(name, name * 1000))
    assert kernix("gc", "--all", "--max-freed", "1500").out.startswith("removed 2 objects, ")


def test_the_configuration_says_what_to_keep(kernix: CommandLine) -> None:
    """`[gc.keep]` replaces how long a class is spared, and leaves the other classes alone."""
    place = kernix("add", kernix.write("file", "x")).lines[0]
    kernix.configure("[gc.keep]\ntoolchain = 0\n")
    kernix("gc")
    assert Path(place).exists()
    kernix.configure("[gc.keep]\nsource = 0\n")
    kernix("gc")
    assert not Path(place).exists()


def test_a_whole_store_is_told_so(kernix: CommandLine, hello: Path) -> None:
    """A sound store has nothing to tell on stdout."""
    kernix("build", "-f", hello, "hello")
    ran = kernix("verify", "--contents")
    assert (0, "", "the store is whole\n") == (ran.code, ran.out, ran.err)


def test_a_changed_file_is_named_and_mended(kernix: CommandLine, hello: Path) -> None:
    """A flipped bit is found, its file named, and the object forgotten on demand, so that it is built again."""
    place = Path(kernix("build", "-f", hello, "hello").lines[0])
    place.chmod(0o644)
    place.write_text("hellO world\n")
    ran = kernix("verify", "--contents")
    assert (1, True) == (ran.code, f"{place.name}: has changed" in ran.out)
    assert f"{place.name}: forgotten" in kernix("verify", "--contents", "--repair").lines
    assert [str(place)] == kernix("build", "-f", hello, "hello").lines
    assert "hello world\n" == place.read_text()


def test_a_lost_database_is_made_again(kernix: CommandLine, hello: Path) -> None:
    """`--rebuild` makes the database of the objects and the journal; results are known again."""
    place = kernix("build", "-f", hello, "hello").lines[0]
    for file in kernix.home.glob("db.sqlite*"):
        file.unlink()
    ran = kernix("verify", "--rebuild")
    assert (0, "2 objects and 2 results are known again") == (ran.code, ran.lines[-1])
    again = kernix("build", "-f", hello, "hello")
    assert ([place], "") == (again.lines, again.err)


def test_what_is_gone_from_the_disk_is_made_again(kernix: CommandLine, hello: Path) -> None:
    """A result and a source that somebody removed are there once more after the same words."""
    source = kernix.write("tree/file", "content")
    for words in (["build", "-f", str(hello), "hello", "other"], ["add", str(source.parent)]):
        before = [Path(line) for line in kernix(*words).lines]
        remove_tree(before[0])
        assert before == [Path(line) for line in kernix(*words).lines]
        assert all(place.exists() for place in before)


def test_what_is_gone_is_said_to_be(kernix: CommandLine) -> None:
    """A verb that asks about it says so, and `verify --repair` forgets it."""
    place = Path(kernix("add", kernix.write("file", "content")).lines[0])
    place.unlink()
    ran = kernix("path-info", place)
    assert (1, True, True) == (ran.code, "missing from the disk" in ran.err, "verify --repair" in ran.err)


def _not_text(database: Path) -> None:
    _write(database, "update objects set path = cast(x'ff' || path as text)")


def _numbers(database: Path) -> None:
    _write(database, "update objects set path = id")


def _no_table(database: Path) -> None:
    _write(database, "drop table objects")


def _write(database: Path, statement: str) -> None:
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("pragma foreign_keys = off")
    connection.execute(statement)
    connection.close()


def _no_database(database: Path) -> None:
    database.write_bytes(b"no database" * 1000)


def _directory(database: Path) -> None:
    database.unlink()
    database.mkdir()


@pytest.mark.parametrize("damage", [_not_text, _numbers, _no_table, _no_database, _directory])
def test_a_damaged_database_is_said_to_be(kernix: CommandLine, hello: Path, damage: Callable[[Path], None]) -> None:
    """Whatever verb meets it says how to make it again, which does so; what was built is known then."""
    place = kernix("build", "-f", hello, "hello").lines[0]
    source = kernix.write("file", "content")
    kernix("add", source)
    damage(kernix.home / "db.sqlite")
    for words in (
        ["build", "-f", hello, "hello"],
        ["add", source],
        ["path-info", "--json", place],
        ["path-info", Path(place).name[:32]],
        ["why-depends", place, place],
        ["log", place],
        ["gc"],
        ["gc", "--dry-run"],
        ["verify"],
        ["verify", "--contents", "--repair"],
    ):
        ran = kernix(*words)  # where a single row is damaged, some verbs do not meet it
        assert ran.code == 0 or "error: " in ran.err, (words, ran)
    ran = kernix("verify")
    assert (1, True) == (ran.code, "verify --rebuild" in ran.err)
    assert 0 == kernix("verify", "--rebuild").code
    assert [place] == kernix("build", "-f", hello, "hello").lines


@pytest.mark.parametrize(
    ("name", "fitting"),
    [
        pytest.param("ü.config", "u.config", id="accent"),
        pytest.param("a b", "a-b", id="blank"),
        pytest.param("配置", "source", id="nothing-left"),
        pytest.param("..-x", "x", id="begin"),
        pytest.param("x" * 250, "x" * 211, id="long"),
        pytest.param("a\x1b[2J", "a-2J", id="control"),
    ],
)
def test_a_name_that_fits_is_offered(kernix: CommandLine, name: str, fitting: str) -> None:
    """Where a file's name cannot be an object's, another one is offered, and can be used."""
    kernix.write(f"./{name}", "x")
    ran = kernix("add", f"./{name}")
    assert (1, True, False) == (ran.code, f"`--name {fitting}`" in ran.err, "\x1b" in ran.err)
    assert kernix("add", f"./{name}", "--name", fitting).lines[0].endswith(f"-{fitting}")


def test_adding_the_directory_above(kernix: CommandLine) -> None:
    """`.` and `..` are called as the directories that they are."""
    (kernix.work / "inner").mkdir()
    os.chdir(kernix.work / "inner")
    assert [True, True] == [
        kernix("add", place).lines[0].endswith(f"-{name}") for place, name in ((".", "inner"), ("..", "work"))
    ]


def test_roots_as_json(kernix: CommandLine) -> None:
    """`roots --json` is `roots list --json`, wherever the option is; verbs that print no JSON do not take it."""
    (kernix.work / "link").symlink_to(kernix("add", kernix.write("file", "x")).lines[0])
    kernix("roots", "add", "link")
    wanted = kernix("roots", "list", "--json").json
    assert [wanted, wanted] == [kernix("roots", "--json").json, kernix("roots", "--json", "list").json]
    assert kernix("roots", "--json", "remove", "link").code == 2
    assert wanted == kernix("roots", "--json").json


def test_odd_things_among_the_roots(kernix: CommandLine) -> None:
    """What is no root is neither shown nor removed nor in the way."""
    place = kernix("add", kernix.write("file", "x")).lines[0]
    (kernix.work / "link").symlink_to(place)
    kernix("roots", "add", "link")
    roots = kernix.home / "roots"
    (roots / "file").write_text("x")
    os.mkfifo(roots / "fifo")
    (roots / "a/b").mkdir(parents=True)
    (roots / "a/b/nowhere").symlink_to("/nowhere")
    (roots / "circle").symlink_to("circle")
    (roots / "auto/relative").symlink_to("x")
    (roots / "auto/file").write_text("x")
    (roots / "auto/away").symlink_to("/nowhere/link")
    (roots / "\udcff").symlink_to(f"{place}/\udcff")
    before = {it.name for it in roots.rglob("*")}
    shown = kernix("roots").lines
    assert (2, True) == (len(shown), "\\udcff" in "".join(shown))
    assert kernix("gc", "--all").code == 0
    assert Path(place).exists()
    assert {"away"} == before - {it.name for it in roots.rglob("*")}


def test_a_root_that_cannot_be_read(kernix: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a root keeps that cannot be looked at now, as on a disk that fails, is not collected."""
    place = kernix("add", kernix.write("file", "x")).lines[0]
    (kernix.work / "link").symlink_to(place)
    kernix("roots", "add", "link")

    readlink = Path.readlink

    def fail(path: Path) -> Path:
        if path.name == "link":
            raise OSError(errno.EIO, "Input/output error", str(path))
        return readlink(path)

    monkeypatch.setattr(Path, "readlink", fail)
    ran = kernix("gc", "--all")
    assert (1, True) == (ran.code, "input/output error" in ran.err)
    assert Path(place).exists()
