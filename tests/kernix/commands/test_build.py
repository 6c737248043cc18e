"""`kernix build`: paths on stdout, links, everything else on stderr."""

from __future__ import annotations

import json
import os
import shlex
import sys

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kernels import kernel_set
from store.local import Store
from tests.fakes import fake_lock
from tests.kernix.conftest import PROJECT
from tests.terminal import User


if TYPE_CHECKING:
    from tests.kernix.conftest import CommandLine


def test_paths_are_all_that_stdout_gets(kernix: CommandLine, hello: Path) -> None:
    """Building prints the path of each result, one per line, in the requested order."""
    ran = kernix("build", "-f", hello, "other", "hello")
    assert (0, ["something else\n", "hello world\n"]) == (ran.code, [_read(line) for line in ran.lines])


def test_progress_is_on_stderr(kernix: CommandLine, hello: Path) -> None:
    """Without a terminal each phase gets a plain line, except for quick ones."""
    lines = kernix("build", "-f", hello, "hello").err.splitlines()
    assert ["1 derivation to build, 0 already built"] == lines


def test_a_built_result_is_not_built_again(kernix: CommandLine, hello: Path) -> None:
    """The second build is silent and prints the same paths."""
    first = kernix("build", "-f", hello, "hello")
    second = kernix("build", "-f", hello, "hello")
    assert (0, first.out, "") == (second.code, second.out, second.err)


def test_links_lead_to_results_and_keep_them(kernix: CommandLine, hello: Path) -> None:
    """`result` and `result-2` point to the results, and the collector keeps these."""
    ran = kernix("build", "-f", hello, "hello", "other")
    assert ran.lines == [str((kernix.work / name).readlink()) for name in ("result", "result-2")]
    (kernix.work / "result-2").unlink()
    kernix("gc")
    assert [True, False] == [(kernix.home / "store" / line).exists() for line in ran.lines]


def test_a_link_can_be_elsewhere(kernix: CommandLine, hello: Path) -> None:
    """`-o` names the link."""
    ran = kernix("build", "-f", hello, "hello", "-o", "mine")
    assert (ran.lines[0], False) == (str((kernix.work / "mine").readlink()), (kernix.work / "result").is_symlink())


def test_links_can_be_left_out(kernix: CommandLine, hello: Path) -> None:
    """With `--no-link` there is no link, and nothing keeps the result."""
    ran = kernix("build", "-f", hello, "hello", "--no-link")
    kernix("gc")
    assert ([], False) == (
        [it.name for it in kernix.work.iterdir() if it.is_symlink()],
        (kernix.home / ran.lines[0]).exists(),
    )


def test_a_deleted_link_is_made_again(kernix: CommandLine, hello: Path) -> None:
    """A result that exists may lack its link."""
    first = kernix("build", "-f", hello, "hello")
    (kernix.work / "result").unlink()
    assert first.out == kernix("build", "-f", hello, "hello").out
    assert first.lines[0] == str((kernix.work / "result").readlink())


def test_a_link_that_is_not_a_root_becomes_one(kernix: CommandLine, hello: Path) -> None:
    """A link to the result that was removed from the roots is registered again."""
    kernix("build", "-f", hello, "hello")
    kernix("roots", "remove", "result")
    kernix("build", "-f", hello, "hello")
    assert 1 == len(kernix("roots").lines)


def test_a_link_to_another_result_is_switched(kernix: CommandLine, hello: Path) -> None:
    """`result` points to the latest build."""
    kernix("build", "-f", hello, "hello", "other")
    ran = kernix("build", "-f", hello, "other")
    assert ran.lines[0] == str((kernix.work / "result").readlink())


def test_something_else_in_the_links_place_is_an_error(kernix: CommandLine, hello: Path) -> None:
    """A file called `result` stops the build before it begins."""
    (kernix.work / "result").write_text("precious")
    ran = kernix("build", "-f", hello, "hello")
    assert (1, "", "precious") == (ran.code, ran.out, (kernix.work / "result").read_text())
    assert "result" in ran.err.splitlines()[0]


