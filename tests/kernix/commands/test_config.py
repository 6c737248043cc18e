"""`kernix config …`, as far as it needs none of the kernel's programs; the rest is in tests/test_real_config.py."""

from __future__ import annotations

import json
import shlex

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from derivations.context import Context, using
from derivations.frozen_map import FrozenMap
from derivations.hardware.makefiles.kbuild_map import Kbuild, kbuild_map
from derivations.hardware.snapshot import Fact, FactKind, Snapshot
from derivations.kconfig.language.fragment import Fragment
from derivations.kconfig.language.values import NO, YES
from kernels import kernel_set
from store.local import Store
from tests.fakes import fake_lock


if TYPE_CHECKING:
    from collections.abc import Mapping

    from derivations.derivation import Output
    from derivations.linux.kernel import Kernel
    from tests.kernix.conftest import CommandLine


MINE = """
from derivations import *
from kernels import kernel_set

kernels = kernel_set()
plain = kernels.linux_micro.override(extra_config=lambda old: {})
mine = plain.override(
    extra_config={
        "NET": YES,
        "TINY": optional(YES),
        "LOST": YES,
        "RAW_DRIVER": NO, "FROBNICATE": NO, "CRUFT": optional(NO),
    },
)
"""
BEGUN = """
begun = plain.override(base="b.config")
strict = plain.override(base="b.config", strict_base=True)
"""

BASE = "CONFIG_NET=y\nCONFIG_GONE=y\nCONFIG_NAME = x\n"

HEAD = "#\n# Automatically generated file; DO NOT EDIT.\n# Linux/{arch} {version} Kernel Configuration\n#\n"


def option(name: str, prompt: str = "", kind: str = "bool", **more: Any) -> dict[str, Any]:  # noqa: ANN401 -- JSON
    """Return the JSON of an option."""
    prompts = [{"text": prompt, "menus": ["Networking"]}] if prompt else []
    definition = {"file": "net/Kconfig", "line": 7}
    empty: dict[str, list[object]] = {key: [] for key in ("defaults", "selects", "implies", "ranges")}
    return {"name": name, "type": kind, "prompts": prompts, "definitions": [definition], **empty, **more}


def model(folder: Path, *options: dict[str, Any], version: str) -> Path:
    """Write a resolver's output with a model of *options* below *folder*, and return it."""
    place = folder / f"resolver-{version}"
    (place / "model").mkdir(parents=True)
    lines = [json.dumps(it) + "\n" for it in sorted(options, key=lambda it: it["name"])]
    starts = [sum(map(len, lines[:number])) for number in range(len(lines))]
    files = {
        "about": json.dumps({"arch": "x86_64", "srcarch": "x86", "version": version}),
        "symbols": "".join(lines),
        "index": "".join(f"{json.loads(it)['name']} {start}\n" for it, start in zip(lines, starts, strict=True)),
        "choices": "",
        "elsewhere": "ARM64_PAN arch/arm64/Kconfig:12\n",
        "common": "",
    }
    for name, text in files.items():
        (place / "model" / name).write_text(text)
    return place


class Fakes:
    """A store with resolved configurations of kernels."""

    def __init__(self, kernix: CommandLine) -> None:
        """Fill the store of *kernix*."""
        self._folder = kernix.top / "fakes"
        self._folder.mkdir()
        self._store = Store.open(kernix.home)

    def put(self, output: Output, content: Path | str | bytes) -> None:
        """Register *content* as the object of *output*."""
        place = content if isinstance(content, Path) else self._folder / output.derivation.key.hex()
        if not isinstance(content, Path):
            place.write_bytes(content if isinstance(content, bytes) else content.encode())
        self._store.record([(output.derivation.key, output.name, self._store.add(place, output.derivation.name))])

    def kernel(
        self, kernel: Kernel, program: Path, values: Mapping[str, str], base: str = "# CONFIG_NET is not set\n"
    ) -> None:
        """Register *values* as what the *program* resolves for *kernel* over the *base*."""
        self.put(kernel.resolver.out, program)
        lines = "".join(f"CONFIG_{name}={it.split(' ', 2)[2]}\n" for name, it in values.items())
        self.put(kernel.resolved.output("out"), HEAD.format(arch="x86_64", version=kernel.version) + lines)
        self.put(kernel.resolved.output("values"), "".join(f"{name} {it}\n" for name, it in values.items()))
        self.put(kernel.base_config, base)
        kbuild = Kbuild(objects=FrozenMap({"net/socket.o": ((("NET",),),)}), parts={}, directories={}, includes={})
        self.put(kbuild_map(kernel.tree, "x86").out, kbuild.to_json())

    @property
    def folder(self) -> Path:
        """Return a directory to write to."""
        return self._folder

    def close(self) -> None:
        """Close the store."""
        self._store.close()


