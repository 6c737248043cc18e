"""`kernix config hardening FILE`: verdicts, and the fragment to paste; on kernels, tests/test_real_fragments.py has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from derivations.kconfig.language.fragment import Fragment


if TYPE_CHECKING:
    from tests.kernix.conftest import CommandLine


HEAD = "#\n# Automatically generated file; DO NOT EDIT.\n# Linux/x86 6.12.64 Kernel Configuration\n#\n"
BODY = "CONFIG_X86_64=y\nCONFIG_BUG=y\nCONFIG_HIBERNATION=y\n# CONFIG_HARDENED_USERCOPY is not set\n"


@pytest.fixture
def config(kernix: CommandLine) -> str:
    """Return the name of a `.config` that holds a part of the rules."""
    return str(kernix.write("old.config", HEAD + BODY))


def test_rules_that_are_not_held(kernix: CommandLine, config: str) -> None:
    """What is not held is listed, what has a price first; the last line counts."""
    lines = kernix("config", "hardening", config).lines

    hibernation = next(it for it in lines if "HIBERNATION" in it)
    usercopy = next(it for it in lines if "HARDENED_USERCOPY" in it)
    assert hibernation.startswith("not held: # CONFIG_HIBERNATION is not set, got y: ")
    assert usercopy == "not held: CONFIG_HARDENED_USERCOPY=y, got n: copies to and from users stay inside one object"
    assert lines.index(hibernation) < lines.index(usercopy)
    assert not [it for it in lines if it.startswith("held: ")]
    assert lines[-1].endswith(" not applicable")


def test_all_rules(kernix: CommandLine, config: str) -> None:
    """With --all there is a line for every rule, and as many verdicts as JSON."""
    lines = kernix("config", "hardening", config, "--all").lines
    verdicts = kernix("config", "hardening", config, "--json").json

    assert "held: CONFIG_BUG=y: a process that trips a check is stopped" in lines
    assert len(lines) == len(verdicts) + 1
    assert {it["outcome"] for it in verdicts} == {"held", "not held", "not applicable"}
    assert any(it["option"] == "RANDOMIZE_MEMORY" for it in verdicts)  # of x86_64, which `x86` is here


@pytest.mark.parametrize("strict", [False, True])
def test_fragment(kernix: CommandLine, config: str, strict: bool) -> None:
    """The Python that --fragment prints is a fragment; what takes hibernation away is in it with --strict alone."""
    source = kernix("config", "hardening", config, "--fragment", *(["--strict"] if strict else [])).out

    names: dict[str, Any] = {}
    exec(source, names)  # noqa: S102 -- it is there to be run
    options = Fragment("pasted", names["extra_config"]).options
    assert "HARDENED_USERCOPY" in options
    assert ("HIBERNATION" in options) is strict
    assert "BUG" not in options


def test_a_file_that_does_not_say_what_it_is_for(kernix: CommandLine) -> None:
    """Without its head a file's version and architecture are not known."""
    kernix.write("bare.config", BODY)

    ran = kernix("config", "hardening", "bare.config")
    assert (ran.code, ran.out) == (1, "")
    assert "is no .config: no line at its beginning tells for which version and architecture it is" in ran.err


def test_a_file_that_is_cut_off(kernix: CommandLine) -> None:
    """A file that breaks off is not judged."""
    kernix.write("cut.config", HEAD + BODY + "# end of General setup\nCONFIG_HIBE")

    ran = kernix("config", "hardening", "cut.config")
    assert (ran.code, "cut.config is incomplete" in ran.err) == (1, True)
