"""Tests for derivations.realise.builtins.check_config."""

from __future__ import annotations

import json

from typing import TYPE_CHECKING, Any

import pytest

from derivations.derivation import Derivation, Output
from derivations.kconfig.language.fragment import Fragment
from derivations.kconfig.language.merge import merge
from derivations.kconfig.language.values import MODULE, NO, YES, Hex, default, optional
from derivations.kconfig.requirements.requirement_set import RequirementSet, dumped
from derivations.kconfig.rules.rule import Rule
from derivations.linux.configuration import checked
from derivations.linux.firmware import Firmware
from derivations.realise.builtins.check_config import BaseNotHeld, ConfigMismatch, MissingFirmware, RequirementsNotMet
from derivations.source import text_file
from derivations.version import TreeOfOtherVersion, Version


if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from derivations.kconfig.language.values import Asked
    from tests.derivations.realise.builtins.conftest import Runner


EMPTY: dict[str, Any] = {
    "prompts": [], "defaults": [], "selects": [], "implies": [], "ranges": [], "definitions": [],
}  # fmt: skip
ASKED = [{"text": "?", "menus": []}]
SYMBOLS = [
    {**EMPTY, "name": "BLOCK", "type": "bool", "prompts": ASKED},
    {**EMPTY, "name": "CC_VERSION", "type": "string"},
    {**EMPTY, "name": "FS", "type": "tristate", "prompts": [{**ASKED[0], "if": "BLOCK"}], "depends": "BLOCK"},
    {**EMPTY, "name": "NAME", "type": "string", "prompts": ASKED},
    {**EMPTY, "name": "SIZE", "type": "hex", "prompts": ASKED},
]
VALUES = 'BLOCK 2 0 n\nCC_VERSION 0 1 "12\nFS 0 0 n\nNAME 2 1 "a \\ "b\nSIZE 2 1 0x10\n'
CONFIG = "# the configuration\n"
PROGRAM = text_file("resolver", "")
RESOLVED = Derivation(name="config-resolved", system="any", builder="builtin:x", outputs=("out", "values"))


def write_model(directory: Path) -> None:
    """Write the model of SYMBOLS to *directory*, as the resolver does."""
    directory.mkdir(parents=True)
    lines = [json.dumps(it) + "\n" for it in SYMBOLS]
    places = [sum(map(len, lines[:i])) for i in range(len(lines))]
    index = "".join(f"{it['name']} {place}\n" for it, place in zip(SYMBOLS, places, strict=True))
    texts = {"symbols": "".join(lines), "index": index, "choices": "", "elsewhere": "", "common": ""}
    for name, text in texts.items():
        (directory / name).write_text(text)
    (directory / "about").write_text('{"arch": "x86_64", "srcarch": "x86", "version": "6.12.1"}')


def check(run: Runner, asked: Mapping[str, Asked], base: str | None = None, *, lenient: bool = False) -> Path:
    """Return the result of checking the requests *asked* against VALUES."""
    places = run.directory / "inputs"
    write_model(places / "resolver/model")
    inputs = {"/resolver": places / "resolver"}
    for place, text in {"/config": CONFIG, "/values": VALUES, **({"/base": base} if base is not None else {})}.items():
        inputs[place] = places / place[1:]
        inputs[place].write_text(text)
    exact: Output | None = None if base is None else text_file("mine.config", base).out
    merged = merge([Fragment("mine", asked)], version=Version.parse("6.12.1"), arch="x86_64")
    return run(checked("config", PROGRAM, RESOLVED, merged, lenient=lenient, exact=exact), inputs)


def test_what_holds_passes(run: Runner) -> None:
    """Absent counts as n, texts are compared without quotes, numbers by value; the result is the `.config`."""
    out = check(run, {"BLOCK": NO, "FS": NO, "NAME": 'a \\ "b', "SIZE": Hex(16)})

    assert out.read_text() == CONFIG


def test_all_failures_are_reported_at_once(run: Runner) -> None:
    """Each request that does not hold is named with its fragment and place, and what blocks it."""
    with pytest.raises(ConfigMismatch) as caught:
        check(run, {"FS": MODULE, "NAME": "other", "BLOCK": NO, "NO_SUCH": YES})

    assert [it.option for it in caught.value.diagnoses] == ["FS", "NAME", "NO_SUCH"]
    text = str(caught.value)
    assert text.startswith("config: 3 requested options did not hold\n  FS: requested m (mine, test_check_config.py:")
    assert "needs BLOCK [=n]" in text
    assert "kernix config fix" in caught.value.hint


