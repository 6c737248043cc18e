"""What an ordinary userland needs of a kernel."""

from __future__ import annotations

import pytest

from derivations.hardware.userland import _NEEDS, lacking
from derivations.kconfig.symbols.values_table import Values


def values(**levels: str) -> Values:
    """Return a configuration that has everything but for *levels*."""
    return Values(
        {**{it.option: "2 1 y" for it in _NEEDS}, "SMP": "2 1 y", **{k: f"2 1 {v}" for k, v in levels.items()}}
    )


def test_a_kernel_that_has_all() -> None:
    """A kernel with all of it lacks nothing, on however many processors; a module is as good."""
    assert () == lacking(values(UNIX="m"), processors=8)


@pytest.mark.parametrize("option", ["FUTEX", "EPOLL", "BINFMT_ELF"])
def test_what_is_off(option: str) -> None:
    """What is off is named; that no program can run is fatal."""
    (found,) = lacking(values(**{option: "n"}))

    assert (option, option == "BINFMT_ELF") == (found.option, found.is_fatal)
    assert str(found).startswith(f"{option}: ")


@pytest.mark.parametrize(("processors", "options"), [(1, []), (2, ["SMP"])])
def test_processors(processors: int, options: list[str]) -> None:
    """Without SMP all processors but one are idle."""
    assert options == [it.option for it in lacking(values(SMP="n"), processors)]


def test_what_a_version_does_not_have() -> None:
    """An option that this version or architecture does not have is not missed."""
    assert () == lacking(Values({"NET": "2 1 n"}), processors=2)