def test_a_collected_result_is_built_again(kernix: CommandLine, hello: Path) -> None:
    """A collected result is built again, with the same path."""
    first = kernix("build", "-f", hello, "hello", "--no-link")
    kernix("gc")
    second = kernix("build", "-f", hello, "hello", "--no-link")
    assert (first.out, "hello world\n") == (second.out, _read(second.lines[0]))


def test_json_names_attribute_and_outputs(kernix: CommandLine, hello: Path) -> None:
    """`--json` prints what was built as JSON."""
    path = kernix("build", "-f", hello, "hello").lines[0]
    expected = [{"attribute": "hello", "name": "hello", "outputs": {"out": path}, "status": "present"}]
    assert expected == kernix("build", "-f", hello, "hello", "--json").json


def test_json_says_how_each_result_came_about(kernix: CommandLine, scripts: Path) -> None:
    """The status is `built`, `reused` if only the definition is new, and `present` if not even that."""
    same = kernix.write(
        "same.py", f"{scripts.read_text()}\nagain = script('fine', 'echo one; echo two; echo done > /out/out')\n"
    )
    tree = "tree = script('tree', 'echo 1 > /out/out{}')\nuser = script('user', 'echo > /out/out')\n"
    user = "import attrs\nuser = attrs.evolve(user, mounts={**user.mounts, '/tree': tree.out})\n"
    for name, more in {"a": "", "b": "; :"}.items():
        kernix.write(f"{name}.py", scripts.read_text() + tree.format(more) + user)

    def statuses(*words: str | Path) -> list[str]:
        return [it["status"] for it in kernix("build", "--no-link", "--json", *words).json]

    assert ["built", "built"] == statuses("-f", same, "fine", "two")
    assert ["present", "present"] == statuses("-f", same, "again", "two")
    assert (["built"], ["reused"]) == (statuses("-f", "a.py", "user"), statuses("-f", "b.py", "user"))


def test_a_reused_builtin_that_was_requested_is_reported(kernix: CommandLine) -> None:
    """Of the reused builtins, the requested one gets a line: it is what the user wants to know about."""
    text = """
from derivations.source import text_file
from derivations.union import union

same = union("joined", [union("part{}", [], layout)])
"""
    layout = "from derivations.union import UnionLayout\nlayout = UnionLayout(files={'a': 'b'})\n"
    for name in ("1", "2"):
        kernix.write(f"part{name}.py", layout + text.format(name))
    kernix("build", "-f", "part1.py", "same")
    assert (
        "reused joined: same inputs as an earlier build" in kernix("build", "-f", "part2.py", "same").err.splitlines()
    )


def test_a_dry_run_builds_nothing(kernix: CommandLine, hello: Path) -> None:
    """`--dry-run` shows what would be built, and makes neither object nor link."""
    ran = kernix("build", "-f", hello, "hello", "--dry-run")
    assert (0, ["1 derivation would be built:", "  hello  write hello"]) == (ran.code, ran.lines)
    assert (False, False) == (kernix.home.exists(), (kernix.work / "result").is_symlink())


def test_a_users_own_link_is_kept(kernix: CommandLine, hello: Path) -> None:
    """A link of the user's in the place of a result is not replaced, and is an error before the build."""
    (kernix.work / "result").symlink_to("/etc/hostname")
    for more in ([], ["-o", "gone/x"]):
        ran = kernix("build", "-f", hello, "hello", *more)
        assert (1, False) == (ran.code, kernix.home.exists())
    assert "/etc/hostname" == str((kernix.work / "result").readlink())
    kernix("build", "-f", hello, "hello", "-o", "mine")
    kernix("build", "-f", hello, "other", "-o", "mine")
    assert (kernix.work / "mine").read_text() == "something else\n"


