"""What the machines of a snapshot need of a kernel, as derivations.

    tree ─▶ kbuild map ─▶ driver map ──────────────────┐
    resolved without the machines: model, values ──────┴─▶ hardware fragment ─▶ resolved with them

A change of a C file makes the driver map anew, and mostly to equal bytes: then nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from derivations.derivation import Derivation, Hints
from derivations.fetch import ANY_SYSTEM
from derivations.hardware.drivers import driver_map
from derivations.hardware.kbuild import kbuild_map


if TYPE_CHECKING:
    from derivations.derivation import Output
    from derivations.hardware.snapshot import Snapshot
    from derivations.linux.configuration import Configuration


DRIVERS = "/drivers"
RESOLVER = "/resolver"
VALUES = "/values"
"""Where `builtin:hardware-fragment` sees its inputs."""

VERSION = 2
"""Raised when the same machines come to another fragment."""


def drivers(tree: Output, srcarch: str) -> Output:
    """Return the map of the drivers in *tree* for the architecture in the directory *srcarch*."""
    return driver_map(tree, kbuild_map(tree, srcarch)).out


def hardware_fragment(snapshot: Snapshot, tree: Output, srcarch: str, without: Configuration) -> Output:
    """Return what to set for the machines of *snapshot*, over the configuration *without* it.

    Which machine tells what is no part of it: the same hardware is the same fragment.

    Raises:
        EmptySnapshot: there are no machines in it.
    """
    values = without.resolved.output("values")
    return Derivation(
        name="hardware-fragment",
        system=ANY_SYSTEM,
        builder="builtin:hardware-fragment",
        env={"snapshot": snapshot.checked().without_names().to_json().decode(), "version": str(VERSION)},
        mounts={DRIVERS: drivers(tree, srcarch), RESOLVER: without.resolver.out, VALUES: values},
        hints=Hints(description="find the options for the hardware"),
    ).out