OPTIONS = (
    option("NET", "Networking support", help="Say Y."),
    option("INET", "TCP/IP networking", depends="NET", defaults=[{"value": {"value": "y"}}]),
    option("TINY", "Tiny", depends=["!", "NET"]),
    option("NAME", "A name", kind="string"),
)
"""The options of 6.12; 6.1 has LOST as well."""


@pytest.fixture
def mine(kernix: CommandLine, lock: Path) -> Path:
    """Return a user's file with resolved kernels: `plain`, `mine`, and `linux_debian_6_1` of the bundled set."""
    assert lock.exists()
    fakes = Fakes(kernix)
    pinned = fake_lock()
    with using(Context(lock=lambda: pinned)):
        kernels = kernel_set()
        plain = kernels["linux_micro"].override(extra_config=lambda _: {})
        off_anyway = dict.fromkeys(("RAW_DRIVER", "FROBNICATE", "CRUFT"), NO)
        asked = Fragment("mine", {"NET": YES, "TINY": YES, "LOST": YES, **off_anyway})
        program = model(fakes.folder, *OPTIONS, version=plain.version)
        off = {"NET": "2 1 n", "INET": "0 0 n", "TINY": "2 1 n", "NAME": '2 1 "micro'}
        on = {"NET": "2 1 y", "INET": "2 1 y", "TINY": "0 0 n", "NAME": '2 1 "micro'}
        fakes.kernel(plain, program, off)
        fakes.kernel(plain.override(extra_config=asked), program, on)
        base = kernix.write("b.config", BASE)
        fakes.kernel(plain.override(base=base), program, off, BASE)
        old = kernels["linux_debian_6_1"]
        older = model(fakes.folder, *OPTIONS, option("LOST", "Lost"), version=old.version)
        fakes.kernel(old, older, {**off, "LOST": "2 1 y"})
    fakes.close()
    return kernix.write("mine.py", MINE)


def test_check(kernix: CommandLine, mine: Path) -> None:
    """A request that does not hold is reported with reason and place; unless it is optional, it is an error."""
    ran = kernix("config", "check", "-f", mine, "mine")
    assert (1, "error: 1 option does not have the value that `mine` requests: LOST") == (
        ran.code,
        ran.err.splitlines()[0],
    )
    assert any(it.startswith("unknown: LOST: ") and "(extra_config, mine.py:11)" in it for it in ran.lines)
    assert any(it.startswith("blocked: TINY: ") and "(extra_config, mine.py:10)" in it for it in ran.lines)
    assert not [it for it in ran.lines if it.startswith("held: NET")]
    assert [it for it in kernix("config", "check", "-f", mine, "mine", "--all").lines if it.startswith("held: NET")]


def test_check_lists_requests_that_do_nothing(kernix: CommandLine, mine: Path) -> None:
    """`NO` for an option that does not exist holds, but may mean another one: it is listed, unless it is optional."""
    held = [it for it in kernix("config", "check", "-f", mine, "mine").lines if it.startswith("held: ")]
    assert ["held: FROBNICATE: requested n", "held: RAW_DRIVER: requested n"] == [it.partition(" (")[0] for it in held]
    assert held[0].endswith(" has no such option")


def test_hints_repeat_the_selection(kernix: CommandLine, mine: Path) -> None:
    """A command in a hint has the options that select the kernel."""
    ran = kernix("config", "check", "-f", mine, "mine")
    assert f"hint: `kernix config fix -f {shlex.quote(str(mine))} mine` looks" in ran.err
    assert "`kernix list`" in kernix("config", "check", "--overlay", "debug", "7.99").err.replace(
        " --overlay debug", ""
    )


