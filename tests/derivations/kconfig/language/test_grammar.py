"""The text forms of requests: read strictly, with a suggestion for every near miss."""

from __future__ import annotations

import re

import pytest

from hypothesis import example, given
from hypothesis import strategies as st

from derivations.kconfig.language.grammar import Assignment, parse, remarks
from derivations.kconfig.language.values import MODULE, NO, YES, Hex, Value


FORMS = r"""# a comment
CONFIG_KGDB=y
CONFIG_NET_9P=m
# CONFIG_FOO is not set
CONFIG_BAR=n

CONFIG_LOG_BUF_SHIFT=17
CONFIG_PHYSICAL_START=0x1000
CONFIG_LOCALVERSION="-x \"y\" \\ #z"
CONFIG_CMDLINE=""
CONFIG_QUOTED="19"
CONFIG_64BIT
$(call KCONFIG_ENABLE_OPT,CONFIG_PACKET)
	$(call KCONFIG_DISABLE_OPT,CONFIG_GCC_PLUGINS,$(@D)/.config)
	$(call KCONFIG_SET_OPT,CONFIG_NR_CPUS,8)
"""


def test_forms() -> None:
    """Each form is read, with its line; a quoted number is a string."""
    expected: list[tuple[str, Value, int]] = [
        ("KGDB", YES, 2),
        ("NET_9P", MODULE, 3),
        ("FOO", NO, 4),
        ("BAR", NO, 5),
        ("LOG_BUF_SHIFT", 17, 7),
        ("PHYSICAL_START", Hex(0x1000), 8),
        ("LOCALVERSION", '-x "y" \\ #z', 9),
        ("CMDLINE", "", 10),
        ("QUOTED", "19", 11),
        ("64BIT", NO, 12),
        ("PACKET", YES, 13),
        ("GCC_PLUGINS", NO, 14),
        ("NR_CPUS", 8, 15),
    ]

    assert parse(FORMS) == ([Assignment(*it) for it in expected], [])


@given(st.text(alphabet=st.sampled_from('CONFIG_AXyn=1"\\# \n\r\tis not set\x0c\u2028(.);`')))
def test_reading_never_crashes(source: str) -> None:
    """Any text can be read: every line is an assignment, a problem, or neither."""
    reading = parse(source)

    assert all(it.line <= source.count("\n") + 1 for it in reading.assignments)


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        pytest.param("CONFIG_A=foo", 'a string needs quotation marks; write `CONFIG_A="foo"`', id="no-quotes"),
        pytest.param("CONFIG_LOCALVERSION=-foo", '`CONFIG_LOCALVERSION="-foo"`', id="no-quotes-of-a-local-version"),
        pytest.param('CONFIG_A="foo', 'CONFIG_A="\\"foo"', id="quote-not-closed"),
        pytest.param("CONFIG_A=", 'CONFIG_A=""', id="no-value"),
        pytest.param("CONFIG_A=Y", "write `CONFIG_A=y`", id="large-y"),
        pytest.param("CONFIG_A=yes", "write `CONFIG_A=y`", id="word"),
        pytest.param("CONFIG_A=module", "write `CONFIG_A=m`", id="module"),
        pytest.param("CONFIG_A=y # why", "a comment needs a line of its own; write `CONFIG_A=y`", id="comment"),
        pytest.param(
            "CONFIG_A=1f", "a hexadecimal number needs 0x; write `CONFIG_A=0x1f`", id="hexadecimal-without-0x"
        ),
        pytest.param("CONFIG_A=1000000000000000000000", "the number does not fit in 64 bits", id="large"),
        pytest.param("CONFIG_A = y", "write `CONFIG_A=y`, or `# CONFIG_A is not set`", id="spaces"),
        pytest.param("CONFIG_A= y", "write `CONFIG_A=y`, without spaces", id="space-before-the-value"),
        pytest.param("CONFIG_HZ = 1000 # fast", "write `CONFIG_HZ=1000`", id="spaces-and-a-comment"),
        pytest.param('CONFIG_A = "foo', 'write `CONFIG_A="\\"foo"`', id="spaces-and-a-quote-not-closed"),
        pytest.param("CONFIG_A = foo", 'write `CONFIG_A="foo"`', id="spaces-and-no-quotes"),
        pytest.param("# CONFIG_A is not set, why", "write `# CONFIG_A is not set`", id="words-behind-not-set"),
        pytest.param("# CONFIG_A is not set (see B)", "Kconfig reads it as n or as a comment", id="more-words-behind"),
        pytest.param("# CONFIG_A is not set ", "write `# CONFIG_A is not set`", id="a-blank-behind-not-set"),
        pytest.param("CONFIG_A=y ", "write `CONFIG_A=y`, without spaces or tabs", id="blank-behind"),
        pytest.param("CONFIG_A=y\t", "write `CONFIG_A=y`, without spaces or tabs", id="tab-behind"),
        pytest.param("\tCONFIG_A=y", "'\\tCONFIG_A=y': write `CONFIG_A=y`, without spaces or tabs", id="tab-before"),
        pytest.param("CONFIG_A\t=y", "write `CONFIG_A=y`", id="tab-inside"),
        pytest.param("  # CONFIG_A is not set", "write `# CONFIG_A is not set`, without spaces", id="not-set-indented"),
        pytest.param("A=y", "write `CONFIG_A=y`", id="no-prefix"),
        pytest.param("#CONFIG_A is not set", "write `# CONFIG_A is not set`", id="no-space"),
        pytest.param("CONFIG_A is not set", "write `# CONFIG_A is not set`", id="no-number-sign"),
        pytest.param("# CONFIG_A  is not set", "write `# CONFIG_A is not set`", id="two-spaces"),
        pytest.param("# A is not set", "write `# CONFIG_A is not set`", id="no-prefix-off"),
        pytest.param("KGDB y", "write `CONFIG_KGDB=y`", id="nixpkgs"),
        pytest.param("KGDB? m", "write `CONFIG_KGDB=m`", id="nixpkgs-optional"),
        pytest.param("config_kgdb=y", "write `CONFIG_KGDB=y`", id="small"),
        pytest.param("CONFIG_kgdb=y", "'CONFIG_kgdb' is not an option name; did you mean KGDB?", id="small-name"),
        pytest.param("-CONFIG_A", "is neither an assignment nor a comment", id="minus"),
        pytest.param("CONFIG_A=y\nCONFIG_A=n", "line 2: CONFIG_A is listed twice, first in line 1", id="twice"),
        pytest.param("CONFIG_A=y\n# CONFIG_A is not set", "line 2: CONFIG_A is listed twice", id="twice-off"),
        pytest.param(
            "CONFIG_CONFIG_A=y", "'CONFIG_CONFIG_A' has the prefix CONFIG_ twice; write CONFIG_A", id="prefix-twice"
        ),
        pytest.param("# CONFIG_CONFIG_A is not set", "has the prefix CONFIG_ twice", id="prefix-twice-off"),
        pytest.param("\ufeffCONFIG_A=y", "line 1: the text begins with a byte-order mark", id="byte-order-mark"),
        pytest.param("CONFIG_A=y\r\nCONFIG_B=y\r\n", "line 1: it has a Windows line ending", id="windows"),
        pytest.param("#\nCONFIG_A=y\r\n", "line 2: it has a Windows line ending", id="windows-later"),
        pytest.param('CONFIG_A="a\x0cb"', "does not fit in one line", id="form-feed"),
        pytest.param("$(call KCONFIG_SET_OPT,CONFIG_A,foo)", "a string needs quotation marks", id="buildroot"),
        pytest.param("\0", "is neither an assignment nor a comment", id="binary"),
        pytest.param("<<<<<<< HEAD", "is neither an assignment nor a comment", id="merge-conflict"),
    ],
)
def test_lines_that_kconfig_would_drop(source: str, problem: str) -> None:
    """A line that Kconfig would silently drop or misread is a problem, with what to write instead."""
    problems = parse(source).problems

    assert len(problems) == 1
    assert problem in problems[0]
    assert problems[0].startswith("line ")


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("# the driver is not set up here", id="prose"),
        pytest.param("# debugging is not set", id="small"),
        pytest.param("# x = y", id="an-equation"),
        pytest.param("\t# indented", id="indented"),
        pytest.param("#", id="number-sign"),
        pytest.param("\n \n\t\n", id="blank"),
        pytest.param("# end of General setup", id="end-of-a-menu"),
    ],
)
def test_comments(source: str) -> None:
    """Comments without an option request nothing."""
    assert parse(source) == ([], [])


