"""From the hardware of machines to the options to set: companions, dependencies, and the reason for each.

The options are requested as modules, or built in if the kernel has no modules. The dependencies of an
option are set with it, in the shortest way that the kernel's own Kconfig allows from the
present configuration (`derivations.kconfig.diagnosis.planner`): the buses that people forget.
"""

from __future__ import annotations

import re

from typing import TYPE_CHECKING

import attrs

from derivations.frozen_map import FrozenMap
from derivations.hardware.curated import COMPANIONS
from derivations.hardware.enable import plan_options
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
"""The name of the fragment of a fit."""

_CONTROL = re.compile(r"[^\x20-\x7e\xa0-\U0010ffff]+")
_MAX_REASONS = 8  # lines: some options have hundreds, and the file is for people


@attrs.frozen
class NeededOption:
    """An option to set, and the reasons."""

    option: str
    value: Tristate
    reasons: tuple[str, ...]


@attrs.frozen
class Blocked:
    """An option that is needed but cannot be turned on."""

    option: str
    reasons: tuple[str, ...]
    obstacles: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.option}: {'; '.join(self.obstacles) or 'its dependencies cannot be met'}"


@attrs.frozen
class Fit:
    """The options to set for a snapshot's machines.

    Attributes:
        needed: The options, sorted by name.
        blocked: The options that are unavailable in this configuration.
        mapped: The modules and options that the machines need.
    """

    needed: tuple[NeededOption, ...]
    blocked: tuple[Blocked, ...]
    mapped: Mapped

    @property
    def text(self) -> str:
        """Return the fragment, each option below comments with its reasons."""
        return "".join(f"{comments(it.reasons)}{line(it.option, it.value)}\n" for it in self.needed)


def fit(snapshot: Snapshot, drivers: DriverMap, model: Model, values: Values) -> Fit:
    """Return the options to set for the machines of *snapshot*.

    Args:
        snapshot: The machines.
        drivers: The drivers of the tree.
        model: The tree's Kconfig.
        values: The values of all options without those set here.

    Raises:
        EmptySnapshot: the snapshot is empty.
    """
    mapped = map_hardware(snapshot.checked(), drivers, model)
    asked = _asked(mapped, drivers, model)
    plans = plan_options(asked, model, values)
    wants = dict[str, tuple[Level, dict[str, None]]]()
    blocked = []
    for option, reasons in asked.items():
        plan = plans[option]
        if isinstance(plan, DeadEnd) or any(step.level is Level.N for step in plan.steps.values()):
            obstacles = plan.obstacles if isinstance(plan, DeadEnd) else ("something would have to be switched off",)
            blocked.append(Blocked(option, tuple(reasons), obstacles))
            continue
        # Options that are already on, or turn on by themselves, are requested too: another base may not have them.
        steps = {option: _level(option, model, values)} | {name: step.level for name, step in plan.steps.items()}
        for name, level in steps.items():
            old, why = wants.get(name, (Level.N, {}))
            why |= reasons if name == option else {f"needed by {option}": None}
            wants[name] = max(old, level), why
    found = (
        NeededOption(name, YES if level is Level.Y else MODULE, tuple(why))
        for name, (level, why) in sorted(wants.items())
    )
    return Fit(tuple(found), tuple(sorted(blocked, key=lambda it: it.option)), mapped)


def requests(text: str, values: Values) -> FrozenMap[Request]:
    """Return the requests in the *text* of a fit; the origin of each names the hardware that needs the option.

    They are defaults, which other requests override and which need not hold. An option that is y in
    the resulting *values* is requested as y, since that is as good as a module.
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
    """Return the level to request for *option*: its present level if it is on, or else a module if possible."""
    is_built_in = model[option].type == "bool" or values.level("MODULES") is not Level.Y
    return Level.Y if is_built_in else max(values.level(option), Level.M)


def comments(reasons: Iterable[str]) -> str:
    """Return *reasons* as comment lines; if there are many, only the first of them."""
    given = list(reasons)
    more = [f"and {len(given) - _MAX_REASONS} more"] if len(given) > _MAX_REASONS else []
    return "".join(map(comment, [*given[:_MAX_REASONS], *more]))


def comment(text: str) -> str:
    """Return the untrusted *text* as a comment line that Kconfig ignores."""
    plain = _CONTROL.sub(" ", text)
    # Kconfig reads `# CONFIG_X is not set` as an assignment, even if more text follows.
    return f"#  {plain}\n" if plain.startswith("CONFIG_") else f"# {plain}\n"


def _asked(mapped: Mapped, drivers: DriverMap, model: Model) -> dict[str, dict[str, None]]:
    """Return the requested options, each with its reasons; companions follow the options that need them."""
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
    """Yield the companions of the options *asked* for, transitively, each with the reason."""
    known = list(asked)
    pending = list(COMPANIONS)
    while fitting := [it for it in pending if it.option in known]:
        pending = [it for it in pending if it not in fitting]
        for companion in fitting:
            for option in companion.requires:
                yield option, f"{companion.option}: {companion.why}"
                known.append(option)


def soft_dependencies(module: Module, drivers: DriverMap, model: Model) -> Iterator[tuple[str, Module]]:
    """Yield the modules to load with *module*, each with the name that *module* uses for it."""
    for text in module.softdeps:
        if "pre:" in text or "post:" in text:  # kmod ignores what has neither (libkmod-config.c)
            for word in text.split():
                if not word.endswith(":"):
                    yield from ((word, it) for it in drivers.named(word) if can_be_module(it, model))
