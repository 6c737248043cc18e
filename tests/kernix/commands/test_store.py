"""The verbs about objects: add, roots, path-info, why-depends, log, gc, verify."""

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

from store.osutil.locks import permanent_lock
from store.trees.remove import remove_tree
from tests.kernix.conftest import PROJECT


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.kernix.conftest import CommandLine


@pytest.fixture
def drvs(kernix: CommandLine, scripts: Path) -> dict[str, str]:
    """Return the derivations of `needs-broken` and its inputs, by name: objects that refer to each other."""
    top = kernix("instantiate", "-f", scripts, "needs_broken").lines[0]
    found = kernix("path-info", "-r", top).lines
    return {Path(place).name[33:].removesuffix(".drv"): place for place in found}


def test_add_prints_the_path(kernix: CommandLine) -> None:
    """A file and a directory become objects whose paths are printed; adding them again gives the same paths."""
    kernix.write("tree/file", "content")
    file = kernix("add", "tree/file").lines[0]
    tree = kernix("add", "tree").lines[0]
    assert ["content", "content"] == [Path(file).read_text(), Path(tree, "file").read_text()]
    assert [file, tree] == [*kernix("add", "tree/file").lines, *kernix("add", "tree").lines]


def test_add_takes_a_name(kernix: CommandLine) -> None:
    """The object can have another name than the file."""
    assert kernix("add", kernix.write("a", "x"), "--name", "b").lines[0].endswith("-b")


def test_an_invalid_name(kernix: CommandLine) -> None:
    """A file name that is not valid for an object is an error."""
    ran = kernix("add", kernix.write("a b", "x"))
    assert (1, True) == (ran.code, "invalid store path 'a b'" in ran.err)


def test_a_fifo_cannot_be_added(kernix: CommandLine) -> None:
    """A fifo in a tree is named, and nothing is added."""
    kernix.write("tree/file", "x")
    os.mkfifo(kernix.work / "tree/pipe")
    ran = kernix("add", "tree")
    assert (1, True, []) == (ran.code, "tree/pipe" in ran.err, list((kernix.home / "store").iterdir()))


def test_a_link_is_added_to_and_removed_from_the_roots(kernix: CommandLine) -> None:
    """A user's link keeps its object alive while it is a root."""
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
def test_a_link_out_of_the_store_is_not_a_root(kernix: CommandLine, verb: str) -> None:
    """A link that does not point into the store can neither become a root nor be removed as one."""
    (kernix.work / "link").symlink_to("/etc")
    ran = kernix("roots", verb, "link")
    assert (1, True) == (ran.code, f"{kernix.work}/link" in ran.err)


def test_an_unknown_verb_below_roots(kernix: CommandLine) -> None:
    """`roots` has verbs of its own, and suggests one for a misspelling."""
    ran = kernix("roots", "ad", "x")
    assert (2, "error: unknown verb `ad`\nhint: did you mean `add`?\n") == (ran.code, ran.err)


@pytest.mark.parametrize("how", ["path", "inside", "link", "name", "digest", "attribute"])
def test_objects_are_named_in_many_ways(kernix: CommandLine, hello: Path, how: str) -> None:
    """An object can be named by path, a path inside it, a link, name, digest, or attribute."""
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
        pytest.param(["0" * 32], 1, f"'{'0' * 32}'", id="digest"),
        pytest.param(["0" * 32 + "-x"], 1, f"{'0' * 32}-x", id="name"),
        pytest.param(["-f", "hello.py", "hello"], 1, "`hello` has not been built", id="not-built"),
        pytest.param(["-f", "hello.py", "helo"], 2, "`helo`", id="attribute"),
    ],
)
@pytest.mark.usefixtures("hello")
def test_unknown_objects(kernix: CommandLine, words: list[str], code: int, sentence: str) -> None:
    """A word that names no object is an error in a sentence."""
    ran = kernix("path-info", *words)
    assert (code, "", True) == (ran.code, ran.out, sentence in ran.err.splitlines()[0])


def test_sizes_of_closures(kernix: CommandLine, drvs: dict[str, str]) -> None:
    """`-r` includes all references, `-s` and `-S` print the sizes of objects and of their closures."""
    lines = [line.rsplit(maxsplit=2) for line in kernix("path-info", "-r", "-s", "-S", drvs["needs-broken"]).lines]
    sizes = {place: (int(size), int(total)) for place, size, total in lines}
    assert sizes.keys() == set(drvs.values())
    assert sum(size for size, _ in sizes.values()) == sizes[drvs["needs-broken"]][1]
    assert sizes[drvs["root"]][0] == sizes[drvs["root"]][1]
    assert lines[-1][0] == drvs["needs-broken"]


def test_all_that_is_known(kernix: CommandLine, drvs: dict[str, str]) -> None:
    """`--json` prints digest, references, retention and times."""
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
    """With `--derivation` attributes mean their derivations."""
    ran = kernix("why-depends", "--derivation", "-f", scripts, "needs_broken", "broken")
    assert [drvs["needs-broken"], f"└── {drvs['broken']}"] == ran.lines


