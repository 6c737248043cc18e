"""The modules of a tree that a machine needs, and why: facts looked up in the map of drivers.

A device is identified by its driver, or else by its id. The name of a driver does not determine the
option: `pcie_mp2_amd` is in the module `amd_sfh`. Possible matches, which occur because a listing does not show
everything about a device, are used only if there is no certain match. Of several drivers for the same id, those that
Kconfig offers only to experts, or marks as unfinished, are left out.
"""

from __future__ import annotations

import posixpath
import re

from typing import TYPE_CHECKING

import attrs

from derivations.hardware.curated import FILESYSTEMS, MERGED_MODULES, NO_DRIVER, virtio_modaliases
from derivations.hardware.snapshot import Fact, FactKind
from derivations.kconfig.symbols.expression import And, Ref


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from derivations.hardware.drivers import DriverMap, Module
    from derivations.hardware.snapshot import Snapshot
    from derivations.kconfig.symbols.expression import Expr
    from derivations.kconfig.symbols.model import Model


_PCI_CLASS = re.compile(r"pci:.*bc([0-9A-F]{2})sc([0-9A-F]{2})")
_QUIET = ("cpu:", "dmi:", "input:", "clocksource:", "scsi:", "wmi:", "acpi:", "platform:", "rtc:", "ata:", "nvmem:")
"""Prefixes of modaliases of common devices that do not need a driver."""


_ANY_VENDOR = "pci:v*"
_RELUCTANT = frozenset({"EXPERT", "EMBEDDED", "STAGING"})
"""Options for experts: drivers that depend on them usually have an alternative."""


@attrs.frozen(kw_only=True)
class Found:
    """A module that a fact needs, or only an option if there is no module for it.

    Attributes:
        fact: The fact.
        how: How it was found, in a few words.
        module: The module.
        options: The options that build it.
    """

    fact: Fact
    how: str
    module: Module | None = None
    options: tuple[str, ...] = ()


_PCI_IDS = len("pci:v00008086d00005916")
_USB_IDS = len("usb:v0BDAp8179")


@attrs.frozen
class Unmapped:
    """A fact without a match in the tree, and the *reason*."""

    fact: Fact
    reason: str

    def __str__(self) -> str:
        return f"{self.fact}: {self.reason}"


@attrs.frozen
class Mapped:
    """What a snapshot needs of a tree."""

    found: tuple[Found, ...]
    unmapped: tuple[Unmapped, ...]

    def modules(self) -> Mapping[str, tuple[Module, tuple[Found, ...]]]:
        """Return every module by the path of its object, with the facts that need it."""
        asked: dict[str, tuple[Module, list[Found]]] = {}
        for it in self.found:
            if it.module is not None:
                asked.setdefault(it.module.path, (it.module, []))[1].append(it)
        return {path: (module, tuple(found)) for path, (module, found) in sorted(asked.items())}


def map_hardware(snapshot: Snapshot, drivers: DriverMap, model: Model) -> Mapped:
    """Return what the machines of *snapshot* need of the tree of *drivers*, whose Kconfig is *model*."""
    found: list[Found] = []
    unmapped: list[Unmapped] = []
    for fact in snapshot.facts:
        answers = list(_answers(fact, drivers, model))
        found += answers
        if not answers and (reason := _reason(fact, drivers, model)):
            unmapped.append(Unmapped(fact, reason))
    return Mapped(tuple(found), tuple(unmapped))


def can_be_module(module: Module, model: Model) -> bool:
    """Return whether *module* can be built as a module: some objects are always part of the kernel."""
    options = (option for gate in module.gates for term in gate for option in term)
    return any(option in model and model[option].type == "tristate" for option in options)


def _answers(fact: Fact, drivers: DriverMap, model: Model) -> Iterable[Found]:
    match fact.kind:
        case FactKind.DEVICE:
            return [*_device(fact, drivers, model), *_virtio(fact, drivers)]
        case FactKind.MODULE:
            return _module(fact, drivers, model)
        case FactKind.FILESYSTEM:
            return _filesystem(fact, drivers)
        case FactKind.FIRMWARE:
            return ()


def _modules(fact: Fact, how: str, modules: Iterable[Module]) -> list[Found]:
    return [Found(fact=fact, how=how, module=module, options=module.options) for module in modules]


def _module(fact: Fact, drivers: DriverMap, model: Model) -> list[Found]:
    """Return the module that *fact* names, or the one that it has become a part of since."""
    if modules := _named(fact.name, drivers, model):
        return _modules(fact, "module", modules)
    now, _ = MERGED_MODULES.get(fact.name.replace("-", "_"), ("", ""))
    return _modules(fact, f"module, a part of {now} now", _named(now, drivers, model))


def _named(name: str, drivers: DriverMap, model: Model) -> list[Module]:
    """Return the modules called *name*, without objects of that name that are always built in."""
    return [it for it in drivers.named(name) if can_be_module(it, model)]


