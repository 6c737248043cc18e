"""What the machines of a snapshot need of a kernel, as derivations.

    tree ─▶ kbuild map ─▶ driver map ──────────────────┐
    resolved without the machines: model, values ──────┴─▶ hardware fragment ─▶ resolved with them
                                                       values with them ─▶ trim fragment ─▶ resolved, trimmed

A change of a C file makes the driver map anew, and mostly to equal bytes: then nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from derivations.derivation import Derivation, Hints, canonical_json
from derivations.fetch import ANY_SYSTEM
from derivations.hardware.drivers import driver_map
from derivations.hardware.makefiles.kbuild_map import kbuild_map


if TYPE_CHECKING:
    from collections.abc import Iterable

    from derivations.derivation import Output
    from derivations.hardware.snapshot import Snapshot
    from derivations.linux.configuration import ConfigSteps


DRIVERS = "/drivers"
HARDWARE = "/hardware"
RESOLVER = "/resolver"
VALUES = "/values"
"""Where `builtin:hardware-fragment` and `builtin:trim-fragment` see their inputs."""

VERSION, TRIM_VERSION = 3, 2
"""Raised when the same machines come to another fragment, or do without other modules."""


def drivers(tree: Output, srcarch: str) -> Output:
    """Return the map of the drivers in *tree* for the architecture in the directory *srcarch*."""
    return driver_map(tree, kbuild_map(tree, srcarch)).out


def hardware_fragment(snapshot: Snapshot, tree: Output, srcarch: str, without: ConfigSteps) -> Output:
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


def trim_fragment(
    hardware: Output, tree: Output, srcarch: str, before: ConfigSteps, *, needed: Iterable[str], keep: Iterable[str]
) -> Output:
    """Return what switches off the modules that the machines of the fragment *hardware* do without.

    *before* is the configuration with that fragment; *needed* are options that are asked for, *keep* globs of others that stay.
    """
    return Derivation(
        name="trim-fragment",
        system=ANY_SYSTEM,
        builder="builtin:trim-fragment",
        env={
            "keep": canonical_json(sorted(set(keep))).decode(),
            "needed": canonical_json(sorted(needed)).decode(),
            "version": str(TRIM_VERSION),
        },
        mounts={
            DRIVERS: drivers(tree, srcarch),
            HARDWARE: hardware,
            RESOLVER: before.resolver.out,
            VALUES: before.resolved.output("values"),
        },
        hints=Hints(description="find the modules that nothing needs"),
    ).out
