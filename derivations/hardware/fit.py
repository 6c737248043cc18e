"""From what machines ask of a tree to the options to set: companions, dependencies, and why each is there.

Each module's options are asked for as modules, or built in where the kernel has no modules. What an
option depends on comes with it, by the shortest way that the kernel's own Kconfig knows from the
configuration there is (`derivations.kconfig.diagnosis.planner`): the buses that one forgets.
"""

from __future__ import annotations

import re

from typing import TYPE_CHECKING

import attrs

from derivations.frozen_map import FrozenMap
from derivations.hardware.curated import COMPANIONS
from derivations.hardware.enable import reach
from derivations.hardware.mapping import Mapped, can_be_module, map_hardware
from derivations.kconfig.diagnosis.plan import DeadEnd
from derivations.kconfig.language.fragment import Origin, Request
from derivations.kconfig.language.text import line
from derivations.kconfig.language.values import MODULE, YES, Priority, Tristate
from derivations.kconfig.symbols.expression import Level


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from derivations.hardware.drivers import DriverMap, Module
    from derivations.hardware.snapshot import Snapshot
    from derivations.kconfig.symbols.model import Model
    from derivations.kconfig.symbols.values_table import Values


FRAGMENT = "hardware"
"""What the fragment is called that a fit is."""

_CONTROL = re.compile(r"[^\x20-\x7e\xa0-\U0010ffff]+")
_MAX_REASONS = 8


@attrs.frozen
class Want:
    """An option to set, and who wants it."""

    option: str
    value: Tristate
    reasons: tuple[str, ...]


@attrs.frozen
class Blocked:
    """An option that is wanted and cannot be had."""

    option: str
    reasons: tuple[str, ...]
    obstacles: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.option}: {'; '.join(self.obstacles) or 'what it depends on cannot be had'}"


@attrs.frozen
class Fit:
    """What to set for a snapshot's machines.

    Attributes:
        wants: The options, in order of their names.
        blocked: What cannot be had in this configuration.
        mapped: What the machines ask for.
    """

    wants: tuple[Want, ...]
    blocked: tuple[Blocked, ...]
    mapped: Mapped

    @property
    def text(self) -> str:
        """Return the fragment, each option below the lines that say who wants it."""
        return "".join(f"{comments(it.reasons)}{line(it.option, it.value)}\n" for it in self.wants)


def fit(snapshot: Snapshot, drivers: DriverMap, model: Model, values: Values) -> Fit:
    """Return what to set for the machines of *snapshot*.

    Args:
        snapshot: The machines.
        drivers: The drivers of the tree.
        model: The tree's Kconfig.
        values: What every option is without what is set here.

    Raises:
        EmptySnapshot: there are no machines in it.
    """
    mapped = map_hardware(snapshot.checked(), drivers, model)
    asked = _asked(mapped, drivers, model)
    plans = reach(asked, model, values)
    wants = dict[str, tuple[Level, dict[str, None]]]()
    blocked = []
    for option, reasons in asked.items():
        plan = plans[option]
        if isinstance(plan, DeadEnd) or any(step.level is Level.N for step in plan.steps.values()):
            obstacles = plan.obstacles if isinstance(plan, DeadEnd) else ("something would have to be switched off",)
            blocked.append(Blocked(option, tuple(reasons), obstacles))
            continue
        # What is on already, or will be by itself, is asked for as well: another configuration below may not have it.
        steps = {option: _level(option, model, values)} | {name: step.level for name, step in plan.steps.items()}
        for name, level in steps.items():
            old, why = wants.get(name, (Level.N, {}))
            why |= reasons if name == option else {f"needed by {option}": None}
            wants[name] = max(old, level), why
    found = (
        Want(name, YES if level is Level.Y else MODULE, tuple(why)) for name, (level, why) in sorted(wants.items())
    )
    return Fit(tuple(found), tuple(sorted(blocked, key=lambda it: it.option)), mapped)


def requests(text: str, values: Values) -> FrozenMap[Request]:
    """Return what *text*, that of a fit, asks for; each request comes from those for whom the option is set.

    It is asked as a default, which gives way to what somebody asks for, and may fail to hold. What is y in
    *values*, which came of it, serves as well as a module.
    """
    found: dict[str, Request] = {}
    reasons: list[str] = []
    for it in text.splitlines():
        if it.startswith("#"):
            reasons.append(it[1:].strip())
            continue
        option, _, letter = it.removeprefix("CONFIG_").partition("=")
        value = YES if values.level(option) is Level.Y else Tristate(letter)
        origin = Origin(FRAGMENT, "; ".join(reasons))
        found[option] = Request(value, optional=True, priority=Priority.DEFAULT, origin=origin)
        reasons = []
    return FrozenMap(found)


def _level(option: str, model: Model, values: Values) -> Level:
    """Return what *option* is to be: as it is if it is on, else a module if it can be one."""
    whole = model[option].type == "bool" or values.level("MODULES") is not Level.Y
    return Level.Y if whole else max(values.level(option), Level.M)


def comments(reasons: Iterable[str]) -> str:
    """Return *reasons* as lines of comment, the first of many."""
    given = list(reasons)
    more = [f"and {len(given) - _MAX_REASONS} more"] if len(given) > _MAX_REASONS else []
    return "".join(map(comment, [*given[:_MAX_REASONS], *more]))


def comment(text: str) -> str:
    """Return *text*, which others may have written, as a line of comment that Kconfig reads nothing from."""
    plain = _CONTROL.sub(" ", text)
    # Kconfig takes `# CONFIG_X is not set`, whatever follows, for an assignment.
    return f"#  {plain}\n" if plain.startswith("CONFIG_") else f"# {plain}\n"


def _asked(mapped: Mapped, drivers: DriverMap, model: Model) -> dict[str, dict[str, None]]:
    """Return the options that are asked for, each with its reasons; companions follow what they go with."""
    asked: dict[str, dict[str, None]] = {}

    def ask(options: Iterable[str], reason: str) -> None:
        for option in options:
            if option in model:
                asked.setdefault(option, {})[reason] = None

    for found in mapped.found:
        called = "" if found.module is None else f" -> module {found.module.name}"
        ask(found.options, f"{found.fact} ({found.how}){called}")
    for module, _ in mapped.modules().values():
        for name, other in soft_dependencies(module, drivers, model):
            ask(other.options, f"module {module.name} wants {name} loaded with it")
    for option, reason in _companions(asked):
        ask([option], reason)
    return asked


def _companions(asked: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Yield what goes with the options *asked* for, and with that in turn, with the reasons."""
    known = list(asked)
    pending = list(COMPANIONS)
    while fitting := [it for it in pending if it.option in known]:
        pending = [it for it in pending if it not in fitting]
        for companion in fitting:
            for option in companion.wants:
                yield option, f"{companion.option}: {companion.why}"
                known.append(option)


def soft_dependencies(module: Module, drivers: DriverMap, model: Model) -> Iterator[tuple[str, Module]]:
    """Yield the modules that *module* wants loaded with it, by the names that it says."""
    for text in module.softdeps:
        if "pre:" in text or "post:" in text:  # kmod ignores what has neither (libkmod-config.c)
            for word in text.split():
                if not word.endswith(":"):
                    yield from ((word, it) for it in drivers.named(word) if can_be_module(it, model))
