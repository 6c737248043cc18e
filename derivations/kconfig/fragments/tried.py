"""How the bundled fragments are asked for: defaults, and binding only where they have been tried."""

from __future__ import annotations

from typing import TYPE_CHECKING

from derivations.kconfig.language.condition import Condition
from derivations.kconfig.language.fragment import Fragment
from derivations.kconfig.language.values import when_arch


if TYPE_CHECKING:
    from collections.abc import Mapping

    from derivations.kconfig.language.values import Asked


TRIED = Condition.between("6.1", "6.13") & Condition.on(("arm64", "x86_64"))
"""Kernels on which every request has been resolved: trees of 6.1 and of 6.12."""


def tried(fragment: Fragment) -> Fragment:
    """Return *fragment* with its requests optional in kernels that are not `TRIED`.

    There an option may have another name, or need another one beside it: that is reported, but
    no reason to have no kernel.
    """
    return Fragment(fragment.name, fragment.options, description=fragment.description, binding=TRIED)


def only_on(arch: str, options: Mapping[str, Asked]) -> dict[str, Asked]:
    """Return *options*, each asked for on *arch*, Kbuild's ARCH, and nowhere else."""
    return {option: when_arch(arch, value) for option, value in options.items()}
