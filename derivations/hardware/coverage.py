"""Report hardware that a kernel lacks support for, before it is booted.

A kernel is represented by its configuration: an object is built in, a module, or absent. A module that the root file
system depends on must be in the initramfs; the firmware of a built-in driver must be in the
initramfs or in the kernel itself, because no file system is mounted yet.
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


class FindingKind(StrEnum):
    """A kind of problem."""

    ABSENT = "no driver"
    UNKNOWN = "not in this tree"
    INITRAMFS = "must be in the initramfs"
    NO_INITRAMFS = "the kernel cannot read an initramfs"
    FIRMWARE = "built in without its firmware"


@attrs.frozen
class Finding:
    """Hardware that would not work, or only under a condition.

    Attributes:
        kind: The problem.
        fact: The hardware.
        seen: The machines that have it.
        modules: The modules that drive it.
        options: Options that would help.
        files: The firmware files that its driver loads.
        reason: An explanation.
    """

    kind: FindingKind
    fact: Fact
    seen: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    reason: str = ""

    @property
    def is_fatal(self) -> bool:
        """Return whether only another kernel can solve the problem."""
        return self.kind in {FindingKind.ABSENT, FindingKind.NO_INITRAMFS, FindingKind.FIRMWARE}

    def __str__(self) -> str:
        match self.kind:
            case FindingKind.ABSENT:
                return f"{self.fact}: no driver; set {' or '.join(self.options)}"
            case FindingKind.UNKNOWN:
                return f"{self.fact}: {self.reason}"
            case FindingKind.NO_INITRAMFS:
                modules = ", ".join(self.modules)
                need = f"{modules} must be in an initramfs, which this kernel cannot read"
                return f"{self.fact}: {need}; set {self.options[0]}, or build {modules} in"
            case FindingKind.FIRMWARE:
                shown = ", ".join(self.files[:3]) + (", …" if self.files[3:] else "")
                return f"{self.fact}: {self.modules[0]} is built in and needs {shown} before a file system is mounted"
            case _:
                return f"{self.fact}: {', '.join(self.modules)} {self.kind}"


def coverage(snapshot: Snapshot, drivers: DriverMap, model: Model, values: Values) -> tuple[Finding, ...]:
    """Return the hardware in *snapshot* that a kernel of *model* with the options *values* lacks support for.

    Raises:
        EmptySnapshot: the snapshot is empty.
    """
    mapped = map_hardware(snapshot.checked(), drivers, model)
    seen = dict(snapshot.entries)
    answers: dict[Fact, list[Found]] = {}
    for found in mapped.found:
        answers.setdefault(found.fact, []).append(found)
    findings = [each for fact, found in answers.items() for each in _findings(fact, found, seen[fact], values)]
    unknown = [Finding(FindingKind.UNKNOWN, it.fact, seen[it.fact], reason=it.reason) for it in mapped.unmapped]
    return tuple(sorted([*findings, *unknown], key=lambda it: (list(FindingKind).index(it.kind), it.fact)))


def _findings(fact: Fact, answers: Iterable[Found], seen: tuple[str, ...], values: Values) -> Iterator[Finding]:
    levels = {found: _level(found, values) for found in answers}
    present = [found for found, level in levels.items() if level]
    if not present:
        options = tuple(dict.fromkeys(option for found in answers for option in found.options))
        yield Finding(FindingKind.ABSENT, fact, seen, _names(answers), options)
        return
    modules = [found for found in present if levels[found] == 1]
    if fact.root and len(modules) == len(present):
        readable = values.level(_INITRAMFS)
        if readable:
            yield Finding(FindingKind.INITRAMFS, fact, seen, _names(modules))
        else:
            yield Finding(FindingKind.NO_INITRAMFS, fact, seen, _names(modules), (_INITRAMFS,))
    inside = set(values.text("EXTRA_FIRMWARE").split())
    for found in present:
        if levels[found] > 1 and found.module is not None:
            wanted = tuple(file for file in found.module.firmware if file not in inside)
            # A driver lists files for many chips and needs one: if the kernel contains some, the user has chosen.
            if wanted and len(wanted) == len(found.module.firmware):
                yield Finding(FindingKind.FIRMWARE, fact, seen, (found.module.name,), files=wanted)


def _level(found: Found, values: Values) -> int:
    if found.module is not None:
        return found.module.level(lambda option: int(values.level(option)))
    return max((int(values.level(option)) for option in found.options), default=2)


def _names(found: Iterable[Found]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(it.module.name if it.module is not None else it.options[0] for it in found))


def initramfs_modules(mapped: Mapped) -> Mapping[str, tuple[Fact, ...]]:
    """Return the modules that the root file system depends on, each with the facts that show this.

    If the facts do not show it, as in a listing, these are the modules of all storage controllers.
    """
    is_known = any(found.fact.root for found in mapped.found)
    wanted: dict[str, dict[Fact, None]] = {}
    for found in mapped.found:
        if found.module is not None and (found.fact.root if is_known else _is_storage(found.fact)):
            wanted.setdefault(found.module.name, {})[found.fact] = None
    return {name: tuple(facts) for name, facts in sorted(wanted.items())}


def _is_storage(fact: Fact) -> bool:
    return fact.name.startswith("pci:") and any(it in fact.name for it in _CLASSES_OF_STORAGE)