def test_a_dry_run_with_nothing_to_do(kernix: CommandLine, hello: Path) -> None:
    """A dry run reports that everything is already built."""
    kernix("build", "-f", hello, "hello")
    assert ["nothing to build: everything is already built"] == kernix("build", "-f", hello, "hello", "--dry-run").lines


def test_a_dry_run_says_what_is_certain(kernix: CommandLine) -> None:
    """What is built for certain, what is certainly reused, and what depends on how its inputs come out are apart."""
    text = """
from derivations.source import text_file
from derivations.union import UnionLayout, union

part = union("part", [], UnionLayout(files={{"a": {0!r}}}))
middle = union("middle{1}", [part])
whole = union("whole", [middle])
"""
    kernix.write("old.py", text.format("x", ""))
    kernix.write("new.py", text.format("y", ""))
    kernix.write("renamed.py", text.format("x", "-2"))
    kernix.write("other.py", text.format("x", "").replace('union("whole"', 'union("unheard-of"'))
    kernix("build", "-f", "old.py", "whole", "--no-link")

    assert [
        "1 derivation would be built:",
        "  part  join part",
        "2 derivations would be built, or reused if their inputs come out as in earlier builds:",
        "  middle  join middle  needs part",
        "  whole   join whole   needs middle",
    ] == kernix("build", "-f", "new.py", "whole", "--dry-run").lines
    found = kernix("build", "-f", "new.py", "whole", "--dry-run", "--json").json
    assert [("part", True, []), ("middle", False, ["part"]), ("whole", False, ["middle"])] == [
        (it["name"], it["certain"], it["needs_unknown"]) for it in found["build"]
    ]
    assert ["1 derivation would be built:", "  unheard-of  join unheard-of"] == kernix(
        "build", "-f", "other.py", "whole", "--dry-run"
    ).lines
    kernix("build", "-f", "renamed.py", "middle", "--no-link")
    assert ["1 derivation would be reused: same inputs as an earlier build:", "  whole  join whole"] == kernix(
        "build", "-f", "renamed.py", "whole", "--dry-run"
    ).lines


@pytest.mark.usefixtures("lock")
def test_a_dry_run_of_a_kernel(kernix: CommandLine) -> None:
    """A dry run shows a kernel's inputs with their download sizes, without any network."""
    ran = kernix("build", "linux_micro", "--dry-run")
    assert (0, True) == (ran.code, "derivations would be fetched (" in ran.lines[0])
    plan = kernix("build", "linux_micro", "--dry-run", "--json").json
    assert "linux-micro-6.12.43" == plan["build"][-1]["name"]


def test_outputs_are_built_by_name(kernix: CommandLine, scripts: Path) -> None:
    """`two.dev` is the output `dev` of `two`, linked as `result-dev`."""
    ran = kernix("build", "-f", scripts, "two", "two.dev")
    assert ["out\n", "dev\n"] == [_read(line) for line in ran.lines]
    assert ran.lines == [str((kernix.work / name).readlink()) for name in ("result", "result-dev")]


def test_a_failed_builder(kernix: CommandLine, scripts: Path) -> None:
    """A failure is reported with the last lines and the log command, exit code 100."""
    ran = kernix("build", "-f", scripts, "broken")
    lines = ran.err.splitlines()
    assert (100, "") == (ran.code, ran.out)
    start = next(i for i, line in enumerate(lines) if line.startswith("error: building broken failed"))
    assert ["       the builder's last output:", "       > before", "       >   something is missing"] == lines[
        start + 1 : start + 4
    ]
    assert f"hint: `kernix log -f {shlex.quote(str(scripts))} broken` prints the whole log" == lines[start + 4]


