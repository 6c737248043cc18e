"""Plans, which are options to set together, with a price; and dead ends, with their obstacles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from derivations.kconfig.language.values import MODULE, NO, YES, Tristate
from derivations.kconfig.symbols.expression import Level


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


LEVELS: Mapping[object, Level] = {NO: Level.N, MODULE: Level.M, YES: Level.Y}
TRISTATES: Mapping[Level, Tristate] = {Level.N: NO, Level.M: MODULE, Level.Y: YES}


@attrs.frozen
class PlanStep:
    """An option to set to *level*, and its price."""

    level: Level
    price: int


@attrs.frozen
class SettingPlan:
    """Options to set, by name, and the extra price of a detour."""

    steps: Mapping[str, PlanStep] = attrs.field(factory=dict)
    detour: int = 0

    @property
    def price(self) -> int:
        """Return the price of all steps."""
        return self.detour + sum(step.price for step in self.steps.values())

    @property
    def assignments(self) -> dict[str, Tristate]:
        """Return the value to set for each option."""
        return {name: TRISTATES[step.level] for name, step in self.steps.items()}

    def with_surcharge(self, name: str, more: int) -> SettingPlan:
        """Return this plan with the price of setting the option *name*, if it does, raised by *more*."""
        if name not in self.steps:
            return self
        step = self.steps[name]
        return attrs.evolve(self, steps={**self.steps, name: PlanStep(step.level, step.price + more)})


@attrs.frozen
class DeadEnd:
    """No plan exists; each of *obstacles*, a clause, is something that cannot be changed."""

    obstacles: tuple[str, ...] = ()


Found = SettingPlan | DeadEnd

NOTHING = SettingPlan()


def both(first: Found, second: Found) -> Found:
    """Return two plans as one; a dead end if one enables what the other disables."""
    if isinstance(first, DeadEnd) or isinstance(second, DeadEnd):
        return first if isinstance(first, DeadEnd) else second
    steps = dict(first.steps)
    for name, step in second.steps.items():
        known = steps.get(name, step)
        if (known.level is Level.N) is not (step.level is Level.N):
            return DeadEnd((f"{name} would have to be both on and off",))
        steps[name] = PlanStep(max(known.level, step.level), min(known.price, step.price))
    return SettingPlan(steps, max(first.detour, second.detour))


def around(found: Found, more: int) -> Found:
    """Return *found* as a detour that costs *more*."""
    return attrs.evolve(found, detour=found.detour + more) if isinstance(found, SettingPlan) and found.steps else found


def every(searches: Iterable[Callable[[], Found]]) -> Found:
    """Return the plans that all *searches* find as one; stop at a dead end."""
    found: Found = NOTHING
    for search in searches:
        found = both(found, search())
        if isinstance(found, DeadEnd):
            break
    return found


def cheapest(searches: Iterable[Callable[[], Found]]) -> Found:
    """Return the cheapest plan that *searches* find; stop at one that is free."""
    found: list[Found] = []
    for search in searches:
        found.append(search())
        if found[-1] == NOTHING:
            break
    return best(found)


def best(found: Iterable[Found]) -> Found:
    """Return the cheapest plan of those *found*, or a dead end with all obstacles."""
    found = list(found)
    plans = [it for it in found if isinstance(it, SettingPlan)]
    if plans:
        return min(plans, key=lambda it: it.price)
    obstacles = [clause for it in found if isinstance(it, DeadEnd) for clause in it.obstacles]
    return DeadEnd(tuple(dict.fromkeys(obstacles)))
