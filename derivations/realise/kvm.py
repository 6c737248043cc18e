"""Whether KVM works on this machine, as learned from boots.

No setting shows it: `/dev/kvm` may open and every kernel still hang. So a boot tries KVM, and if emulation
succeeds after KVM failed, its builder reports that (`derivations.realise.sandbox.log`). The failure is recorded, and
later builders do not get /dev/kvm. No key depends on it, because it changes how a boot runs, not its result.

The record is one file per machine in the store's cache, `kvm/<digest>`, with the reason as text, because stores are
moved and shared. A change that may make KVM work counts as another machine: another kernel, another processor, or a
hypervisor that now allows nesting.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets

from pathlib import Path
from typing import TYPE_CHECKING

import attrs


if TYPE_CHECKING:
    from store.layout import Layout


_PROCESSOR = re.compile(r"(?:model name|Hardware|CPU part)\s*: (.*)")
_FLAGS = re.compile(r"flags\s*: (.*)")
_NEEDED = frozenset({"vmx", "svm"})
_LONGEST = 200  # characters: a reason is one sentence


@attrs.frozen
class KvmRecord:
    """The record about KVM on one machine, in the file *place*."""

    place: Path

    @classmethod
    def of(cls, layout: Layout, root: Path = Path("/")) -> KvmRecord:
        """Return the record in the store at *layout* for the machine whose files are below *root*."""
        return cls(layout.cache / "kvm" / hashlib.sha256(_machine(root).encode()).hexdigest()[:32])

    @property
    def failure(self) -> str | None:
        """Return why KVM is not used, or None if no failure is recorded."""
        try:
            return self.place.read_text(encoding="utf-8", errors="replace")[:_LONGEST] or None
        except OSError:
            return None

    def fail(self, reason: str) -> None:
        """Record that KVM does not work, for *reason*.

        Raises:
            OSError: the file cannot be written.
        """
        self.place.parent.mkdir(exist_ok=True)
        part = self.place.with_name(f"{self.place.name}.{secrets.token_hex(4)}")
        part.write_text(reason[:_LONGEST], encoding="utf-8")
        part.replace(self.place)

    def clear(self) -> None:
        """Delete the record, because KVM works."""
        self.place.unlink(missing_ok=True)


def _machine(root: Path) -> str:
    """Return what identifies the machine and its kernel, as far as KVM is concerned."""
    system = os.uname()
    processors = _text(root / "proc/cpuinfo")
    processor = _PROCESSOR.search(processors)
    flags = _FLAGS.search(processors)
    nests = _NEEDED & set(flags[1].split()) if flags is not None else ()
    return "\n".join(
        (
            _text(root / "etc/machine-id") or system.nodename,
            system.release,
            system.version,
            processor[1] if processor is not None else system.machine,
            *sorted(nests),
        )
    )


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