def test_check_as_data(kernix: CommandLine, mine: Path) -> None:
    """As JSON, every request has its outcome."""
    found = {it["option"]: it["outcome"] for it in kernix("config", "check", "-f", mine, "mine", "--json").json}
    assert {"NET": "held", "TINY": "blocked", "LOST": "unknown"}.items() <= found.items()


def test_check_when_everything_holds(kernix: CommandLine, mine: Path) -> None:
    """If every request holds, the exit code is 0."""
    assert 0 == kernix("config", "check", "-f", mine, "plain").code


def test_check_of_a_base(kernix: CommandLine, mine: Path) -> None:
    """Lines of a base that do not hold are listed, and are an error with a strict base."""
    begun = kernix.write("begun.py", MINE + BEGUN)
    assert mine.exists()
    ran = kernix("config", "check", "-f", begun, "begun")
    assert 0 == ran.code
    assert "line 3: 'CONFIG_NAME = x': write" in ran.out
    assert "unknown: GONE: requested y (b.config:2)" in ran.out
    assert "NET: requested y (b.config:1), got n" in ran.out
    assert [("GONE", "b.config"), ("NET", "b.config"), (None, "b.config")] == sorted(
        (
            (it.get("option"), it["base"])
            for it in kernix("config", "check", "-f", begun, "begun", "--json").json
            if "base" in it
        ),
        key=str,
    )
    ran = kernix("config", "check", "-f", begun, "strict")
    assert (1, "error: 3 lines of b.config do not hold, and `strict` has a strict base") == (
        ran.code,
        ran.err.splitlines()[0],
    )


def test_a_remark_on_a_base_is_made_once(kernix: CommandLine, mine: Path) -> None:
    """A warning about a base is printed once, however many kernels use it."""
    assert mine.exists()
    kernix.write("c.config", "#CONFIG_NET=y\n")
    several = 'one = plain.override(base="c.config")\ntwo = plain.override(base="c.config")\n'
    ran = kernix("list", "-f", kernix.write("several.py", MINE + several))
    assert 1 == ran.err.count("#CONFIG_NET=y")


@pytest.mark.usefixtures("lock")
def test_check_of_a_tree_of_another_version(kernix: CommandLine) -> None:
    """Requests are reported, and then a `version` that is not the tree's is an error that says what to write."""
    fakes, pinned = Fakes(kernix), fake_lock()
    with using(Context(lock=lambda: pinned)):
        plain = kernel_set()["linux_micro"].override(extra_config=lambda _: {})
        older = plain.override(version="6.12.1")
        fakes.kernel(older, model(fakes.folder, *OPTIONS, version=plain.version), {"NET": "2 1 n"})
    fakes.close()
    file = kernix.write("older.py", MINE + 'older = plain.override(version="6.12.1")\n')
    ran = kernix("config", "check", "-f", file, "older")
    assert "3 requests: 2 held, 1 unknown" in ran.out
    assert (100, f'hint: write version="{plain.version}"') == (ran.code, ran.err.splitlines()[-1])


@pytest.mark.usefixtures("lock")
def test_show_counts_the_modules_of_a_trim(kernix: CommandLine) -> None:
    """For a kernel with `only_hardware`, dropped and kept modules are counted once its configuration is made."""
    machine = Snapshot.of([Fact(FactKind.MODULE, "ext4")], "laptop")
    kernix.write("laptop.json", machine.to_json().decode())
    trimmed = 'small = plain.override(hardware="laptop.json", only_hardware=True, keep_modules=["zram"])\n'
    file = kernix.write("small.py", MINE + trimmed)
    ran = kernix("show", "-f", file, "small")
    assert f"unknown until `kernix config check -f {file} small` has run" in ran.out
    assert {"dropped": None, "kept": None, "keep_modules": ["zram"]} == kernix(
        "show", "--json", "-f", file, "small"
    ).json["trim"]
    assert "trim" not in kernix("show", "--json", "-f", file, "plain").json

    fakes, pinned = Fakes(kernix), fake_lock()
    with using(Context(lock=lambda: pinned)):
        plain = kernel_set()["linux_micro"].override(extra_config=lambda _: {})
        small = plain.override(hardware=machine, only_hardware=True, keep_modules=["zram"])
        assert small.dropped_options is not None
        fakes.put(small.dropped_options, "# CONFIG_A is not set\n# CONFIG_B is not set\n# CONFIG_C is not set\n")
        fakes.put(small.resolved.output("values"), "A 0 1 n\nB 1 1 m\nC 0 1 n\nD 1 1 m\nE 2 1 y\n")
    fakes.close()
    shown = kernix("show", "--json", "-f", file, "small").json["trim"]
    assert {"dropped": 2, "kept": 2, "keep_modules": ["zram"]} == shown