def _device(fact: Fact, drivers: DriverMap, model: Model) -> list[Found]:
    bus, _, name = fact.driver.partition(" ")
    if name and (registered := _of_driver(bus, name, drivers, model)):
        return _modules(fact, f"driver {name}", registered)
    matches = drivers.of_modalias(fact.name)
    if certain := [it.value for it in matches if it.certain]:
        # A driver of exactly this device may require an interface of its class, which `lspci -nn` does not print.
        others = [it.value for it in matches if not it.certain and _is_of_device(it.pattern, fact.name)]
        beside = [it for it in _usual(others, model) if it not in certain]
        return [*_modules(fact, "id", _usual(certain, model)), *_modules(fact, "perhaps by id", beside)]
    if options := _special(fact):
        return [Found(fact=fact, how="class", options=options)]
    # A listing does not show the interfaces of a USB device, so only patterns that name the device are used; of a PCI
    # device, little is missing.
    if fact.name.startswith("usb:v"):
        named = [it.value for it in matches if it.pattern.startswith(fact.name[:_USB_IDS])]
        return _modules(fact, "perhaps by id", _usual(named, model))
    if not fact.name.startswith("pci:"):
        return []
    # Without the class, the drivers of every whole class would match.
    possible = [it.value for it in matches if "bc??" not in fact.name or not it.pattern.startswith(_ANY_VENDOR)]
    return _modules(fact, "perhaps by id", _usual(possible, model))


def _is_of_device(pattern: str, modalias: str) -> bool:
    """Return whether *pattern* names vendor and device of the PCI device with *modalias*, and any subsystem."""
    return pattern.startswith(f"{modalias[:_PCI_IDS]}sv*sd*") and modalias.startswith("pci:")


def _usual(modules: Sequence[Module], model: Model) -> Sequence[Module]:
    """Return those of *modules*, which match a device, that Kconfig offers to everyone; all if there are none."""
    return [it for it in modules if not _is_reluctant(it, model)] or modules


def _is_reluctant(module: Module, model: Model) -> bool:
    return any(_demanded(model[it].depends) & _RELUCTANT for it in module.options if it in model)


def _demanded(expression: Expr) -> set[str]:
    """Return the options without which *expression* cannot hold."""
    if isinstance(expression, And):
        return {name for term in expression.terms for name in _demanded(term)}
    return {expression.name} if isinstance(expression, Ref) else set()


def _of_driver(bus: str, name: str, drivers: DriverMap, model: Model) -> tuple[Module, ...]:
    """Return the modules that register the driver, and a module of its name in the same directory (`xhci_hcd` by `xhci_pci`)."""
    registered = drivers.of_driver(bus, name)
    called = drivers.named(name)
    places = {posixpath.dirname(it.path) for it in registered}
    beside = [it for it in called if posixpath.dirname(it.path) in places or (not places and can_be_module(it, model))]
    return tuple(dict.fromkeys([*registered, *beside]))


def _special(fact: Fact) -> tuple[str, ...]:
    """Return the options of devices that are in no device table: an IOMMU is found by the firmware's tables."""
    match = _PCI_CLASS.match(fact.name)
    if match is None or match[1] + match[2] != "0806":
        return ()
    return ("AMD_IOMMU",) if "v00001022" in fact.name else ("INTEL_IOMMU",) if "v00008086" in fact.name else ()


def _virtio(fact: Fact, drivers: DriverMap) -> list[Found]:
    """Return the drivers of the device behind a virtio transport; a listing shows only the transport."""
    return [
        found
        for modalias in virtio_modaliases(fact.name)
        for found in _modules(fact, "virtio id", (it.value for it in drivers.of_modalias(modalias)))
    ]


def _filesystem(fact: Fact, drivers: DriverMap) -> list[Found]:
    if option := FILESYSTEMS.get(fact.name):
        return [Found(fact=fact, how="file system", options=(option,))]
    modules = [it.value for it in drivers.of_modalias(f"fs-{fact.name}")] or list(drivers.named(fact.name))
    return _modules(fact, "file system", modules)


def _reason(fact: Fact, drivers: DriverMap, model: Model) -> str:
    """Return why nothing matches *fact*; empty if nothing needs to."""
    match fact.kind:
        case FactKind.MODULE:
            inside = sorted({option for it in drivers.named(fact.name) for option in it.options if option in model})
            more = f"; an object of that name is part of the kernel with {' or '.join(inside)}" if inside else ""
            return f"no module of this tree is called {fact.name}{more}"
        case FactKind.FILESYSTEM:
            return "no file system of this tree has this name" if FILESYSTEMS.get(fact.name) is None else ""
        case FactKind.FIRMWARE:
            return ""
        case FactKind.DEVICE:
            return _device_reason(fact, drivers)


def _device_reason(fact: Fact, drivers: DriverMap) -> str:
    if fact.driver:
        return f"no source of this tree registers the driver {fact.driver.partition(' ')[2]}"
    match = _PCI_CLASS.match(fact.name)
    if fact.name.startswith(_QUIET) or (match is not None and match[1] + match[2] in NO_DRIVER):
        return ""
    if fact.name.startswith("usb:v") and drivers.of_modalias(fact.name):
        return "the driver depends on its interfaces, which the listing does not show; run `lsusb -t` or `usb-devices`"
    return "no table of this tree has its id"
