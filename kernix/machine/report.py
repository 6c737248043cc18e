"""The report of `kernix detect`: a fragment, followed by everything else as comments; or all of it as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from derivations.hardware.coverage import initramfs_modules
from derivations.hardware.firmware import by_package
from derivations.hardware.fit import Fit, comment, comments, fit
from derivations.hardware.snapshot import FactKind, Snapshot
from kernix.output.quantities import number


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from derivations.hardware.snapshot import Fact
    from kernix.machine.driver_tree import DriverTree


_MANY = 12
"""With at least this many firmware files, a driver supports many chips, few of which are in this machine."""


@attrs.frozen(kw_only=True)
class Report:
    """The options and drivers of a kernel for the machines of a snapshot.

    Attributes:
        attribute: The user's name of the kernel.
        snapshot: The machines.
        fit: The options, and what could not be mapped or is unavailable.
        firmware: The files that each module may load.
        initramfs: The modules that the root file system needs, with the facts that require them.
    """

    attribute: str
    snapshot: Snapshot
    fit: Fit
    firmware: Mapping[str, tuple[str, ...]]
    initramfs: Mapping[str, tuple[Fact, ...]]

    @classmethod
    def make(cls, attribute: str, snapshot: Snapshot, tree: DriverTree) -> Report:
        """Return the report about *snapshot* and the kernel called *attribute* with its *tree*."""
        found = fit(snapshot, tree.drivers, tree.resolved.model, tree.resolved.values)
        modules = [module for module, _ in found.mapped.modules().values()]
        return cls(
            attribute=attribute,
            snapshot=snapshot,
            fit=found,
            firmware={module.name: module.firmware for module in modules if module.firmware},
            initramfs=initramfs_modules(found.mapped),
        )

    @property
    def text(self) -> str:
        """Return the fragment, with everything else as comments."""
        machines = ", ".join(self.snapshot.machines)
        head = f"Options of {self.attribute} needed by {machines}; snapshot {self.snapshot.digest[:16]}"
        return comments([head]) + self.fit.text + "".join(comment(line) if line else "\n" for line in self._more())

    @property
    def remarks(self) -> tuple[str, ...]:
        """Return the summary that is printed beside the fragment."""
        lacking = len(self.fit.mapped.unmapped) + len(self.fit.blocked)
        found = f"{number(len(self.fit.needed), 'option')} for {number(len(self.snapshot.facts), 'fact')}"
        return (f"{found}; {number(lacking, 'fact or option', 'facts and options')} could not be covered",)

    def _more(self) -> Iterator[str]:
        for title, lines in (
            ("Firmware", list(self._firmware_lines())),
            ("An initramfs needs", [f"{name}: {'; '.join(map(str, facts))}" for name, facts in self.initramfs.items()]),
            ("Unavailable in this configuration", list(map(str, self.fit.blocked))),
            ("Not mapped", list(map(str, self.fit.mapped.unmapped))),
        ):
            if lines:
                yield ""
                yield f"{title}:"
                yield from (f"  {line}" for line in lines)

    def _firmware_lines(self) -> Iterator[str]:
        for module, files in self.firmware.items():
            for package, some in by_package(files).items():
                shown = f"{some[0]} and {len(some) - 1} more, for many chips" if len(some) > _MANY else ", ".join(some)
                yield f"{module}: {shown} ({package or 'package unknown'})"
        requested = tuple(fact.name for fact in self.snapshot.facts if fact.kind is FactKind.FIRMWARE)
        for package, some in by_package(requested).items():
            yield f"requested by the machine: {', '.join(some)} ({package or 'package unknown'})"

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain data for JSON."""
        seen = {fact: list(names) for fact, names in self.snapshot.entries}
        mapped = self.fit.mapped
        return {
            "kernel": self.attribute,
            "snapshot": self.snapshot.digest,
            "machines": list(self.snapshot.machines),
            "options": [
                {"option": it.option, "value": it.value.value, "reasons": list(it.reasons)} for it in self.fit.needed
            ],
            "devices": [
                {
                    "fact": str(it.fact),
                    "name": it.fact.name,
                    "driver": it.fact.driver,
                    "found": it.how,
                    "module": it.module.name if it.module is not None else None,
                    "options": list(it.options),
                    "seen": seen[it.fact],
                }
                for it in mapped.found
            ],
            "firmware": {module: by_package(files) for module, files in self.firmware.items()},
            "initramfs": {name: [str(fact) for fact in facts] for name, facts in self.initramfs.items()},
            "blocked": [
                {"option": it.option, "reasons": list(it.reasons), "obstacles": list(it.obstacles)}
                for it in self.fit.blocked
            ],
            "unmapped": [
                {"fact": str(it.fact), "name": it.fact.name, "reason": it.reason, "seen": seen[it.fact]}
                for it in mapped.unmapped
            ],
        }