@pytest.mark.parametrize("name", ["NET", "CONFIG_NET"])
def test_explain(kernix: CommandLine, mine: Path, name: str) -> None:
    """An option is explained, with or without CONFIG_: who requests it, prompt, place, what is built, help."""
    text = kernix("config", "explain", "-f", mine, "mine", name).out
    assert text.startswith("NET is y")
    for fact in ("(extra_config, mine.py:9)", "Networking support (bool)", "net/Kconfig:7", "net/socket.o", "Say Y."):
        assert fact in text


def test_explain_as_data(kernix: CommandLine, mine: Path) -> None:
    """As JSON, an explanation has the objects that the option builds."""
    found = kernix("config", "explain", "-f", mine, "mine", "NET", "--json").json
    assert (["net/socket.o"], "y") == (found["objects"], found["value"])


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        pytest.param("INETT", "hint: did you mean INET", id="near"),
        pytest.param("ARM64_PAN", "arch/arm64/Kconfig:12", id="elsewhere"),
    ],
)
def test_explain_an_unknown_option(kernix: CommandLine, mine: Path, name: str, sentence: str) -> None:
    """An option that the kernel does not have is an error with a suggestion, or the place of its definition."""
    ran = kernix("config", "explain", "-f", mine, "mine", name)
    assert (1, "", True) == (ran.code, ran.out, sentence in ran.err)


def test_search(kernix: CommandLine, mine: Path) -> None:
    """Options are found by a pattern, an exact match first, with values, prompts and places."""
    ran = kernix("config", "search", "-f", mine, "mine", "net")
    assert [
        "NET   y  Networking support  net/Kconfig:7",
        "INET  y  TCP/IP networking   net/Kconfig:7",
    ] == ran.lines
    assert ["NAME"] == [it["option"] for it in kernix("config", "search", "-f", mine, "mine", "^na", "--json").json]


def test_search_finds_nothing(kernix: CommandLine, mine: Path) -> None:
    """No match is reported; an invalid pattern is an error."""
    ran = kernix("config", "search", "-f", mine, "mine", "XYZ")
    assert (0, "", "no option of mine matches 'XYZ'\n") == (ran.code, ran.out, ran.err)
    assert 1 == kernix("config", "search", "-f", mine, "mine", "(").code


def test_diff_of_kernels(kernix: CommandLine, mine: Path) -> None:
    """Two kernels are compared, each change below its cause."""
    lines = kernix("config", "diff", "-f", mine, "plain", "mine").lines
    assert "2 options differ" in lines
    (start,) = (at for at, line in enumerate(lines) if line.endswith(": 1, and 1 that followed"))
    net, inet = lines[start + 1 : start + 3]
    assert (True, True) == (net.startswith("  NET     n -> y  "), net.endswith(" extra_config (mine.py:9)"))
    assert (True, True) == (inet.startswith("    INET  n -> y  "), inet.endswith(" NET"))


def test_diff_as_page(kernix: CommandLine, mine: Path) -> None:
    """With --html a page is written, and nothing printed."""
    ran = kernix("config", "diff", "-f", mine, "plain", "mine", "--html", "out.html")
    assert ("", "wrote out.html\n") == (ran.out, ran.err)
    assert "mine.py:9" in (kernix.work / "out.html").read_text()


