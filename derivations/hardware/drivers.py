"""The map of a tree's drivers: device, driver or module name to module, options, firmware.

It is made from only the makefiles and the C sources of the tree (`builtin:driver-map`), and is a
JSON file with one record per object:

    {"format": 1, "srcarch": "x86", "unreadable": 97, "modules": {"drivers/nvme/host/nvme.o":
        {"options": ["BLK_DEV_NVME"], "aliases": ["pci:v…"], "drivers": ["pci nvme"], "firmware": […], "softdeps": […]}}}

The options are the conditions of Kbuild. Each string is one way to build the object: terms separated by
spaces, all of which must hold; a term such as `A|B` holds if any of its options is on.
"""

from __future__ import annotations

import functools

from typing import TYPE_CHECKING, Any

import attrs

from derivations.derivation import Derivation, Hints, Output, canonical_json
from derivations.fetch import ANY_SYSTEM
from derivations.hardware.alias import AliasTable, Match
from derivations.hardware.c_source.source import MODULE_NAME
from derivations.hardware.makefiles.gate import gate_level, read_gate, write_gate
from derivations.hardware.makefiles.kbuild_map import TREE, module_name
from store.errors import Error
from store.gc.retention import Retention
from store.parsing import parse_json


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from derivations.hardware.c_source.source import CSource
    from derivations.hardware.makefiles.gate import Gate, Level
    from derivations.hardware.makefiles.kbuild_map import Kbuild


FORMAT = 1

VERSION = 2
"""Incremented when the same tree gives another map."""

KBUILD = "/kbuild"
"""The mount point of the map of the makefiles for `builtin:driver-map`."""


class InvalidDriverMap(Error):
    """A file is not a map of a tree's drivers."""

    reason: str

    def __str__(self) -> str:
        return f"not a map of drivers: {self.reason}"