def test_the_hint_uses_the_users_name(kernix: CommandLine, scripts: Path) -> None:
    """With several attributes the hint names the one that needs the failed derivation, and its options."""
    ran = kernix("build", "-f", scripts, "--system", "aarch64-linux", "fine", "needs_broken")
    assert f"hint: `kernix log -f {shlex.quote(str(scripts))} --system aarch64-linux needs_broken` prints" in ran.err


def test_keep_going(kernix: CommandLine, scripts: Path) -> None:
    """With `--keep-going` a failure stops only its dependents."""
    ran = kernix("build", "-f", scripts, "needs_broken", "fine", "--keep-going")
    assert (100, True, True) == (
        ran.code,
        "skipped needs-broken: it needs broken" in ran.err,
        "built fine in" in ran.err,
    )


def test_a_builder_that_takes_too_long(kernix: CommandLine, scripts: Path) -> None:
    """A builder is stopped after `--timeout`, exit code 101."""
    assert 101 == kernix("build", "-f", scripts, "slow", "--timeout", "0.2s").code


def test_the_configuration_is_used(kernix: CommandLine, scripts: Path) -> None:
    """Settings of the configuration file apply unless an option overrides them."""
    kernix.configure('timeout = "0.2s"')
    assert 101 == kernix("build", "-f", scripts, "slow").code


@pytest.mark.parametrize("option", ["--timeout", "--max-silent-time"])
def test_an_option_lifts_the_limit_of_the_configuration(kernix: CommandLine, scripts: Path, option: str) -> None:
    """0 means no limit, even if the configuration has one."""
    kernix.configure(f'{option.removeprefix("--").replace("-", "_")} = "0.01s"')
    build = ("build", "-f", scripts, "nap")
    assert (101, 0) == (kernix(*build).code, kernix(*build, option, "0").code)


def test_an_invalid_configuration_is_reported(kernix: CommandLine, hello: Path) -> None:
    """A mistake in the configuration file ends the run before anything is built."""
    file = kernix.configure("job = 3")
    ran = kernix("build", "-f", hello, "hello")
    assert (1, f"error: {file}: unknown setting `job`, did you mean `jobs`?\n") == (ran.code, ran.err)


@pytest.mark.parametrize(
    ("attribute", "hint"),
    [
        pytest.param("helo", "did you mean `hello`?", id="unknown"),
        pytest.param("hello.dev", "it has out", id="no-output"),
    ],
)
def test_unknown_attributes(kernix: CommandLine, hello: Path, attribute: str, hint: str) -> None:
    """An unknown attribute is reported with a suggestion, exit code 2."""
    ran = kernix("build", "-f", hello, attribute)
    error, *hints = ran.err.splitlines()
    assert (2, True, [f"hint: {hint}"]) == (ran.code, f"`{attribute}`" in error, hints)


@pytest.mark.parametrize(
    ("attribute", "kind", "hint"),
    [
        pytest.param("not_to_build", "int", "", id="number"),
        pytest.param("text_file", "function", "", id="function"),
        pytest.param("values.x", "int", "", id="inside-a-dict"),
        pytest.param("values", "dict", "hint: it has `values.x`\n", id="dict"),
    ],
)
def test_values_that_are_not_kernels(kernix: CommandLine, hello: Path, attribute: str, kind: str, hint: str) -> None:
    """A top-level value of the file that cannot be built is named with its type, exit code 2."""
    hello.write_text(hello.read_text() + "values = {'x': 1}\n")
    ran = kernix("build", "-f", hello, attribute)
    sentence = f"error: `{attribute}` is not a kernel or a derivation ({kind})\n{hint}"
    assert (2, "", sentence) == (ran.code, ran.out, ran.err)


PRINTS = """
import os, subprocess, sys
from derivations.source import text_file

def say(text):
    print(text)
    sys.stdout.write(f"{text} again\\n")
    subprocess.run(["echo", f"{text} from a program"], check=True)

say("file")

def overlay(final, prev):
    say("overlay")
    return {"lazy": lambda: say("thunk") or text_file("lazy", "lazy\\n")}
"""


