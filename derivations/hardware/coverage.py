"""What of a machine a kernel would not serve, told before it is booted.

A kernel is taken as its configuration: an object is built in, a module, or not there. What the root file
system hangs on and is a module must be in the initramfs; what is built in and wants firmware must
find it there, or in the kernel itself, since no file system is mounted yet.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import attrs

from derivations.hardware.mapping import map_hardware


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from derivations.hardware.drivers import DriverMap
    from derivations.hardware.mapping import Found, Mapped
    from derivations.hardware.snapshot import Fact, Snapshot
    from derivations.kconfig.symbols.model import Model
    from derivations.kconfig.symbols.values_table import Values


_INITRAMFS = "BLK_DEV_INITRD"
_CLASSES_OF_STORAGE = ("bc01", "bc08sc05")


class Trouble(StrEnum):
    """What would be wrong."""

    ABSENT = "no driver"
    UNKNOWN = "not in this tree"
    INITRAMFS = "must be in the initramfs"
    NO_INITRAMFS = "the kernel can read no initramfs"
    FIRMWARE = "built in, and its firmware is not"


@attrs.frozen
class Finding:
    """Something that would not work, or would not without more.

    Attributes:
        trouble: What would be wrong.
        fact: What of the machine it is about.
        seen: The machines.
        modules: The modules that would serve it.
        options: Options that would help.
        files: Firmware files that are wanted.
        reason: More about it.
    """

    trouble: Trouble
    fact: Fact
    seen: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    reason: str = ""

    @property
    def is_fatal(self) -> bool:
        """Return whether it is wrong whatever else is done."""
        return self.trouble in {Trouble.ABSENT, Trouble.NO_INITRAMFS, Trouble.FIRMWARE}

    def __str__(self) -> str:
        match self.trouble:
            case Trouble.ABSENT:
                return f"{self.fact}: no driver; set {' or '.join(self.options)}"
            case Trouble.UNKNOWN:
                return f"{self.fact}: {self.reason}"
            case Trouble.NO_INITRAMFS:
                modules = ", ".join(self.modules)
                return f"{self.fact}: {modules} would have to be in one; set {self.options[0]}, or build {modules} in"
            case Trouble.FIRMWARE:
                shown = ", ".join(self.files[:3]) + (", …" if self.files[3:] else "")
                return f"{self.fact}: {self.modules[0]} is built in and looks for {shown} before there are files"
            case _:
                return f"{self.fact}: {', '.join(self.modules)} {self.trouble}"


def coverage(snapshot: Snapshot, drivers: DriverMap, model: Model, values: Values) -> tuple[Finding, ...]:
    """Return what of the machines in *snapshot* a kernel of *model* with the options *values* would not serve.

    Raises:
        EmptySnapshot: there are no machines in it.
    """
    mapped = map_hardware(snapshot.checked(), drivers, model)
    seen = dict(snapshot.entries)
    answers: dict[Fact, list[Found]] = {}
    for found in mapped.found:
        answers.setdefault(found.fact, []).append(found)
    findings = [each for fact, found in answers.items() for each in _findings(fact, found, seen[fact], values)]
    unknown = [Finding(Trouble.UNKNOWN, it.fact, seen[it.fact], reason=it.reason) for it in mapped.unmapped]
    return tuple(sorted([*findings, *unknown], key=lambda it: (list(Trouble).index(it.trouble), it.fact)))


def _findings(fact: Fact, answers: Iterable[Found], seen: tuple[str, ...], values: Values) -> Iterator[Finding]:
    levels = {found: _level(found, values) for found in answers}
    there = [found for found, level in levels.items() if level]
    if not there:
        options = tuple(dict.fromkeys(option for found in answers for option in found.options))
        yield Finding(Trouble.ABSENT, fact, seen, _names(answers), options)
        return
    modules = [found for found in there if levels[found] == 1]
    if fact.root and len(modules) == len(there):
        readable = values.level(_INITRAMFS)
        if readable:
            yield Finding(Trouble.INITRAMFS, fact, seen, _names(modules))
        else:
            yield Finding(Trouble.NO_INITRAMFS, fact, seen, _names(modules), (_INITRAMFS,))
    inside = set(values.text("EXTRA_FIRMWARE").split())
    for found in there:
        if levels[found] > 1 and found.module is not None:
            wanted = tuple(file for file in found.module.firmware if file not in inside)
            # Of many files for many chips one is enough: if some are inside, the user has chosen.
            if wanted and len(wanted) == len(found.module.firmware):
                yield Finding(Trouble.FIRMWARE, fact, seen, (found.module.name,), files=wanted)


def _level(found: Found, values: Values) -> int:
    if found.module is not None:
        return found.module.level(lambda option: int(values.level(option)))
    return max((int(values.level(option)) for option in found.options), default=2)


def _names(found: Iterable[Found]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(it.module.name if it.module is not None else it.options[0] for it in found))


def initramfs_modules(mapped: Mapped) -> Mapping[str, tuple[Fact, ...]]:
    """Return the modules on the way to the root file system, each with the facts that say so.

    Where nothing tells what is on the way, as in a listing, it is every storage controller.
    """
    told = any(found.fact.root for found in mapped.found)
    wanted: dict[str, dict[Fact, None]] = {}
    for found in mapped.found:
        if found.module is not None and (found.fact.root if told else _is_storage(found.fact)):
            wanted.setdefault(found.module.name, {})[found.fact] = None
    return {name: tuple(facts) for name, facts in sorted(wanted.items())}


def _is_storage(fact: Fact) -> bool:
    return fact.name.startswith("pci:") and any(it in fact.name for it in _CLASSES_OF_STORAGE)
