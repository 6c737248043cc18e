"""Tests for tests.removals.compare, and of the table that it made."""

from __future__ import annotations

import itertools

from derivations.kconfig.symbols.renames import CHANGES, REMOVALS, removals
from derivations.version import Version
from tests.removals.compare import Removal, before, configuration, tree
from tests.removals.compare import removals as compared


HELP = "  help\n    This driver is for the cards of a company that was bought by another one since.\n\n"
MAKEFILE = "VERSION = {}\nPATCHLEVEL = {}\nSUBLEVEL = 3\n"


def versions(older: str, newer: str, older_objects: str = "", newer_objects: str = "") -> list[Removal]:
    """Return the removals between trees with these options, and makefiles of one directory."""
    parts = [(older, older_objects, (6, 1)), (newer, newer_objects, (6, 12))]
    trees = [
        tree({"Makefile": MAKEFILE.format(*version), "drivers/Kconfig": options, "drivers/Makefile": objects})
        for options, objects, version in parts
    ]
    return compared(*trees)


def option(name: str, prompt: str, text: str = "") -> str:
    return f'config {name}\n  tristate "{prompt}"\n  depends on PCI\n{text}'


def new_name(found: list[Removal]) -> list[tuple[str, ...]]:
    return [it.new for it in found]


def test_what_is_gone_and_what_stays() -> None:
    """An option that the newer tree does not have is gone between the two versions; one that both have is not."""
    found = versions(option("A", "One") + option("B", "Two"), option("B", "Two"))

    assert [Removal("A", "6.1.3", "6.12.3")] == found


def test_two_of_three_are_certain() -> None:
    """Prompt and help, prompt and objects, or help and objects identify a new name; one alone does not."""
    built, moved = "obj-$(CONFIG_OLD) += card.o\n", "obj-$(CONFIG_NEW) := \\\n  card.o\n"

    assert [("NEW",)] == new_name(versions(option("OLD", "Card", HELP), option("NEW", "Card", HELP)))
    assert [("NEW",)] == new_name(versions(option("OLD", "Card"), option("NEW", "Card"), built, moved))
    assert [("NEW",)] == new_name(versions(option("OLD", "Card", HELP), option("NEW", "A card", HELP), built, moved))
    assert [()] == new_name(versions(option("OLD", "Card"), option("NEW", "Card")))
    assert [()] == new_name(versions(option("OLD", "Card"), option("NEW", "A card"), built, moved))


def test_what_is_ambiguous_is_not_certain() -> None:
    """If two new options match, or two old ones match the same new one, no new name is reported."""
    one, two = option("NEW", "Card", HELP), option("NEWER", "Card", HELP)

    assert [()] == new_name(versions(option("OLD", "Card", HELP), one + two))
    assert [(), ()] == new_name(versions(option("OLD", "Card", HELP) + option("OLDER", "Card", HELP), one))
    assert [()] == new_name(versions(option("OLD", "Card", HELP) + one, one))


def test_a_help_ends_where_its_margin_does() -> None:
    """What follows a help text, though it looks like an option inside of it, is read as it is meant."""
    text = 'config A\n\tbool "A"\n\thelp\n\t  config B is not\n\n\t  one.\nconfig C\n\tbool "C"\n'

    assert ["A", "C"] == list(tree({"Makefile": MAKEFILE.format(6, 1), "Kconfig": text}).options)


def test_configurations_stand_in_for_trees_that_cannot_be_had() -> None:
    """The last configuration that names an option counts, on whatever architecture; the oldest tree decides what is gone."""
    head = "#\n# Automatically generated file; DO NOT EDIT.\n# Linux/{} {}-gnu Kernel Configuration\n#\n"
    texts = [
        head.format("x86", "4.4.113") + "CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C=m\n",
        head.format("x86", "4.19.0") + "CONFIG_A=m\n# CONFIG_B is not set by anybody\n",
        head.format("arm64", "4.19.0") + "# CONFIG_A is not set\nCONFIG_STAYS=12\n",
    ]
    first = tree({"Makefile": MAKEFILE.format(5, 10), "Kconfig": option("STAYS", "One")})

    found = before([configuration(it) for it in texts], first)

    assert [
        Removal("A", "4.19.0", "5.10.3"),
        Removal("B", "4.4.113", "5.10.3"),
        Removal("C", "4.4.113", "5.10.3"),
    ] == found


def test_the_table_is_in_order() -> None:
    """Each line is an option with two versions, one after the other, in order of the names; no option became itself."""
    names = [it.split()[0] for it in REMOVALS.read_text().splitlines() if not it.startswith("#")]

    assert all(a < b for a, b in itertools.pairwise(names))
    assert names == list(removals())
    assert [] == [it.old for it in removals().values() if it.old in it.new or it.last == it.since or it.commit]


BACKPORTED = {
    "DECNET", "NET_SCH_ATM", "NET_SCH_CBQ", "NET_SCH_DSMARK", "NET_CLS_RSVP", "NET_CLS_RSVP6", "NET_CLS_TCINDEX",
    "COPS", "COPS_DAYNA", "COPS_TANGENT",
}  # fmt: skip
"""What the stable series of the oldest tree, 5.10, lacks as well, although its first release had it."""


def test_commits_and_trees_agree() -> None:
    """If an option's removal is known from a commit, too, its version is between the versions of the two trees."""
    found = [
        (it, removals()[it.old]) for it in CHANGES if it.old in removals() and it.commit and it.old not in BACKPORTED
    ]

    assert found
    assert [] == [
        known.old
        for known, seen in found
        if not Version.parse(seen.last) < Version.parse(known.since) <= Version.parse(seen.since)
    ]
