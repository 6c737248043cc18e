"""Names that a kernel does not have."""

from __future__ import annotations

import pytest

from derivations.kconfig.symbols.missing import missing, near
from derivations.kconfig.symbols.renames import CHANGES, changed
from tests.small_kconfig import model, option


KNOWN = ("DEBUG_INFO", "DEBUG_INFO_BTF", "NET_9P", "NET_9P_VIRTIO", "NETFILTER", "USB_STORAGE", "VIRTIO_NET")


@pytest.mark.parametrize(
    ("name", "names"),
    [
        pytest.param("NET_9P_VIRTO", ("NET_9P_VIRTIO", "NET_9P"), id="a-letter-is-missing"),
        pytest.param("NETFITLER", ("NETFILTER",), id="letters-swapped"),
        pytest.param("STORAGE_USB", ("USB_STORAGE",), id="words-swapped"),
        pytest.param("NET_VIRTIO", ("NET_9P_VIRTIO", "VIRTIO_NET"), id="the-nearest-first"),
        pytest.param("X", (), id="one-letter"),
        pytest.param("QWERTZ", (), id="nothing"),
    ],
)
def test_near(name: str, names: tuple[str, ...]) -> None:
    """Similar names have similar spellings or most words in common."""
    assert names == near(name, KNOWN)


def test_many_places_elsewhere() -> None:
    """If many files for other architectures define an option, a few are named."""
    places = [f"arch/{it}/Kconfig:1" for it in ("arm", "arm64", "mips", "sh")]
    found = missing("PAN", model([option("A")], elsewhere={"PAN": places}))

    assert (True, "not available on x86_64; it is defined in arch/arm/Kconfig:1, arch/arm64/Kconfig:1 and 2 more") == (
        found.known,
        found.reason,
    )


def test_a_backported_renaming() -> None:
    """For a stable series with a backported renaming, the new name is suggested."""
    options = model([option("MITIGATION_SLS")], version="6.1.170")

    assert ("MITIGATION_SLS",) == missing("SLS", options).instead


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        pytest.param("6.12.117", "removed after 6.1, in 6.12 at the latest", id="the-tree-without-it"),
        pytest.param("6.6.87.2", "removed after 6.1, in 6.6 at the latest", id="between"),
        pytest.param("7.3.4", "removed after 6.1, in 6.12 at the latest", id="later"),
    ],
)
def test_a_driver_that_was_removed(version: str, reason: str) -> None:
    """For a removed option of the table, the two versions are given; a similar name is not suggested."""
    found = missing("IXGB", model([option("IXGBE")], version=version))

    assert (True, reason, None, ()) == (found.known, found.reason, found.suggestion, found.instead)


def test_what_is_removed_later_is_not_removed_yet() -> None:
    """For a version that has an option according to the table, it is not reported as removed."""
    assert not missing("IXGB", model([option("IXGBE")], version="6.1.170")).known


