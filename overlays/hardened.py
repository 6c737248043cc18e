"""Every kernel hardened as the Kernel Self Protection Project recommends.

    kernix build --overlay hardened linux_6_12

The options are those of the bundled fragment `hardening`. It leaves out options that take features
away from users (modules, 32-bit programs, hibernation, kexec) or make builds differ (signed modules);
options that a small kernel, its compiler or its architecture may lack are optional.
`kernix config hardening` reports which recommendations a kernel meets.
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
    """Return *kernel* with the options that the Kernel Self Protection Project recommends; a compiled one as it is."""
    return kernel if kernel.is_prebuilt else kernel.override(extra_config=hardening)
