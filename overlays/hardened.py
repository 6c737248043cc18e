"""Every kernel hardened as the Kernel Self Protection Project recommends.

    kernix build --overlay hardened linux_6_12

The options are those of the bundled fragment `hardening`: what takes features away from users
(modules, 32-bit programs, hibernation, kexec) or the same bytes from every build (signed modules)
is left out, and what a small kernel, its compiler or its architecture may be without is optional.
`kernix config hardening` tells what of the recommendations a kernel holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from derivations.fixpoint import each
from derivations.kconfig.fragments import hardening
from derivations.linux.kernel import Kernel


if TYPE_CHECKING:
    from derivations.fixpoint import AttrSet, Thunks


def overlay(final: AttrSet, prev: AttrSet) -> Thunks:  # noqa: ARG001 -- an overlay is called with both
    """Return every kernel of *prev* hardened."""
    return each(prev, Kernel, hardened)


def hardened(kernel: Kernel) -> Kernel:
    """Return *kernel* with what the Kernel Self Protection Project recommends."""
    return kernel.override(extra_config=hardening)