def test_optional_requests_may_fail(run: Runner) -> None:
    """An optional request that fails is only a warning."""
    assert (
        check(run, {"FS": optional(YES), "NAME": optional('a \\ "b'), "NO_SUCH": optional(YES)}).read_text() == CONFIG
    )
    assert run.warnings == [
        "config: 2 optional requests do not hold: FS, NO_SUCH; `kernix config check` says why",
    ]


def test_defaults_may_fail_in_silence(run: Runner) -> None:
    """Failed requests of bundled fragments cause no warning; `config check` lists them."""
    check(run, {"FS": default(optional(YES))})

    assert run.warnings == []


def test_a_lenient_check_never_fails(run: Runner) -> None:
    """With `ignore_config_errors` everything is optional."""
    assert check(run, {"FS": YES}, lenient=True).read_text() == CONFIG
    assert run.warnings == ["config: 1 optional request does not hold: FS; `kernix config check` says why"]


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param('CONFIG_NAME="b"', id="value"),
        pytest.param("CONFIG_BLOCK=y", id="dropped"),
        pytest.param("CONFIG_GONE=y", id="unknown"),
    ],
)
def test_an_exact_configuration_may_not_change(run: Runner, changed: str) -> None:
    """An option of the base that comes out differently is an error that names the base."""
    with pytest.raises(ConfigMismatch) as caught:
        check(run, {}, base=f"{BASE}{changed}\n")

    assert [it.option for it in caught.value.diagnoses] == [changed.removeprefix("CONFIG_").partition("=")[0]]
    assert "(mine.config" in str(caught.value)


BASE = '#\n# Linux/x86_64 6.12.1 Kernel Configuration\n#\nCONFIG_SIZE=0x10\n# CONFIG_FS is not set\nCONFIG_CC_VERSION="13"\n'


def test_computed_options_may_differ(run: Runner) -> None:
    """An option that nobody can set, such as the compiler's version, is not part of an exact configuration."""
    assert check(run, {}, base=BASE).read_text() == CONFIG


def declared(run: Runner, *, requires: str = "", firmware: Firmware | None = None) -> Path:
    """Return the result of checking a kernel that *requires* sets and has *firmware*, whose tree has `lib/a.bin`."""
    places = run.directory / "inputs"
    write_model(places / "resolver/model")
    (places / "firmware/lib").mkdir(parents=True)
    (places / "firmware/lib/a.bin").write_text("1")
    for name, text in {"config": CONFIG, "values": VALUES}.items():
        (places / name).write_text(text)
    merged = merge([], version=Version.parse("6.12.1"), arch="x86_64")
    derivation = checked(
        "config", PROGRAM, RESOLVED, merged, lenient=False, exact=None, requires=requires, firmware=firmware
    )
    return run(derivation, {place: places / place[1:] for place in derivation.mounts})


def rules(*found: Rule) -> str:
    """Return a requirement set of *found*, as a derivation has it."""
    return dumped([RequirementSet("mine", found)])


def test_requirements_that_are_met(run: Runner) -> None:
    """If every rule holds, the configuration is the result."""
    held = rules(Rule(option="BLOCK", wanted=NO, reason="x"), Rule(option="SIZE", wanted=Hex(16), reason="x"))

    assert declared(run, requires=held).read_text() == CONFIG


def test_requirements_that_are_not_met(run: Runner) -> None:
    """Each rule that does not hold is reported with its reason and what the option needs; the hint prints the options."""
    missed = rules(Rule(option="FS", wanted=YES, reason="it is needed"), Rule(option="GONE", wanted=YES, reason="x"))
    with pytest.raises(RequirementsNotMet) as caught:
        declared(run, requires=missed)

    text = str(caught.value)
    assert [it.verdict.rule.option for it in caught.value.failed] == ["FS", "GONE"]
    assert text.startswith(
        "config: 2 requirements of mine not met\n  not held: CONFIG_FS=y, got absent: it is needed\n"
    )
    assert "needs BLOCK [=n]" in text
    assert "--requires mine --fragment" in caught.value.hint
    assert caught.value.exit_code == 100


def test_firmware(run: Runner) -> None:
    """Firmware that its tree lacks is an error before anything is compiled, with a similar name."""
    tree = text_file("firmware", "")
    with pytest.raises(MissingFirmware) as caught:
        declared(run, firmware=Firmware(["a.bim"], tree, directory="lib"))

    assert (caught.value.files, caught.value.hint) == (("a.bim",), "did you mean `a.bin`?")


def test_firmware_that_exists(run: Runner) -> None:
    """Firmware that its tree has is no error."""
    assert declared(run, firmware=Firmware(["a.bin"], text_file("firmware", ""), directory="lib")).read_text() == CONFIG