@pytest.mark.parametrize("verb", [("build", "--json", "lazy"), ("list", "--json")], ids=["build", "list"])
def test_output_of_a_file_goes_to_stderr(kernix: CommandLine, verb: tuple[str, ...]) -> None:
    """Whatever a definition or a program that it runs prints, stdout has only the result."""
    file = kernix.write("prints.py", PRINTS)
    ran = kernix.process(*verb, "-f", file)
    assert (ran.returncode, "lazy" in {it["attribute"] for it in json.loads(ran.stdout)}) == (0, True)
    for text in ("file", "overlay", "thunk"):
        assert f"{text}\n{text} again\n{text} from a program\n" in ran.stderr


def test_a_users_mistake_is_shown_with_the_users_lines(kernix: CommandLine) -> None:
    """An import error in a user's file is shown with that file's line and none of ours."""
    file = kernix.write("mine.py", "x = 1\nimport no_such_module\n")
    ran = kernix("build", "-f", file, "x")
    assert (1, True, False) == (
        ran.code,
        f'File "{file}", line 2' in ran.err,
        "kernix/" in ran.err.replace(str(kernix.top), ""),
    )
    assert f"error: {file}: ModuleNotFoundError: No module named 'no_such_module'" == ran.err.splitlines()[0]


def test_a_missing_file(kernix: CommandLine) -> None:
    """A file that cannot be read is reported."""
    ran = kernix("build", "-f", "absent.py", "x")
    assert (1, "error: cannot read absent.py") == (ran.code, ran.err.split(":", 2)[0] + ":" + ran.err.split(":", 2)[1])


@pytest.mark.usefixtures("lock")
def test_an_unknown_argument_is_reported_with_its_line(kernix: CommandLine) -> None:
    """An unknown argument of `override` is reported with the user's line and a suggestion."""
    file = kernix.write(
        "mine.py", "from kernels import kernel_set\n\nx = kernel_set().linux_6_12.override(patchs=[])\n"
    )
    ran = kernix("build", "-f", file, "x", "--dry-run")
    assert (2, True, True) == (ran.code, f"in {file}, line 3" in ran.err, "did you mean `patches`?" in ran.err)


OVERLAY = """
def overlay(final, prev):
    return {"linux_kgdb": lambda: prev.linux_6_12.override(name="linux-kgdb")}
"""


@pytest.mark.usefixtures("lock")
@pytest.mark.parametrize("how", ["-f", "--overlay", "configured"])
def test_overlays_add_to_the_set(kernix: CommandLine, how: str) -> None:
    """An overlay from a file, an option, or the user's directory is applied to the bundled set."""
    file = kernix.write("mine.py", OVERLAY)
    if how == "configured":
        (kernix.config / "overlays").mkdir(parents=True)
        file.rename(kernix.config / "overlays/mine.py")
    words = [how, str(file)] if how != "configured" else []
    ran = kernix("build", *words, "linux_kgdb", "--dry-run", "--json")
    assert (0, True) == (ran.code, ran.json["build"][-1]["name"].startswith("linux-kgdb-6.12"))


@pytest.mark.usefixtures("lock")
def test_a_bundled_overlay_is_called_by_its_name(kernix: CommandLine) -> None:
    """`--overlay debug` applies the bundled overlay."""
    plain = kernix("build", "linux_micro", "--dry-run", "--json").json
    debug = kernix("build", "--overlay", "debug", "linux_micro", "--dry-run", "--json").json
    assert [False, True] == [
        "KGDB" in kernix("show", *more, "linux_micro", "--json").json["config"] for more in ([], ["--overlay", "debug"])
    ]
    assert plain["build"][-1]["key"] != debug["build"][-1]["key"]


