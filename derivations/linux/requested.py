"""What is asked of a kernel's configuration, by everybody together.

Every kernel asks for what makes it reproducible; the common configuration, if it is enabled, for
what an ordinary machine needs: both as defaults, over which anything else holds. Each patch asks
for its own options and the user for hers: these are of one rank, and contradictions among them
are errors. What a machine's hardware needs is found in the tree, by a derivation, and joins below
all of this when the configuration is resolved.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from derivations.kconfig.language.fragment import Fragment
from derivations.kconfig.language.merge import Merged, merge
from derivations.kconfig.language.values import NO, Priority, optional
from derivations.version import Version


if TYPE_CHECKING:
    from derivations.linux.arguments import Arguments


REPRODUCIBLE = Fragment(
    "reproducible",
    {
        # `git describe` of whatever repository the tree lies in is no part of a kernel.
        "LOCALVERSION_AUTO": optional(NO),
        # The default key is generated anew by every build and its certificate linked into the image.
        "MODULE_SIG_KEY": optional(""),
        # Without a key no module can be signed; asked for together with one, they are.
        "MODULE_SIG_ALL": optional(NO),
    },
    description="what builds of a kernel have in common",
    priority=Priority.DEFAULT,
)


def wanted(arguments: Arguments, arch: str) -> Merged:
    """Return what is asked for of the kernel of *arguments* on *arch*, Kbuild's ARCH.

    Raises:
        Contradiction: with every option for which different values are asked.
    """
    return merge(_fragments(arguments), version=Version.parse(arguments.version), arch=arch)


def _fragments(arguments: Arguments) -> list[Fragment]:
    found = [REPRODUCIBLE]
    if arguments.enable_common_config:
        from derivations.kconfig.fragments import common  # noqa: PLC0415 -- start-up: a small kernel has none

        found.append(common)
    for patch in arguments.patches:
        found += patch.extra_config
    return [*found, *arguments.extra_config]