def begun(run: Runner, base: str, asked: Mapping[str, Asked], *, strict: bool = False, trim: str | None = None) -> Path:
    """Return the result of checking what is *asked* over the file *base* against VALUES."""
    places = run.directory / "inputs"
    write_model(places / "resolver/model")
    inputs = {"/resolver": places / "resolver"}
    files = {"/config": CONFIG, "/values": VALUES, "/base": base, **({} if trim is None else {"/trim": trim})}
    for place, text in files.items():
        inputs[place] = places / place[1:]
        inputs[place].write_text(text)
    merged = merge([Fragment("mine", asked)], version=Version.parse("6.12.1"), arch="x86_64")
    start, dropped = text_file("mine.config", base).out, None if trim is None else text_file("trim", trim).out
    return run(
        checked(
            "config", PROGRAM, RESOLVED, merged, lenient=False, exact=None, base=start, strict=strict, trim=dropped
        ),
        inputs,
    )


def test_only_a_file_as_base_is_compared() -> None:
    """A kernel that starts from a make target is unchanged; one that starts from a file is compared with it."""
    merged = merge([], version=Version.parse("6.12.1"), arch="x86_64")
    plain = checked("config", PROGRAM, RESOLVED, merged, lenient=False, exact=None)

    assert "base" not in plain.env
    assert "/base" not in plain.mounts


@pytest.mark.parametrize("strict", [False, True])
def test_a_base(run: Runner, *, strict: bool) -> None:
    """What a base asks for and does not get is a warning, or an error that lists it."""
    base = "CONFIG_BLOCK=y\nCONFIG_SIZE=0x10\nCONFIG_NAME = b\nCONFIG_GONE=y\n"
    if not strict:
        assert CONFIG == begun(run, base, {}).read_text()
        assert [
            "config: of mine.config, 3 lines do not hold: line 3, BLOCK, GONE; `kernix config check` says why"
        ] == run.warnings
        return
    with pytest.raises(BaseNotHeld) as caught:
        begun(run, base, {}, strict=True)

    assert ["BLOCK", "GONE"] == [it.option for it in caught.value.missed.diagnoses]
    assert 3 == caught.value.missed.count
    assert "line 3: 'CONFIG_NAME = b'" in str(caught.value)


def test_what_a_trim_drops_from_a_base_is_not_reported(run: Runner) -> None:
    """Options of the base that a trim drops, and those that depend on them, cause no warning; others do."""
    begun(run, "CONFIG_BLOCK=y\nCONFIG_FS=m\nCONFIG_GONE=y\n", {}, trim="# CONFIG_BLOCK is not set\n")

    assert ["config: of mine.config, 1 line does not hold: GONE; `kernix config check` says why"] == run.warnings


def test_a_base_that_holds(run: Runner) -> None:
    """A base that holds, or is overridden, causes no warning."""
    begun(run, "CONFIG_BLOCK=y\nCONFIG_FS=m\n", {"BLOCK": NO}, strict=True)

    assert run.warnings == []


@pytest.mark.parametrize(
    ("version", "release", "refused"),
    [
        pytest.param("6.12.1", "", False, id="right"),
        pytest.param("6.12.1-custom", "", False, id="suffix"),
        pytest.param("6.12", "", True, id="no-patch-level"),
        pytest.param("6.6.1", "", True, id="series"),
        pytest.param("6.12", "6.12.1", False, id="directory-said"),
        pytest.param("6.6", "6.12.1", True, id="series-though-directory-said"),
        pytest.param("6.12", "6.12.0-x", True, id="both-wrong"),
    ],
)
def test_a_version_that_is_not_the_tree_s(run: Runner, version: str, release: str, *, refused: bool) -> None:
    """A version other than the tree's is an error that says what to write, before anything is compiled."""
    places = run.directory / "inputs"
    write_model(places / "resolver/model")
    inputs = {"/resolver": places / "resolver"}
    for place, text in {"/config": CONFIG, "/values": VALUES}.items():
        inputs[place] = places / place[1:]
        inputs[place].write_text(text)
    merged = merge([], version=Version.parse("6.12.1"), arch="x86_64")
    derivation = checked("config", PROGRAM, RESOLVED, merged, lenient=False, exact=None, version=(version, release))
    if not refused:
        assert CONFIG == run(derivation, inputs).read_text()
        return
    with pytest.raises(TreeOfOtherVersion) as caught:
        run(derivation, inputs)

    assert ("6.12.1", 'write version="6.12.1"') == (caught.value.tree, caught.value.hint)
