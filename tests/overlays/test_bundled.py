"""The overlays that come with kernix: `hardened` and `debug`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from derivations.context import using
from derivations.fetch import fetch_url
from derivations.fixpoint import fix
from derivations.kconfig.language.fragment import Request
from derivations.kconfig.language.values import NO, YES, Tristate
from derivations.linux.kernel import Kernel, make_linux
from derivations.source import text_file
from kernels import kernel_set
from overlays import debug, hardened
from tests.fakes import fake_lock, no_context


if TYPE_CHECKING:
    from derivations.fixpoint import AttrSet, Overlay, Thunks


BUNDLED = [pytest.param(hardened.overlay, id="hardened"), pytest.param(debug.overlay, id="debug")]
ASKED: dict[Overlay, dict[str, Tristate]] = {
    hardened.overlay: {"HARDENED_USERCOPY": YES, "SLAB_MERGE_DEFAULT": NO, "STACKPROTECTOR_STRONG": YES},
    debug.overlay: {"KGDB": YES, "KGDB_SERIAL_CONSOLE": YES, "DEBUG_INFO_REDUCED": NO},
}


def make(version: str) -> Kernel:
    """Return a kernel of *version*."""
    return make_linux(version=version, source=fetch_url("https://cdn.kernel.org/linux", sha256="0" * 64))


@pytest.mark.parametrize("overlay", BUNDLED)
def test_every_kernel_is_changed(overlay: Overlay) -> None:
    """Every kernel of the set requests the overlay's options, and still evaluates."""
    plain, changed = kernel_set(lock=fake_lock()), kernel_set([overlay], lock=fake_lock())

    assert list(plain) == list(changed)
    for name, kernel in changed.items():
        if kernel.is_prebuilt:  # nothing can be requested of a compiled kernel
            continue
        values = {option: it.value for option, it in kernel.requests.items()}
        assert ASKED[overlay].items() <= values.items(), name
        assert kernel.derivation != plain[name].derivation


@pytest.mark.parametrize("overlay", BUNDLED)
def test_nothing_is_evaluated_while_stacking(overlay: Overlay) -> None:
    """Neither applying the overlay nor making a kernel from it evaluates another attribute or needs the lock."""

    def explosive(_: AttrSet, __: AttrSet) -> Thunks:
        return {"bomb": lambda: 1 / 0, "linux": lambda: make("6.12"), "file": lambda: text_file("a", "b")}

    with using(no_context()):
        found = fix(explosive, overlay)

        assert list(found) == ["bomb", "file", "linux"]
        assert found.linux.version == "6.12"
        assert found.linux.arguments.extra_config != make("6.12").arguments.extra_config


@pytest.mark.parametrize("overlay", BUNDLED)
def test_other_attributes_are_left_alone(overlay: Overlay) -> None:
    """Attributes of a set that are not kernels do not change."""
    found = fix(lambda _, __: {"file": lambda: text_file("a", "b"), "number": lambda: 3}, overlay)

    assert (found.file, found.number) == (text_file("a", "b"), 3)


@pytest.mark.parametrize("overlay", BUNDLED)
def test_applying_twice(overlay: Overlay) -> None:
    """Applying an overlay twice changes nothing more."""
    once, twice = kernel_set([overlay], lock=fake_lock()), kernel_set([overlay, overlay], lock=fake_lock())

    assert once.linux_micro == twice.linux_micro


def test_both_together() -> None:
    """Where they conflict, the upper one wins: a debugger needs the kernel at a known address."""
    over = kernel_set([hardened.overlay, debug.overlay], lock=fake_lock()).linux_6_12
    under = kernel_set([debug.overlay, hardened.overlay], lock=fake_lock()).linux_6_12

    assert (over.requests["RANDOMIZE_BASE"].value, under.requests["RANDOMIZE_BASE"].value) == (NO, YES)
    assert over.requests.keys() == under.requests.keys()


def test_a_users_own_options_override() -> None:
    """A hardened kernel can be overridden like any other."""
    kernel = kernel_set([hardened.overlay], lock=fake_lock()).linux_6_12.override(extra_config={"LDISC_AUTOLOAD": YES})

    assert kernel.requests["LDISC_AUTOLOAD"].value is YES
    assert kernel.requests["HARDENED_USERCOPY"].value is YES


@pytest.mark.parametrize(
    ("version", "option"),
    [
        pytest.param("5.10.247", "DEBUG_INFO", id="5.10"),
        pytest.param("5.17.15", "DEBUG_INFO", id="5.17"),
        pytest.param("5.18", "DEBUG_INFO_DWARF_TOOLCHAIN_DEFAULT", id="5.18"),
        pytest.param("6.19-rc4", "DEBUG_INFO_DWARF_TOOLCHAIN_DEFAULT", id="6.19-rc4"),
    ],
)
def test_symbols_are_requested_through_an_option_with_a_prompt(version: str, option: str) -> None:
    """DEBUG_INFO is requested where it can be set, and since 5.18 the format that selects it."""
    (asked,) = debug.debugged(make(version)).arguments.extra_config
    names = [name for name in asked.options if name.startswith("DEBUG_INFO") and name != "DEBUG_INFO_REDUCED"]

    assert names == [option]
    assert asked.options[option][0].request == Request(YES)
