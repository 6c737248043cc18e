"""Fragments as text: written canonically, and read back."""

from __future__ import annotations

import gzip

from typing import TYPE_CHECKING

import pytest

from hypothesis import given
from hypothesis import strategies as st

from derivations.kconfig.language.fragment import Fragment, InvalidFragment, Request
from derivations.kconfig.language.grammar import ConfigRemark
from derivations.kconfig.language.header import IncompleteConfig
from derivations.kconfig.language.merge import merge
from derivations.kconfig.language.text import fragment_file, line, read, write
from derivations.kconfig.language.values import MODULE, NO, UNSET, YES, Asked, Value
from derivations.source import NoSource
from derivations.version import Version
from tests import strategies


if TYPE_CHECKING:
    from pathlib import Path


@given(st.dictionaries(strategies.option_names, strategies.option_values, max_size=8))
def test_round_trip(asked: dict[str, Value]) -> None:
    """The text of requests is read as the same requests, and written as the same text."""
    wanted = {name: Request(value) for name, value in asked.items()}
    text = write(wanted)
    back = read(text, "x.config")

    assert {name: clauses[0].request for name, clauses in back.options.items()} == wanted
    assert write(merge([back], version=Version(6, 12), arch="arm64").requests) == text


@given(st.text(alphabet=st.sampled_from('CONFIG_AXyn=1"\\# \n\ris not set\x0c\u2028`(.);#tm')))
def test_reading_never_crashes(source: str) -> None:
    """Any text is a fragment whose text reads the same, or is refused with a sentence."""
    try:
        found = read(source, "x")
    except InvalidFragment:
        return
    assert found == read(write({name: clauses[0].request for name, clauses in found.options.items()}), "x")


def test_the_text_is_in_order() -> None:
    """The text of requests does not depend on their order; UNSET adds nothing."""
    asked = {"B": Request(YES), "A": Request(NO), "D": Request(UNSET), "C": Request("x")}

    assert write(asked) == '# CONFIG_A is not set\nCONFIG_B=y\nCONFIG_C="x"\n'
    assert write(dict(reversed(asked.items()))) == write(asked)


def test_lines() -> None:
    """An option that is off is a comment, as in a `.config`."""
    assert line("A", NO) == "# CONFIG_A is not set"
    assert line("A", MODULE) == "CONFIG_A=m"


def test_origins() -> None:
    """Each option has its line in the text."""
    fragment = read("# first\nCONFIG_A=y\n\nCONFIG_B=m\n", "x.config")

    assert {name: clauses[0].request.origin.place for name, clauses in fragment.options.items()} == {
        "A": "x.config:2",
        "B": "x.config:4",
    }
    assert fragment.name == "x.config"


def test_a_file(tmp_path: Path) -> None:
    """A file's fragment has the file's name."""
    (tmp_path / "efi.config").write_text("CONFIG_EFI=y\n")
    asked: dict[str, Asked] = {"EFI": YES}

    assert fragment_file(tmp_path / "efi.config") == Fragment("efi.config", asked)


def test_unreadable_files(tmp_path: Path) -> None:
    """A missing or non-text file is named; a relative name is relative to the definition."""
    (tmp_path / "latin").write_bytes(b"# a\n# gr\xfc\xdfe\n")
    with pytest.raises(NoSource, match=r"derivations/kconfig/language/no-such.config: no such file or directory"):
        fragment_file("no-such.config")
    with pytest.raises(NoSource, match=r"is a directory"):
        fragment_file(tmp_path)
    with pytest.raises(InvalidFragment, match=r"invalid configuration in latin: line 2: it is not UTF-8 text"):
        fragment_file(tmp_path / "latin")


def test_a_truncated_config() -> None:
    """A truncated whole `.config` is refused: a truncated line could read as another option."""
    with pytest.raises(IncompleteConfig):
        read("# Linux/x86 6.1.0 Kernel Configuration\nCONFIG_NET=y\nCONFIG_NET_9", "x.config")


def test_problems_name_the_file() -> None:
    """The problems of a file are reported with its name and every line."""
    with pytest.raises(InvalidFragment) as caught:
        read("CONFIG_A=foo\nCONFIG_B=y\nCONFIG_B=y\n", "x.config")

    assert str(caught.value) == (
        "invalid configuration in x.config:\n"
        "  line 1: 'CONFIG_A=foo': not y, m, n, a number or a quoted string; "
        'a string needs quotation marks; write `CONFIG_A="foo"`\n'
        "  line 3: CONFIG_B is listed twice, first in line 2"
    )


def test_a_compressed_file(tmp_path: Path) -> None:
    """A compressed file is read like a plain one."""
    (tmp_path / "config.gz").write_bytes(gzip.compress(b"CONFIG_A=y\n"))

    assert read("CONFIG_A=y\n", "config.gz") == fragment_file(tmp_path / "config.gz")


def test_commented_out_assignments() -> None:
    """Commented-out assignments cause one warning per file, with its name."""
    with pytest.warns(ConfigRemark) as warned:
        found = read("CONFIG_A=y\n#CONFIG_B=y\n#CONFIG_C=y\n", "x.config")

    assert ["A"] == list(found.options)
    assert [True] == [str(it.message).startswith("x.config: line 2: ") for it in warned]
