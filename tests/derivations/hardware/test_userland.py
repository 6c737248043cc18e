"""The options that an ordinary userland needs."""

from __future__ import annotations

import pytest

from derivations.hardware.userland import _NEEDS, lacking
from derivations.kconfig.symbols.values_table import Values


def values(**levels: str) -> Values:
    """Return a configuration with everything on, except for *levels*."""
    return Values(
        {**{it.option: "2 1 y" for it in _NEEDS}, "SMP": "2 1 y", **{k: f"2 1 {v}" for k, v in levels.items()}}
    )


def test_a_complete_kernel() -> None:
    """A kernel with all options lacks nothing, on any number of processors; modules count too."""
    assert () == lacking(values(UNIX="m"), processors=8)


@pytest.mark.parametrize("option", ["FUTEX", "EPOLL", "BINFMT_ELF"])
def test_what_is_off(option: str) -> None:
    """An option that is off is named; it is fatal if no program can run."""
    (found,) = lacking(values(**{option: "n"}))

    assert (option, option == "BINFMT_ELF") == (found.option, found.is_fatal)
    assert str(found).startswith(f"{option}: ")


@pytest.mark.parametrize(("processors", "options"), [(1, []), (2, ["SMP"])])
def test_processors(processors: int, options: list[str]) -> None:
    """Without SMP, all processors but one are idle."""
    assert options == [it.option for it in lacking(values(SMP="n"), processors)]


def test_options_that_a_version_lacks() -> None:
    """An option that does not exist in this version or architecture is not reported."""
    assert () == lacking(Values({"NET": "2 1 n"}), processors=2)