def test_diff_of_versions(kernix: CommandLine, mine: Path) -> None:
    """A version means the kernel that has it, including kernels of the bundled set."""
    ran = kernix("config", "diff", "-f", mine, "6.1.158", "plain", "--json")
    assert ("linux_debian_6_1", [("LOST", "gone")]) == (
        ran.json["old"]["name"],
        [(it["option"], it["cause"]["kind"]) for it in ran.json["changes"]],
    )


def test_diff_of_a_version_of_several(kernix: CommandLine, mine: Path) -> None:
    """A version that several kernels have is an error that names them."""
    ran = kernix("config", "diff", "-f", mine, "6.12.43", "plain")
    sentence = "error: several kernels have the version 6.12.43: plain, mine, linux_debian_6_12, linux_guest, "
    sentence += "linux_micro, linux_stalix"
    assert (2, sentence) == (ran.code, ran.err.splitlines()[0])


def test_diff_of_a_file(kernix: CommandLine, mine: Path) -> None:
    """A kernel and a file are compared by the lines of the file."""
    kernix.write("old.config", HEAD.format(arch="x86", version="6.12.43") + 'CONFIG_INET=y\nCONFIG_NAME="micro"\n')
    ran = kernix("config", "diff", "-f", mine, "./old.config", "plain", "--json")
    assert [("INET", "y", "n")] == [(it["option"], it["old"], it["new"]) for it in ran.json["changes"]]


def test_diff_of_architectures(kernix: CommandLine) -> None:
    """Files of two architectures are compared, with a warning."""
    for arch in ("arm64", "x86"):
        kernix.write(f"{arch}.config", HEAD.format(arch=arch, version="6.12.43") + f'CONFIG_ARCH="{arch}"\n')
    ran = kernix("config", "diff", "arm64.config", "x86.config")
    sentence = "warning: arm64.config is for arm64 and x86.config for x86: many differences follow from that alone\n"
    assert (0, sentence, True) == (ran.code, ran.err, "  ARCH  arm64 -> x86  the files differ" in ran.lines)


def test_diff_of_equal_files(kernix: CommandLine) -> None:
    """Equality is reported; an option that is off equals one that is absent."""
    kernix.write("a.config", "CONFIG_X=y\n# CONFIG_Y is not set\n")
    kernix.write("b.config", "CONFIG_X=y\n")
    assert "no options differ" == kernix("config", "diff", "a.config", "b.config").lines[-1]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        pytest.param("", "bad.config is not a .config: it sets no option", id="empty"),
        pytest.param("# a comment\n", "bad.config is not a .config: it sets no option", id="comments"),
        pytest.param("#!/bin/sh\necho hello\n", "bad.config: line 2: 'echo hello'", id="script"),
        pytest.param("CONFIG_X=foo\n", "bad.config: line 1: 'CONFIG_X=foo'", id="unquoted"),
        pytest.param(HEAD.format(arch="x86", version="6.1.0") + "CONFIG_A=y\nCONFIG_B", "'CONFIG_B'", id="cut-off"),
    ],
)
def test_files_that_are_no_configurations(kernix: CommandLine, text: str, sentence: str) -> None:
    """A file that is not a .config, or only a part of one, is an error that says what is wrong with it."""
    kernix.write("bad.config", text)
    ran = kernix("config", "diff", "bad.config", "bad.config")
    assert (1, "", True) == (ran.code, ran.out, sentence in ran.err.splitlines()[0]), ran.err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        pytest.param(["check", "nosuch"], "error: ", id="no-kernel"),
        pytest.param(
            ["check", "linux_micro.version"], "error: `linux_micro.version` is not a kernel", id="no-kernel-but"
        ),
        pytest.param(["diff", "9.9", "9.9"], "error: no kernel has the version 9.9", id="no-version"),
        pytest.param(["diff", "./absent", "x"], "error: absent: no such file or directory", id="no-file"),
        pytest.param(["edit", "linux_micro"], "error: the editor needs a terminal", id="no-terminal"),
        pytest.param(["upgrade", "linux_micro"], "error: missing option '--to'", id="no-target"),
        pytest.param([], "error: missing argument 'ATTR'", id="nothing"),
    ],
)
@pytest.mark.usefixtures("lock")
def test_wrong_requests(kernix: CommandLine, words: list[str], sentence: str) -> None:
    """An invalid request is reported in a sentence."""
    ran = kernix("config", *words)
    assert ("", True) == (ran.out, ran.err.startswith(sentence)), ran.err
    assert ran.code in {1, 2}


