"""Tests of derivations.modules.trace."""

from __future__ import annotations

import pytest

from derivations.modules.trace import RequestsUnknown, RequestsUnserved, Served, requests, served
from tests.derivations.modules.made_up import index


CONSOLE = """\
[    1.0] kernel
KERNIX-REQUEST fs-vfat\r
KERNIX-REQUEST crypto-xts(aes)
KERNIX-REQUEST crypto-aes
KERNIX-REQUEST fs-vfat
not KERNIX-REQUEST this
KERNIX-SCRIPT status=0\r
"""


def test_requests() -> None:
    """Each request counts once, in order; the script's status comes with them."""
    words = ("fs-vfat", "crypto-xts(aes)", "crypto-aes")
    assert requests(CONSOLE) == (words, 0)
    assert requests(CONSOLE.replace("=0", "=32")) == (words, 32)


@pytest.mark.parametrize("console", ["", "KERNIX-REQUEST fs-vfat\n"])
def test_unknown(console: str) -> None:
    """A guest that did not get to its end proves nothing."""
    with pytest.raises(RequestsUnknown):
        requests(console)


def test_served() -> None:
    """What the closure has, what is built in, and what no module of the kernel serves is in order."""
    assert served(requests(CONSOLE)[0], index(), {"vfat", "aesni_intel"}) == (
        Served("fs-vfat", ("vfat",), ()), Served("crypto-xts(aes)", (), ()), Served("crypto-aes", ("aesni_intel",), ()),
    )  # fmt: skip


def test_unserved() -> None:
    """Everything that the kernel has and the closure lacks is named, even if something slower is built in."""
    with pytest.raises(RequestsUnserved) as caught:
        served(requests(CONSOLE)[0], index(), {"ext4"})
    assert caught.value.lacking == (("fs-vfat", ("vfat",)), ("crypto-aes", ("aesni_intel",)))