def test_when_one_does_not_need_another(kernix: CommandLine, drvs: dict[str, str]) -> None:
    """Without a chain there is an error."""
    ran = kernix("why-depends", drvs["root"], drvs["broken"])
    assert (1, True) == (ran.code, "does not depend on" in ran.err)


def test_the_log_of_a_build(kernix: CommandLine, scripts: Path) -> None:
    """The log is printed for an attribute, and for the path of a built object."""
    path = kernix("build", "-f", scripts, "fine").lines[0]
    assert ["one\ntwo\n", "one\ntwo\n"] == [kernix("log", "-f", scripts, "fine").out, kernix("log", path).out]


def test_the_log_of_a_failure(kernix: CommandLine, scripts: Path) -> None:
    """The log of a failed builder is kept."""
    kernix("build", "-f", scripts, "broken")
    assert "before\n  something is missing\n" == kernix("log", "-f", scripts, "broken").out


def test_the_log_of_a_failed_dependency(kernix: CommandLine, scripts: Path) -> None:
    """For an attribute that is not built, the log of its latest dependency is printed, with a note."""
    kernix("build", "-f", scripts, "needs_broken")
    ran = kernix("log", "-f", scripts, "needs_broken")
    assert (0, "before\n  something is missing\n") == (ran.code, ran.out)
    assert "needs_broken is not built; this is the log of broken, which it needs\n" == ran.err


def test_the_log_of_a_running_builder(kernix: CommandLine, scripts: Path) -> None:
    """The log so far is printed at once, and with `--follow` also the rest until the builder has ended."""
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
    """Provide a process that runs `kernix` with *words* during the block."""
    command = [sys.executable, "-m", "kernix", *map(str, words)]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def test_the_log_of_a_silent_builder(kernix: CommandLine, scripts: Path) -> None:
    """An empty log is reported on stderr; an attribute that was not built has no log."""
    ran = kernix("log", "-f", scripts, "two")
    assert (1, "", True) == (ran.code, ran.out, " two" in ran.err)
    path = kernix("build", "-f", scripts, "two").lines[0]
    for words in (("-f", scripts, "two"), (path,)):
        ran = kernix("log", *words)
        assert (0, "", "the builder of two wrote nothing\n") == (ran.code, ran.out, ran.err)


def test_no_log(kernix: CommandLine, hello: Path) -> None:
    """An attribute that was never built, and an added object, have no log."""
    added = kernix("add", hello).lines[0]
    assert [1, 1] == [kernix("log", "-f", hello, "hello").code, kernix("log", added).code]
    assert "has no derivation that made" in kernix("log", added).err


def test_gc_keeps_sources_for_a_while(kernix: CommandLine) -> None:
    """An added object is kept for the retention time of sources, except with `--all`."""
    place = kernix("add", kernix.write("file", "x")).lines[0]
    kernix("gc")
    assert Path(place).exists()
    ran = kernix("gc", "--all")
    assert (0, False, True) == (ran.code, Path(place).exists(), ran.out.startswith("removed 1 object, freed "))


def test_gc_dry_run(kernix: CommandLine, hello: Path) -> None:
    """`--dry-run` prints what would be deleted, and keeps it."""
    place = kernix("build", "-f", hello, "hello", "--no-link").lines[0]
    ran = kernix("gc", "--dry-run")
    assert (True, True) == (place in ran.lines, Path(place).exists())
    assert ran.err.splitlines()[-1].startswith("2 objects would be removed, ")


def test_gc_removes_old_logs(kernix: CommandLine, hello: Path) -> None:
    """Logs that are too old, or too large together, are deleted, and --dry-run announces it."""
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


def test_gc_keeps_recently_used_objects(kernix: CommandLine, hello: Path) -> None:
    """`--delete-older-than` keeps what was used more recently."""
    place = kernix("build", "-f", hello, "hello", "--no-link").lines[0]
    kernix("gc", "--delete-older-than", "14d")
    assert Path(place).exists()


def test_gc_stops_when_enough_is_freed(kernix: CommandLine) -> None:
    """`--max-freed` limits what is deleted."""
    for name in ("a", "b", "c"):
        kernix("add", kernix.write(name, name * 1000))
    assert kernix("gc", "--all", "--max-freed", "1500").out.startswith("removed 2 objects, ")


def test_the_configuration_sets_retention(kernix: CommandLine) -> None:
    """`[gc.keep]` sets the retention time of a class, and leaves the other classes alone."""
    place = kernix("add", kernix.write("file", "x")).lines[0]
    kernix.configure("[gc.keep]\ntoolchain = 0\n")
    kernix("gc")
    assert Path(place).exists()
    kernix.configure("[gc.keep]\nsource = 0\n")
    kernix("gc")
    assert not Path(place).exists()


def test_an_intact_store(kernix: CommandLine, hello: Path) -> None:
    """For an intact store nothing is printed on stdout."""
    kernix("build", "-f", hello, "hello")
    ran = kernix("verify", "--contents")
    assert (0, "", "the store is intact\n") == (ran.code, ran.out, ran.err)