@pytest.mark.parametrize("line", ["#CONFIG_A=y", "# CONFIG_A=m", "#CONFIG_A = 17", "  #  CONFIG_A=y"])
def test_commented_out_assignments(line: str) -> None:
    """Commented-out assignments cause one remark per text, whatever their number."""
    text = f"CONFIG_B=y\n{line}\n#CONFIG_C=y\n#CONFIG_D=y\n"
    (alone,), (several,) = remarks(line), remarks(text)

    assert ([], []) == parse(line)
    assert ["B"] == [it.option for it in parse(text).assignments]
    assert ("line 1: ", "line 2: ") == (alone[:8], several[:8])
    assert "is a comment (2 other lines are, too), and requests nothing" in several
    assert "(another line is, too)" in remarks(f"{line}\n#CONFIG_C=y\n")[0]
    assert "`# CONFIG_A is not set`" in alone
    assert [] == remarks("CONFIG_B=y\n# CONFIG_A is not set\n# x = y\n")


@given(st.text(alphabet=st.sampled_from('CONFIG_AXynm=017x"\\# \tis not set.,-'), min_size=1, max_size=60))
@example("CONFIG_HZ = 1000 # fast")
@example('CONFIG_A = "x')
@example("CONFIG_A=1f # x")
@example('CONFIG_A = y \\"')
def test_advice_is_accepted(source: str) -> None:
    """The line that a problem suggests has no problem."""
    for problem in parse(source).problems:
        for advice in re.findall(r"write `(CONFIG_.*?|# CONFIG_.*? is not set)`(?:,|$)", problem):
            assert [] == parse(advice).problems, problem
            assert parse(advice).assignments


def test_windows_line_endings_are_one_problem() -> None:
    """Windows line endings are a single problem, and the lines are still read."""
    reading = parse("\ufeffCONFIG_A=y\r\nCONFIG_B=foo\r\nCONFIG_C=y\r\n")

    assert [it.option for it in reading.assignments] == ["A", "C"]
    assert [it.partition(":")[0] for it in reading.problems] == ["line 1", "line 1", "line 2"]


def test_a_long_line_is_cut() -> None:
    """A line of a megabyte does not fill the screen."""
    assert len(parse("CONFIG_A=" + "x" * 1_000_000).problems[0]) < 500
