"""Names that a kernel does not have."""

from __future__ import annotations

import pytest

from derivations.kconfig.names import missing, near
from derivations.kconfig.renames import CHANGES
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
    """Names are near if they are spelled alike or have most words in common."""
    assert names == near(name, KNOWN)


def test_many_places_elsewhere() -> None:
    """Of many places where other architectures define an option, some are named."""
    places = [f"arch/{it}/Kconfig:1" for it in ("arm", "arm64", "mips", "sh")]
    found = missing("PAN", model([option("A")], elsewhere={"PAN": places}))

    assert (True, "x86_64 does not have it; it is defined in arch/arm/Kconfig:1, arch/arm64/Kconfig:1 and 2 more") == (
        found.known,
        found.reason,
    )


def test_a_renaming_that_was_taken_over_early() -> None:
    """A stable series that has a later version's name is told that name."""
    options = model([option("MITIGATION_SLS")], version="6.1.170")

    assert ("MITIGATION_SLS",) == missing("SLS", options).instead


def test_changes_are_told_apart() -> None:
    """No option is renamed to itself, and each has one change."""
    olds = [it.old for it in CHANGES]

    assert len(olds) == len(set(olds))
    assert [] == [it.old for it in CHANGES if it.old in it.new]
    assert [] == [it.old for it in CHANGES if not it.new and not it.note]
