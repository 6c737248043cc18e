"""The derivations of the options that the machines of a snapshot need.

    tree ─▶ kbuild map ─▶ driver map ──────────────────┐
    resolved without the machines: model, values ──────┴─▶ hardware fragment ─▶ resolved with them
                                                       values with them ─▶ trim fragment ─▶ resolved, trimmed

A changed C file rebuilds the driver map, usually to the same bytes, and then nothing else.
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
"""Incremented when the same machines lead to another fragment, or to other dropped modules."""


def drivers(tree: Output, srcarch: str) -> Output:
    """Return the map of the drivers in *tree* for the architecture in the directory *srcarch*."""
    return driver_map(tree, kbuild_map(tree, srcarch)).out


def hardware_fragment(snapshot: Snapshot, tree: Output, srcarch: str, without: ConfigSteps) -> Output:
    """Return the options to set for the machines of *snapshot*, on top of the configuration *without* them.

    It does not depend on which machine has what: the same hardware gives the same fragment.

    Raises:
        EmptySnapshot: the snapshot is empty.
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
    """Return the fragment that switches off the modules that the machines of the fragment *hardware* do not need.

    *before* is the configuration with that fragment; *needed* are requested options, *keep* globs of others to keep.
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