@pytest.mark.usefixtures("lock")
def test_upgrade(kernix: CommandLine) -> None:
    """An option that the other version lacks is reported with the edit."""
    pinned = fake_lock()
    fakes = Fakes(kernix)
    with using(Context(lock=lambda: pinned)):
        kernels = kernel_set()
        old, target = kernels["linux_debian_6_1"].override(extra_config={"LOST": YES}), kernels["linux_micro"]
        older = model(fakes.folder, *OPTIONS, option("LOST", "Lost"), version=old.version)
        fakes.kernel(old, older, {"NET": "2 1 n", "INET": "0 0 n", "TINY": "2 1 n", "NAME": '2 1 "', "LOST": "2 1 y"})
        moved = old.override(version=target.version, source=target.source)
        newer = model(fakes.folder, *OPTIONS, option("ADDED", "Added"), version=target.version)
        fakes.kernel(
            moved, newer, {"NET": "2 1 n", "INET": "0 0 n", "TINY": "2 1 n", "NAME": '2 1 "', "ADDED": "2 1 y"}
        )
    fakes.close()
    file = kernix.write("old.py", "from derivations import YES\nfrom kernels import kernel_set\n"
                        'old = kernel_set().linux_debian_6_1.override(extra_config={"LOST": YES})\n')  # fmt: skip
    lines = kernix("config", "upgrade", "-f", file, "old", "--to", "linux_micro").lines
    assert '    - "LOST": YES,' in lines
    assert "  ADDED  absent -> y  Added" in lines
    found = kernix("config", "upgrade", "-f", file, "old", "--to", "linux_micro", "--json").json
    assert (["ADDED"], ["LOST"]) == (
        [it["option"] for it in found["new_options"]],
        [it["option"] for it in found["steps"]],
    )
    ran = kernix("config", "upgrade", "-f", file, "old", "--to", "linux_micro", "--html", "up.html")
    assert ("wrote up.html\n", True) == (ran.err, "Added" in (kernix.work / "up.html").read_text())


def test_help(kernix: CommandLine) -> None:
    """`--help` describes the printed .config and each verb."""
    text = kernix("config", "--help").out
    assert "Usage: kernix config [OPTIONS] ATTR | VERB …" in text
    for word in ("check", "explain", "--overlay", "Compare two configurations"):
        assert word in text


def complete(kernix: CommandLine, *words: str) -> list[str]:
    """Return bash's completions of the last of *words*, without their kinds."""
    line = {"COMP_WORDS": " ".join(["kernix", *words]), "COMP_CWORD": str(len(words))}
    ran = kernix.process(more={"_KERNIX_COMPLETE": "bash_complete", **line})
    assert (0, "") == (ran.returncode, ran.stderr)
    return [line.partition(",")[2] for line in ran.stdout.splitlines() if line]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param(["config", "ex"], ["explain"], id="verb"),
        pytest.param(["config", "linux_6_1"], ["linux_6_1", "linux_6_12", "linux_6_18"], id="attribute"),
        pytest.param(["config", "--ov"], ["--overlay"], id="option"),
        pytest.param(["config", "explain", "linux_6_1"], ["linux_6_1", "linux_6_12", "linux_6_18"], id="of-a-verb"),
        pytest.param(["config", "diff", "--ht"], ["--html"], id="option-of-a-verb"),
    ],
)
def test_words_are_completed(kernix: CommandLine, words: list[str], expected: list[str]) -> None:
    """Verbs and attributes are completed together; each has its options."""
    assert expected == complete(kernix, *words)


def test_other_verbs_do_not_load_these(kernix: CommandLine) -> None:
    """A build without configurations imports none of these verbs."""
    ran = kernix.process("list", more={"PYTHONPROFILEIMPORTTIME": "1"})
    loaded = {line.rpartition("|")[2].strip() for line in ran.stderr.splitlines()}
    assert "kernix.lazy_group" in loaded
    assert not [
        it for it in loaded if it.startswith(("kernix.commands.config", "kernix.pages", "kernix.configs.resolved"))
    ]
