"""All requests for a kernel's configuration.

Every kernel requests what makes it reproducible; the common configuration, if enabled, requests
what an ordinary machine needs. Both are defaults, which any other request overrides. Patches and
users request options with the same priority, and contradictions among these
are errors. A derivation finds in the tree what a machine's hardware needs; that is added below
all of this when the configuration is resolved.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from derivations.kconfig.language.fragment import Fragment
from derivations.kconfig.language.merge import Merged, merge
from derivations.kconfig.language.values import NO, YES, Priority, optional
from derivations.version import Version


if TYPE_CHECKING:
    from derivations.linux.arguments import Arguments


REPRODUCIBLE = Fragment(
    "reproducible",
    {
        # `git describe` of the repository that contains the tree must not be part of a kernel.
        "LOCALVERSION_AUTO": optional(NO),
        # The default key is generated again by every build and its certificate linked into the image.
        "MODULE_SIG_KEY": optional(""),
        # Without a key no module can be signed; users can request this together with a key.
        "MODULE_SIG_ALL": optional(NO),
    },
    description="what builds of a kernel have in common",
    priority=Priority.DEFAULT,
)


SIGNING_KEY = "/signing-key.pem"
"""Where a kernel's build finds the key that it was given."""

SIGNED = Fragment(
    "reproducible",
    {"LOCALVERSION_AUTO": optional(NO), "MODULE_SIG_KEY": optional(SIGNING_KEY), "MODULE_SIG_ALL": optional(YES)},
    description="the same for a kernel with a key of its own",
    priority=Priority.DEFAULT,
)


def merged_requests(arguments: Arguments, arch: str) -> Merged:
    """Return the requests for the kernel of *arguments* on *arch*, Kbuild's ARCH.

    Raises:
        Contradiction: options are requested with different values; it lists all of them.
    """
    return merge(_fragments(arguments), version=Version.parse(arguments.version), arch=arch)


def _fragments(arguments: Arguments) -> list[Fragment]:
    found = [REPRODUCIBLE if arguments.signing_key is None else SIGNED]
    if arguments.enable_common_config:
        from derivations.kconfig.fragments import common  # noqa: PLC0415 -- start-up: a small kernel has none

        found.append(common)
    for patch in arguments.patches:
        found += patch.extra_config
    if arguments.firmware is not None:
        found.append(arguments.firmware.fragment)
    return [*found, *arguments.extra_config]
