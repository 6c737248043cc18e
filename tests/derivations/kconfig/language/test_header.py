"""Whole `.config` files: what they are for, and whether they are complete."""

from __future__ import annotations

import pytest

from derivations.kconfig.language.header import (
    ConfigOfOtherVersion,
    ForeignConfig,
    Head,
    IncompleteConfig,
    MinimalConfig,
    check_architecture,
    check_complete,
    check_version,
    check_whole,
    head,
)


WHOLE = """\
#
# Automatically generated file; DO NOT EDIT.
# Linux/x86 6.1.0 Kernel Configuration
#
CONFIG_CC_VERSION_TEXT="gcc (Debian 12.2.0-14) 12.2.0"

#
# General setup
#
CONFIG_LOCALVERSION="-mine"
# CONFIG_KGDB is not set
CONFIG_NET_9P=m
CONFIG_LOG_BUF_SHIFT=17
# end of General setup
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(WHOLE, Head("x86", "6.1.0"), id="kernel"),
        pytest.param(WHOLE.replace("x86", "arm64"), Head("arm64", "6.1.0"), id="arm64"),
        pytest.param(WHOLE.replace("6.1.0", "6.19.0-rc4"), Head("x86", "6.19.0-rc4"), id="candidate"),
        pytest.param("CONFIG_A=y\n", None, id="fragment"),
        pytest.param("CONFIG_A=y\n# Linux/x86 6.1.0 Kernel Configuration\n", None, id="not-at-the-head"),
        pytest.param("", None, id="nothing"),
    ],
)
def test_headers(text: str, expected: Head | None) -> None:
    """The header says what a file is for; a file without one does not."""
    assert head(text) == expected


def is_cut_off(text: str) -> bool:
    """Return whether *text* is detected as truncated."""
    try:
        check_complete(text, "x.config")
    except IncompleteConfig:
        return True
    return False


def test_a_file_truncated_inside_a_line() -> None:
    """A whole file that is truncated inside a line is detected, wherever that is."""
    inside = [length for length in range(WHOLE.index("CONFIG_CC") + 1, len(WHOLE)) if WHOLE[length - 1] != "\n"]

    assert [length for length in inside if not is_cut_off(WHOLE[:length])] == []
    assert not is_cut_off(WHOLE)


MENUS = f"""{WHOLE}
#
# Compiler: gcc
#
#
# Kernel hacking
#
# CONFIG_A is not set
#
# a comment
#
CONFIG_B=y
#
# printk and dmesg options
#
CONFIG_C=y
# end of printk and dmesg options
# end of Kernel hacking
"""


def test_a_file_truncated_between_lines() -> None:
    """Every menu must have an end, whatever comments and menus it contains."""
    lines = MENUS.splitlines(keepends=True)
    first = lines.index("# Kernel hacking\n") + 2
    seen = [length for length in range(first, len(lines)) if is_cut_off("".join(lines[:length]))]

    assert seen == list(range(first, len(lines)))
    assert not is_cut_off(MENUS)
    with pytest.raises(IncompleteConfig) as caught:
        check_complete("".join(lines[:-1]), "x.config")
    assert str(caught.value) == "x.config is incomplete: its menu 'Kernel hacking' has no end"


def test_a_comment_outside_of_all_menus() -> None:
    """A comment below a menuconfig, which has no end, looks like an unfinished menu, and is not one."""
    comment = "#\n# CFG80211 needs to be enabled for MAC80211\n#\nCONFIG_NET_9P=y\n"
    text = MENUS.replace("#\n# Kernel hacking\n", f"{comment}#\n# Kernel hacking\n")

    assert not is_cut_off(text)
    assert is_cut_off(f"{text}\n#\n# Documentation\n#\nCONFIG_D=y\n")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(WHOLE, id="whole"),
        pytest.param(f"{WHOLE}\n", id="blank-line-behind"),
        pytest.param("CONFIG_A=y", id="fragment-without-last-newline"),
        pytest.param(WHOLE.replace("# end of General setup\n", ""), id="old-version-without-ends"),
    ],
)
def test_complete_files(text: str) -> None:
    """A complete file, or one without a header, passes."""
    check_complete(text, "x.config")


def test_architectures() -> None:
    """A file is for one architecture; the two of x86 share a header."""
    check_architecture(WHOLE, "x", ["x86_64"])
    check_architecture(WHOLE.replace("x86", "x86_64"), "x", ["arm64", "x86_64"])
    check_architecture("CONFIG_A=y\n", "x", ["arm64"])
    with pytest.raises(ForeignConfig) as caught:
        check_architecture(WHOLE, "x.config", ["arm64", "riscv"])

    assert str(caught.value) == "x.config is for x86, but the kernel is for arm64 and riscv"


def test_versions() -> None:
    """A file of another series is refused; another release of the same series is not."""
    check_version(WHOLE, "x", "6.1.55-custom")
    check_version("CONFIG_A=y\n", "x", "6.12")
    check_version(WHOLE.replace("6.1.0", "vendor"), "x", "6.12")
    with pytest.raises(ConfigOfOtherVersion) as caught:
        check_version(WHOLE, "x.config", "6.12.64")

    assert str(caught.value) == "x.config is for Linux 6.1.0, but the kernel is 6.12.64"


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        pytest.param("CONFIG_ARM64=y\n", True, id="no-head"),
        pytest.param("CONFIG_X86=y\nCONFIG_X86_64=y\n", False, id="no-head-but-right"),
        pytest.param(f"{WHOLE}CONFIG_X86_32=y\n", True, id="other-word-size"),
        pytest.param(f"{WHOLE}CONFIG_X86_64=y\n", False, id="word-size"),
        pytest.param(f"{WHOLE}CONFIG_UML=y\n", False, id="head-counts"),
        pytest.param("# CONFIG_ARM64 is not set\nCONFIG_ARM=m\n", False, id="names-nothing"),
    ],
)
def test_what_names_an_architecture(text: str, refused: bool) -> None:
    """If the header is missing or ambiguous, an option that only one architecture has decides."""
    try:
        check_architecture(text, "x.config", ["x86_64"])
    except ForeignConfig:
        assert refused
    else:
        assert not refused


def test_a_minimal_configuration() -> None:
    """A minimal configuration is distinguished from a whole one without its header."""
    check_whole(WHOLE, "x")
    check_whole("CONFIG_HAVE_KVM=y\nCONFIG_ARCH_HAS_ELF_RANDOMIZE=y\nCONFIG_GENERIC_CLOCKEVENTS=y\n", "x")
    with pytest.raises(MinimalConfig) as caught:
        check_whole("CONFIG_SYSVIPC=y\nCONFIG_ARCH_VEXPRESS=y\nCONFIG_GENERIC_PHY=y\n", "x_defconfig")

    assert "x_defconfig" in str(caught.value)
    assert 'make_linux(base="x_defconfig")' in caught.value.hint
