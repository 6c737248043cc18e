"""What changes between two builds of one kernel: options and files, for kernix as a definition, for make as edits."""

from __future__ import annotations

import difflib

from typing import TYPE_CHECKING

import attrs

from derivations.frozen_map import FrozenMap


if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


CODE, HEADER = "kernel/panic.c", "include/linux/sched.h"
SHADOW, SHADOWED = "include/linux/magic.h", "include/uapi/linux/magic.h"

_PATCHED = "extern const int kernix_benchmark;\nconst int kernix_benchmark = 1;\n"
_DECLARED = "#define KERNIX_BENCHMARK 1\n"
_SHADOWING = "#include <uapi/linux/magic.h>\n#undef PROC_SUPER_MAGIC\n#define PROC_SUPER_MAGIC 0x9fa1\n"


def _texts(values: Mapping[str, str]) -> FrozenMap[str]:
    return FrozenMap(values)


@attrs.frozen
class Change:
    """How a kernel differs from the one that was built first.

    Attributes:
        options: Options that are requested, each `y` or `n`.
        added: What is appended to which file; one that does not exist begins with it.
    """

    options: FrozenMap[str] = attrs.field(factory=FrozenMap, converter=_texts)
    added: FrozenMap[str] = attrs.field(factory=FrozenMap, converter=_texts)

    def files(self, tree: Path) -> dict[str, tuple[str, str]]:
        """Return the text of each changed file of the source *tree*, before and after; before is empty for a new one."""
        found = {}
        for path, text in self.added.items():
            place = tree / path
            before = place.read_text(encoding="utf-8") if place.exists() else ""
            found[path] = (before, before + text)
        return found

    def patch(self, tree: Path) -> str:
        """Return the change of the source *tree* as a patch."""
        return "".join(_difference(path, *texts) for path, texts in sorted(self.files(tree).items()))

    def definition(self, name: str, patch: str) -> str:
        """Return the line that defines the kernel *name*, whose patch, if it needs one, is the file *patch*."""
        options = ", ".join(f'"{it}": {_VALUES[value]}' for it, value in sorted(self.options.items()))
        patches = f', patches=[Patch("benchmark", "{patch}")]' if self.added else ""
        return f"{name} = micro.override(extra_config={{{options}}}{patches})\n"

    @property
    def lines(self) -> str:
        """The lines that a user of make appends to the `.config`."""
        lines = {"y": "CONFIG_{}=y\n", "n": "# CONFIG_{} is not set\n"}
        return "".join(lines[value].format(name) for name, value in sorted(self.options.items()))


@attrs.frozen
class Case:
    """A change that is built and measured.

    Attributes:
        name: Its name in the table.
        change: What differs from the kernel that was built first.
        quick: Whether it belongs to the quick subset.
        between: What is built in between, without being measured.
        undone: What a user of make requests after that to come to *change*.
        factor: The bound as a fraction of a clean make; None for a bound in seconds.
        seconds: The bound in seconds.
        beside: Whether the bound beside make in a kept tree counts, too.
    """

    name: str
    change: Change = attrs.field(factory=Change)
    quick: bool = attrs.field(default=False, kw_only=True)
    between: Change | None = attrs.field(default=None, kw_only=True)
    undone: FrozenMap[str] = attrs.field(factory=FrozenMap, converter=_texts, kw_only=True)
    factor: float | None = attrs.field(default=None, kw_only=True)
    seconds: float = attrs.field(default=0, kw_only=True)
    beside: bool = attrs.field(default=False, kw_only=True)


def _added(path: str, text: str, options: Mapping[str, str] | None = None) -> Change:
    return Change(options or {}, {path: text})


CASES = (
    Case("nothing changed", quick=True, seconds=0.3),
    Case("redundant option", Change({"SWAP": "n"}), seconds=0.3),
    Case("one .c file patched", _added(CODE, _PATCHED), quick=True, factor=0.06, beside=True),
    Case("PRINTK_TIME, which few files read", Change({"PRINTK_TIME": "y"}), quick=True, factor=0.08, beside=True),
    Case("SMP, which nearly all read", Change({"SMP": "y"}), factor=1.03),
    Case(f"{HEADER} patched, which many include", _added(HEADER, _DECLARED), factor=1.03),
    Case(f"{SHADOW} added, which shadows {SHADOWED}", _added(SHADOW, _SHADOWING), factor=1.03),
    Case(
        "PRINTK_TIME on, .c file patched; then PRINTK_TIME off",
        _added(CODE, _PATCHED),
        between=_added(CODE, _PATCHED, {"PRINTK_TIME": "y"}),
        undone={"PRINTK_TIME": "n"},
        factor=0.08,
    ),
)

_VALUES = {"y": "YES", "n": "NO"}


def _difference(path: str, before: str, after: str) -> str:
    old, name = before.splitlines(keepends=True), f"b/{path}"
    lines = difflib.unified_diff(old, after.splitlines(keepends=True), f"a/{path}" if before else "/dev/null", name)
    return "".join(lines)