@attrs.frozen(kw_only=True, eq=False)
class Module:
    """An object that is a module or part of the kernel, depending on options.

    Attributes:
        path: The path of the object in the tree, such as `drivers/nvme/host/nvme.o`.
        gates: The ways to build it; one is enough.
        aliases: Patterns of the devices that it drives, and its other aliases.
        drivers: The drivers in it, such as `pci nvme`.
        firmware: The files that it may load.
        softdeps: Modules to load with it, in the format of `MODULE_SOFTDEP`.
    """

    path: str
    gates: tuple[Gate, ...] = ()
    aliases: tuple[str, ...] = ()
    drivers: tuple[str, ...] = ()
    firmware: tuple[str, ...] = ()
    softdeps: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Return its name as a module."""
        return module_name(self.path)

    @property
    def options(self) -> tuple[str, ...]:
        """Return the options that build it: those of the shortest way, the first of each alternative."""
        gate = min(self.gates, key=len, default=())
        return tuple(term[0] for term in gate)

    def level(self, level: Level) -> int:
        """Return its level with the options at *level*: 2 if it is built in, 1 if it is a module, 0 if neither."""
        return max((gate_level(gate, level) for gate in self.gates), default=2)


@attrs.frozen(kw_only=True, eq=False, slots=False)
class DriverMap:
    """The drivers of a tree.

    Attributes:
        modules: The modules by the path of their object.
        srcarch: The directory below `arch/` that was read.
        unreadable: The number of entries in device tables that could not be read.
    """

    modules: Mapping[str, Module]
    srcarch: str = "x86"
    unreadable: int = 0

    @functools.cached_property
    def _by_name(self) -> Mapping[str, tuple[Module, ...]]:
        found: dict[str, list[Module]] = {}
        for module in self.modules.values():
            found.setdefault(module.name, []).append(module)
        return {name: tuple(modules) for name, modules in found.items()}

    @functools.cached_property
    def _by_driver(self) -> Mapping[str, tuple[Module, ...]]:
        found: dict[str, list[Module]] = {}
        for module in self.modules.values():
            for driver in module.drivers:
                found.setdefault(driver, []).append(module)
        return {name: tuple(modules) for name, modules in found.items()}

    @functools.cached_property
    def _by_alias(self) -> AliasTable[Module]:
        return AliasTable((alias, module) for module in self.modules.values() for alias in module.aliases)

    def named(self, name: str) -> tuple[Module, ...]:
        """Return the modules called *name*; `-` and `_` are equivalent."""
        return self._by_name.get(name.replace("-", "_"), ())

    def of_driver(self, bus: str, name: str) -> tuple[Module, ...]:
        """Return the modules that register the driver *name* on *bus*, such as `pci` or `usb`.

        The type of a driver's structure nearly always names the bus; if no driver of that type has the
        name, drivers of other types are returned.
        """
        exact = self._by_driver.get(f"{bus} {name}", ())
        return exact or self._any_driver.get(name, ())

    @functools.cached_property
    def _any_driver(self) -> Mapping[str, tuple[Module, ...]]:
        found: dict[str, dict[Module, None]] = {}
        for driver, modules in self._by_driver.items():
            found.setdefault(driver.partition(" ")[2], {}).update(dict.fromkeys(modules))
        return {name: tuple(modules) for name, modules in found.items()}

    def of_modalias(self, modalias: str) -> tuple[Match[Module], ...]:
        """Return the modules that drive the device with *modalias*, the most specific pattern first, each once."""
        found: dict[str, Match[Module]] = {}
        for match in self._by_alias.match(modalias):
            found.setdefault(match.value.path, match)
        return tuple(found.values())

    def to_json(self) -> bytes:
        """Return the canonical text."""
        records = {path: _record(module) for path, module in self.modules.items()}
        return canonical_json(
            {"format": FORMAT, "srcarch": self.srcarch, "unreadable": self.unreadable, "modules": records}
        )

    @classmethod
    def from_json(cls, text: bytes) -> DriverMap:
        """Return what `to_json` wrote.

        Raises:
            InvalidDriverMap: the text is something else.
        """
        try:
            facts: dict[str, Any] = parse_json(text)
            if facts["format"] != FORMAT:
                raise InvalidDriverMap(f"its format is {facts['format']!r}, not {FORMAT}")
            modules = {path: _module(path, record) for path, record in facts["modules"].items()}
            return cls(modules=modules, srcarch=facts["srcarch"], unreadable=facts["unreadable"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InvalidDriverMap(str(error)) from None


def driver_map(tree: Output, kbuild: Derivation) -> Derivation:
    """Return the map of the drivers in *tree*, for `DriverMap.from_json`; *kbuild* is the map of its makefiles."""
    return Derivation(
        name="driver-map",
        system=ANY_SYSTEM,
        builder="builtin:driver-map",
        env={"srcarch": kbuild.env["srcarch"], "version": str(VERSION)},
        mounts={TREE: tree, KBUILD: kbuild.out},
        hints=Hints(description="read the device tables of all drivers", retention=Retention.CACHE),
    )


def assemble(kbuild: Kbuild, sources: Mapping[str, CSource], srcarch: str) -> DriverMap:
    """Return the map of *sources*, which are given by the paths of their objects, with the options in *kbuild*."""
    parts: dict[str, list[CSource]] = {}
    for path, source in sources.items():
        for owner in kbuild.owners(path):
            parts.setdefault(owner, []).append(source)
    modules = {}
    for path in sorted(kbuild.objects):
        gates = kbuild.options(path)
        if gates or path in parts:
            modules[path] = _joined(path, gates, parts.get(path, ()))
    return DriverMap(modules=modules, srcarch=srcarch, unreadable=sum(it.unreadable for it in sources.values()))


def _joined(path: str, gates: tuple[Gate, ...], parts: Iterable[CSource]) -> Module:
    given = list(parts)
    drivers = {
        f"{bus} {module_name(path) if name == MODULE_NAME else name}" for part in given for bus, name in part.drivers
    }
    return Module(
        path=path,
        gates=gates,
        aliases=_union(part.aliases for part in given),
        drivers=tuple(sorted(drivers)),
        firmware=_union(part.firmware for part in given),
        softdeps=_union(part.softdeps for part in given),
    )


def _union(lists: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(sorted({it for each in lists for it in each}))


def _record(module: Module) -> dict[str, list[str]]:
    facts = {
        "options": [write_gate(gate) for gate in module.gates],
        **{name: list(getattr(module, name)) for name in ("aliases", "drivers", "firmware", "softdeps")},
    }
    return {name: values for name, values in facts.items() if values}


def _module(path: str, record: Mapping[str, list[str]]) -> Module:
    return Module(
        path=path,
        gates=tuple(map(read_gate, record.get("options", ()))),
        aliases=tuple(record.get("aliases", ())),
        drivers=tuple(record.get("drivers", ())),
        firmware=tuple(record.get("firmware", ())),
        softdeps=tuple(record.get("softdeps", ())),
    )
