"""The conditions of the bundled fragments: binding only for kernels on which they were tested."""

from __future__ import annotations

from typing import TYPE_CHECKING

from derivations.kconfig.language.condition import Condition
from derivations.kconfig.language.fragment import Fragment
from derivations.kconfig.language.values import when_arch


if TYPE_CHECKING:
    from collections.abc import Mapping

    from derivations.kconfig.language.values import Asked


TRIED = Condition.between("6.1", "6.13") & Condition.on(("arm64", "x86_64"))
"""The kernels for which every request was resolved: trees of 6.1 and 6.12."""


def tried(fragment: Fragment) -> Fragment:
    """Return *fragment* with its requests optional for kernels outside `TRIED`.

    There an option may have another name, or need another one: that is reported, but does not fail the build.
    """
    return Fragment(fragment.name, fragment.options, description=fragment.description, binding=TRIED)


def only_on(arch: str, options: Mapping[str, Asked]) -> dict[str, Asked]:
    """Return *options*, each requested only on *arch*, Kbuild's ARCH."""
    return {option: when_arch(arch, value) for option, value in options.items()}