def test_an_unknown_overlay(kernix: CommandLine) -> None:
    """An overlay that is neither a file nor bundled is an error that lists the bundled ones."""
    ran = kernix("list", "--overlay", "debugg")
    assert (1, True) == (ran.code, "did you mean `debug`?" in ran.err)


def test_offline_makes_no_lock(kernix: CommandLine) -> None:
    """Without a lock and without network there is no toolchain, and the error names the command that creates a lock."""
    ran = kernix("build", "linux_micro", "--offline")
    lock = kernix.config / "kernix.lock"
    assert (1, False) == (ran.code, lock.exists())
    assert f"error: there is no lock at {lock}" == ran.err.splitlines()[0]


def test_a_store_of_a_later_kernix(kernix: CommandLine, hello: Path) -> None:
    """A store of a newer format is not touched."""
    kernix("build", "-f", hello, "hello")
    (kernix.home / "version").write_text("99\n")
    ran = kernix("build", "-f", hello, "hello")
    assert (1, True) == (ran.code, "'99'" in ran.err)


def test_a_damaged_database_is_reported(kernix: CommandLine, hello: Path) -> None:
    """A file that is not a database is reported with the command that rebuilds it, which works."""
    path = kernix("build", "-f", hello, "hello").lines[0]
    for file in kernix.home.glob("db.sqlite*"):
        file.unlink()
    (kernix.home / "db.sqlite").write_bytes(b"nonsense" * 1000)
    ran = kernix("build", "-f", hello, "hello")
    assert (1, True) == (ran.code, "`kernix verify --rebuild`" in ran.err)
    assert 0 == kernix("verify", "--rebuild").code
    assert [path] == kernix("build", "-f", hello, "hello").lines


def _read(place: str) -> str:
    return Path(place).read_text()


def test_what_a_kernel_compiled(kernix: CommandLine, scripts: Path) -> None:
    """A line says what was compiled, `--json` has it once, and a result that is already built has nothing of it."""
    hints = 'hints=Hints(object_tree="x86")'
    text = scripts.read_text().replace("import Derivation", "import Derivation, Hints")
    command = """echo "  CC      a.o"; echo done > /out/out"""
    scripts.write_text(f"{text}\nlinux = script('linux-1', {command!r}, {hints})\n")
    first = kernix("build", "-f", scripts, "linux", "--clean", "--json")

    assert "linux-1: compiled all 1 object" in first.err.splitlines()
    assert first.json[0]["compiled"] == {
        "compiled": 1, "total": 1, "tree": None, "age": None, "borrowed": {}, "refused": None, "kept": False, "lost": None,
        "cached": None,
    }  # fmt: skip
    assert "compiled" not in kernix("build", "-f", scripts, "linux", "--json").json[0]


def test_nothing_to_build_is_said_on_a_terminal(kernix: CommandLine, hello: Path) -> None:
    """A user who watches reads that nothing was to be built; a log stays silent."""
    kernix("build", "-f", hello, "hello")
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), "TERM": "xterm"}
    user = User.sit_down([sys.executable, "-m", "kernix", "build", "-f", hello, "hello"], environment)
    try:
        user.see("nothing to build: everything is already built")
    finally:
        user.leave()


@pytest.mark.usefixtures("lock")
def test_nothing_to_build_is_said_from_memory(kernix: CommandLine) -> None:
    """An answer that is remembered says so, too."""
    source = kernix.write("kernel", "")
    with Store.open(kernix.home) as store:
        key = kernel_set(lock=fake_lock()).linux_micro.derivation.key
        store.record([(key, "out", store.add(source, "linux-micro-6.12.43"))])
    kernix.process("build", "linux_micro")
    assert [*(kernix.home / "cache/answers").iterdir()]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), "TERM": "xterm"}
    user = User.sit_down([sys.executable, "-m", "kernix", "build", "linux_micro"], environment, cwd=kernix.work)
    try:
        user.see("nothing to build: everything is already built")
    finally:
        user.leave()
