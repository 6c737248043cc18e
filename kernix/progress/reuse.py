"""The wording of what a kernel's build compiled, and what it took from kept object trees.

The sentences of other events, such as that a result was reused, are in `words`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernix.output.quantities import ago, number


if TYPE_CHECKING:
    from derivations.realise.kept.reuse import Reuse


def outcome(name: str, reuse: Reuse) -> str:
    """Return a line about the build of the kernel *name*."""
    lost = "" if reuse.lost is None else f"; its object tree was not kept: {reuse.lost}"
    return f"{name}: {_compiled(reuse)}{_cached(reuse)}{_rest(reuse)}{lost}"


def _compiled(reuse: Reuse) -> str:
    if reuse.tree is None:
        return f"compiled all {number(reuse.compiled, 'object')}"
    if not reuse.total:
        return f"compiled {number(reuse.compiled, 'object')}"
    return f"compiled {reuse.compiled:,} of {number(max(reuse.total, reuse.compiled), 'object')}"


def _cached(reuse: Reuse) -> str:
    return "" if reuse.cached is None else f", {reuse.cached:,} from the compile cache"


def _rest(reuse: Reuse) -> str:
    if reuse.tree is None:
        return "" if reuse.refused is None else f": {reuse.refused}"
    came = [f"{count:,} came from {name}" for name, count in reuse.borrowed.items()]
    age = "" if reuse.age is None else f" ({ago(reuse.age)})"
    return f"; {', '.join([*came, f'the rest was kept from {reuse.tree}{age}'])}"