@pytest.mark.parametrize(
    ("name", "has", "instead"),
    [
        pytest.param("MEMCG_KMEM", "MEMCG", ("MEMCG",), id="by-its-commit"),
        pytest.param("HABANA_AI", "DRM_ACCEL_HABANALABS", ("DRM_ACCEL_HABANALABS",), id="by-the-table"),
        pytest.param("TEST_HASH", "SIPHASH_KUNIT_TEST", ("SIPHASH_KUNIT_TEST",), id="twice"),
    ],
)
def test_a_new_name(name: str, has: str, instead: tuple[str, ...]) -> None:
    """For a renamed option the new name is suggested, over several steps."""
    found = missing(name, model([option(has)], version="6.12.117"))

    assert (instead, f"use {has}") == (found.instead, found.suggestion)


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        pytest.param("INTEL_RDT", ("X86_CPU_RESCTRL",), id="twice-renamed-in-one-version"),
        pytest.param("NFT_MASQ_IPV6", ("NFT_MASQ",), id="merged"),
        pytest.param("X86_INTEL_UMIP", ("X86_UMIP",), id="renamed"),
        pytest.param("CRYPTO_SHA256_MB", (), id="driver"),
        pytest.param("DEFAULT_IOSCHED", (), id="text"),
        pytest.param("TRANSPARENT_HUGE_PAGECACHE", (), id="without-a-prompt"),
    ],
)
def test_removals_before_the_oldest_tree(name: str, instead: tuple[str, ...]) -> None:
    """Options of 4.19 that the oldest tree lacks are known by the commit that removed them."""
    found = missing(name, model([option(it) for it in ("X86_CPU_RESCTRL", "NFT_MASQ", "X86_UMIP")], version="6.12.117"))

    assert (True, instead) == (found.known, found.instead)
    assert "“" in found.reason


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        pytest.param("EXT4_ENCRYPTION", ("FS_ENCRYPTION",), id="renamed"),
        pytest.param("BLK_DEV_DAC960", (), id="driver"),
        pytest.param("DEFAULT_SECURITY", (), id="text"),
    ],
)
def test_what_went_in_a_commit_that_is_not_known(name: str, instead: tuple[str, ...]) -> None:
    """Without its commit, it is known between which versions an option went; near names would mislead."""
    found = missing(name, model([option(it) for it in ("FS_ENCRYPTION", "DEFAULT_SECURITY_DAC")], version="6.12.117"))

    assert (True, instead) == (found.known, found.instead)
    assert found.reason.endswith("after 4.19, in 5.10 at the latest")


@pytest.mark.parametrize(
    ("name", "reason", "suggestion"),
    [
        pytest.param(
            "LIRC_SERIAL",
            "renamed to IR_SERIAL after 4.9, in 5.10 at the latest",
            "use IR_SERIAL",
            id="new-name-of-people",
        ),
        pytest.param("BLK_DEV_IDE", "removed in 5.10 or before", "libata drives these disks: ATA", id="older-than-all"),
        pytest.param("WIMAX", "removed after 5.10, in 6.1 at the latest", None, id="trees"),
        pytest.param("HISAX_TELESPCI", "removed after 4.19, in 5.10 at the latest", None, id="configuration"),
        pytest.param("GIGASET_M101", "removed after 5.4, in 5.10 at the latest", None, id="last-configuration"),
    ],
)
def test_near_names_do_not_hide_that_an_option_is_gone(name: str, reason: str, suggestion: str | None) -> None:
    """What only old configurations or people know is reported as removed, not as a misspelling of another option."""
    names = ("IR_SERIAL", "LIRC", "BLK_DEV_IDECD", "WIMAX_I2400", "HISAX_TELES", "GIGASET_M10")
    found = missing(name, model([option(it) for it in names], version="6.12.117"))

    assert (True, reason, suggestion) == (found.known, found.reason, found.suggestion)


def test_what_an_old_tree_lacks_already() -> None:
    """Of an option that no known version has, a tree without it says that it is gone, and one with it that it is not."""
    assert missing("BLK_DEV_IDE", model([option("IDE")], version="5.4.1")).reason == "removed in 5.4 or before"
    assert changed("BLK_DEV_IDE", model([option("BLK_DEV_IDE")], version="2.6.27")) is None


def test_a_backported_removal() -> None:
    """An option that a stable series lacks because of a backported removal is not unknown."""
    found = missing("NET_SCH_CBQ", model([option("NET_SCH_CBS")], version="6.1.192"))

    assert (True, "NET_SCH_HTB and NET_SCH_HFSC do what it did") == (found.known, found.suggestion)
    assert "removed in 6.3 (“net/sched: Retire CBQ qdisc”)" in found.reason


def test_an_older_name_of_the_table() -> None:
    """A name of a later version leads to this version's name."""
    found = missing("DRM_ACCEL_HABANALABS", model([option("HABANA_AI")], version="6.1.170"))

    assert (("HABANA_AI",), "use HABANA_AI") == (found.instead, found.suggestion)


def test_changes_are_distinct() -> None:
    """No option is renamed to itself, and each has one change."""
    olds = [it.old for it in CHANGES]

    assert len(olds) == len(set(olds))
    assert [] == [it.old for it in CHANGES if it.old in it.new]
    assert [] == [it.old for it in CHANGES if not it.new and not it.note]