def test_a_changed_file_is_named_and_repaired(kernix: CommandLine, hello: Path) -> None:
    """A flipped bit is found, its file named, and the object dropped on demand, so that it is built again."""
    place = Path(kernix("build", "-f", hello, "hello").lines[0])
    place.chmod(0o644)
    place.write_text("hellO world\n")
    ran = kernix("verify", "--contents")
    assert (1, True) == (ran.code, f"{place.name}: " in ran.out)
    assert f"{place.name}: forgotten" in kernix("verify", "--contents", "--repair").lines
    assert [str(place)] == kernix("build", "-f", hello, "hello").lines
    assert "hello world\n" == place.read_text()


def test_a_lost_database_is_made_again(kernix: CommandLine, hello: Path) -> None:
    """`--rebuild` rebuilds the database from the objects and the journal; no result is lost."""
    place = kernix("build", "-f", hello, "hello").lines[0]
    for file in kernix.home.glob("db.sqlite*"):
        file.unlink()
    ran = kernix("verify", "--rebuild")
    assert (0, "recovered 2 objects and 2 results") == (ran.code, ran.lines[-1])
    again = kernix("build", "-f", hello, "hello")
    assert ([place], "") == (again.lines, again.err)


def test_objects_deleted_from_the_disk_are_made_again(kernix: CommandLine, hello: Path) -> None:
    """A result and a source that were deleted by hand are made again by the same commands."""
    source = kernix.write("tree/file", "content")
    for words in (["build", "-f", str(hello), "hello", "other"], ["add", str(source.parent)]):
        before = [Path(line) for line in kernix(*words).lines]
        remove_tree(before[0])
        assert before == [Path(line) for line in kernix(*words).lines]
        assert all(place.exists() for place in before)


def test_a_deleted_object_is_reported(kernix: CommandLine) -> None:
    """A verb that needs a deleted object reports it, and `verify --repair` drops it."""
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
def test_every_verb_reports_a_damaged_database(
    kernix: CommandLine, hello: Path, damage: Callable[[Path], None]
) -> None:
    """Every verb that finds a damaged database names the command that rebuilds it, which recovers the results."""
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
        ran = kernix(*words)  # some verbs do not read a single damaged row
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
def test_a_valid_name_is_suggested(kernix: CommandLine, name: str, fitting: str) -> None:
    """For a file name that is not valid for an object, a valid one is suggested."""
    kernix.write(f"./{name}", "x")
    ran = kernix("add", f"./{name}")
    assert (1, True, False) == (ran.code, f"`--name {fitting}`" in ran.err, "\x1b" in ran.err)
    assert kernix("add", f"./{name}", "--name", fitting).lines[0].endswith(f"-{fitting}")


def test_adding_the_directory_above(kernix: CommandLine) -> None:
    """`.` and `..` get the names of the directories that they resolve to."""
    (kernix.work / "inner").mkdir()
    os.chdir(kernix.work / "inner")
    assert [True, True] == [
        kernix("add", place).lines[0].endswith(f"-{name}") for place, name in ((".", "inner"), ("..", "work"))
    ]


def test_roots_as_json(kernix: CommandLine) -> None:
    """`roots --json` is `roots list --json`, wherever the option is; verbs without JSON reject it."""
    (kernix.work / "link").symlink_to(kernix("add", kernix.write("file", "x")).lines[0])
    kernix("roots", "add", "link")
    wanted = kernix("roots", "list", "--json").json
    assert [wanted, wanted] == [kernix("roots", "--json").json, kernix("roots", "--json", "list").json]
    assert kernix("roots", "--json", "remove", "link").code == 2
    assert wanted == kernix("roots", "--json").json


def test_odd_things_among_the_roots(kernix: CommandLine) -> None:
    """Entries that are not roots are neither shown nor removed, and do no harm."""
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


def test_an_unreadable_root(kernix: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The target of a root that cannot be read now, such as on a failing disk, is not collected."""
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


@pytest.mark.parametrize(
    "words",
    [["verify"], ["verify", "--rebuild"], ["gc"], ["gc", "--dry-run"]],
    ids=["verify", "rebuild", "gc", "dry-run"],
)
def test_waiting_for_a_collection_is_reported(kernix: CommandLine, words: list[str]) -> None:
    """Whoever waits for a collection says so, and goes on after it."""
    hello = kernix.write("hello", "hello")
    assert kernix("add", hello).code == 0
    command = [sys.executable, "-m", "kernix", *words]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    with permanent_lock(kernix.home / "locks" / "collector"):
        process = subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stderr is not None
        assert process.stderr.readline().startswith("waiting for ")
    process.communicate()
    assert process.returncode == 0


def test_damage_is_reported_without_escape_sequences(kernix: CommandLine) -> None:
    """That files turned out to be damaged, and what to do about it, is said in characters only."""
    hello = kernix.write("hello", "hello")
    assert kernix("add", hello).code == 0
    damaged = kernix.home / "pool/damaged"
    damaged.mkdir()
    (damaged / ("0" * 64)).touch()
    said = kernix("add", hello).err.splitlines()
    assert [line.partition(" ")[0] for line in said] == ["warning:", "hint:"]
