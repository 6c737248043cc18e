"""What a kernel's configuration offers to its guests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from derivations.kconfig.language.values import MODULE, YES
from derivations.machine.means import (
    BASIC,
    PORTS,
    SERIAL,
    SHARES,
    TERMINAL,
    CannotRunCommands,
    Link,
    means,
    missing,
    require,
)


if TYPE_CHECKING:
    from derivations.kconfig.language.values import Value

WHOLE: dict[str, Value] = dict.fromkeys((*BASIC, *PORTS, *SHARES, *TERMINAL), YES)
SMALL: dict[str, Value] = {**dict.fromkeys((*BASIC, *SERIAL), YES), "SERIAL_8250_RUNTIME_UARTS": 4}


def test_a_kernel_with_everything_is_reached_by_virtio() -> None:
    """Ports of a virtio console, this machine's files, and a terminal."""
    found = means("linux", WHOLE)
    assert (Link.VIRTIO, (), True) == (found.link, found.lacks, found.terminal)


@pytest.mark.parametrize("option", [*PORTS, *SHARES])
def test_a_kernel_without_one_of_them_has_serial_ports(option: str) -> None:
    """What is missing is named."""
    found = means("linux", {**WHOLE, **SMALL, option: MODULE})
    assert (Link.SERIAL, (option,)) == (found.link, found.lacks)


@pytest.mark.parametrize("option", [*BASIC, *SERIAL])
def test_without_a_channel_no_command_runs(option: str) -> None:
    """The error names what the kernel lacks of the lesser way."""
    with pytest.raises(CannotRunCommands) as error:
        means("linux", {name: value for name, value in SMALL.items() if name != option})
    assert (option,) == error.value.options


def test_three_channels_and_a_console_take_four_ports() -> None:
    """A kernel with fewer serial ports is refused for what virtio needs."""
    with pytest.raises(CannotRunCommands) as error:
        means("linux", {**SMALL, "SERIAL_8250_RUNTIME_UARTS": 3})
    assert {*PORTS, *SHARES} == {*error.value.options}


def test_a_wish_needs_its_options() -> None:
    """Only those that are not built in are reported, in the order of the request."""
    assert ("A", "C") == missing({"B": YES, "C": MODULE}, ("A", "B", "C"))
    require("linux", {"A": YES}, "has no disks", ["A"])
    with pytest.raises(CannotRunCommands, match="`linux` has no disks: its configuration does not build in B"):
        require("linux", {"A": YES}, "has no disks", ["A", "B"])


def test_the_fragment_has_what_is_needed() -> None:
    """`vm_guest`, which the hint names, requests every option of these lists, but for a serial port's number."""
    from derivations.kconfig.fragments import vm_guest  # noqa: PLC0415 -- only this test needs it
    from derivations.machine.means import DISKS, NETWORK  # noqa: PLC0415 -- as above

    assert {*WHOLE, *SERIAL, *DISKS, *NETWORK} - {*vm_guest.options} == set()
