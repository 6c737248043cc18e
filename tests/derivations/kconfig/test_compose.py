"""Requests over the text of a configuration."""

from __future__ import annotations

from derivations.kconfig.compose import compose
from derivations.kconfig.model import Choice
from derivations.kconfig.values import NO, YES
from tests.small_kconfig import model, option


OPTIONS = model(
    [option("A"), option("AB"), option("ONE", choice="@1"), option("TWO", choice="@1")],
    [Choice(id="@1", prompt="", members=("ONE", "TWO"))],
)


def test_requests_take_the_place_of_lines() -> None:
    """A requested option's own line goes, all others stay as they are, and requests stand last in their order."""
    base = '# about A\nCONFIG_A=y\n# CONFIG_AB is not set\nCONFIG_NAME="CONFIG_A=y"\n'

    assert '# about A\nCONFIG_NAME="CONFIG_A=y"\n# CONFIG_A is not set\nCONFIG_AB=y\n' == compose(
        base, {"AB": YES, "A": NO}, OPTIONS
    )


def test_a_member_takes_the_place_of_another() -> None:
    """The member of a choice that the base has goes if another one is asked for, not if one is asked to be off."""
    assert "CONFIG_TWO=y\n" == compose("CONFIG_ONE=y\n", {"TWO": YES}, OPTIONS)
    assert "CONFIG_ONE=y\n# CONFIG_TWO is not set\n" == compose("CONFIG_ONE=y\n", {"TWO": NO}, OPTIONS)


def test_what_the_kernel_does_not_have() -> None:
    """A request for an option that there is not is written all the same."""
    assert "CONFIG_NOWHERE=y\n" == compose("", {"NOWHERE": YES}, OPTIONS)
