"""Defaults that do not hold: shadowed if a request of higher priority is the cause, else an error."""

from __future__ import annotations

from derivations.frozen_map import FrozenMap
from derivations.kconfig.diagnosis.diagnose import diagnose
from derivations.kconfig.diagnosis.outcome import Diagnosis, Outcome
from derivations.kconfig.language.fragment import Origin, Request
from derivations.kconfig.language.merge import Merged
from derivations.kconfig.language.values import MODULE, NO, YES, Priority, Tristate
from derivations.kconfig.symbols.dotconfig import compose
from derivations.kconfig.symbols.model import Choice
from tests.small_kconfig import Resolver, model, option


OPTIONS = model(
    [
        option("MODULES", prompt="Modules"),
        option("SOUND", prompt="Sound"),
        option("DRIVER", "tristate", prompt="Driver", depends="SOUND"),
        option("CODEC", "tristate", prompt="Codec", depends="DRIVER"),
        option("SLOW", prompt="Slow", choice="@1"),
        option("FAST", prompt="Fast", choice="@1"),
    ],
    [Choice(id="@1", prompt="Speed", members=("SLOW", "FAST"))],
)


def found(defaults: dict[str, Tristate], plain: dict[str, Tristate]) -> dict[str, Diagnosis]:
    """Return the diagnoses of *defaults*, with *plain* requests on top."""
    asked = {
        **{it: Request(value, priority=Priority.DEFAULT, origin=Origin("base")) for it, value in defaults.items()},
        **{it: Request(value, origin=Origin("mine", "mine.py:1")) for it, value in plain.items()},
    }
    values = Resolver(OPTIONS)(compose(compose("", defaults, OPTIONS), plain, OPTIONS))
    return {it.option: it for it in diagnose(Merged(FrozenMap(asked)), OPTIONS, values)}


def test_a_default_gives_way_to_a_disabled_dependency() -> None:
    """Drivers of a subsystem that the user disables are shadowed, at any depth below it."""
    diagnoses = found({"MODULES": YES, "DRIVER": MODULE, "CODEC": MODULE}, {"SOUND": NO})

    assert [diagnoses[it].outcome for it in ("DRIVER", "CODEC")] == [Outcome.SHADOWED, Outcome.SHADOWED]
    assert diagnoses["CODEC"].reason == "a default, overridden by SOUND (mine, mine.py:1)"
    assert not [it for it in diagnoses.values() if it.fails]


def test_a_default_gives_way_to_another_member_of_its_choice() -> None:
    """A member of a choice that the user requests replaces the default one."""
    diagnoses = found({"FAST": YES}, {"SLOW": YES})

    assert (diagnoses["SLOW"].outcome, diagnoses["FAST"].outcome) == (Outcome.HELD, Outcome.SHADOWED)


def test_a_default_that_nothing_overrides_fails() -> None:
    """A default that cannot hold on its own is an error, whatever else is requested."""
    diagnoses = found({"MODULES": YES, "DRIVER": MODULE}, {"SLOW": YES})

    assert (diagnoses["DRIVER"].outcome, diagnoses["DRIVER"].fails) == (Outcome.BLOCKED, True)


def test_a_plain_request_gives_way_to_nothing() -> None:
    """A user's request fails even if another request of the same user is the cause."""
    diagnoses = found({"MODULES": YES}, {"SOUND": NO, "DRIVER": MODULE})

    assert (diagnoses["DRIVER"].outcome, diagnoses["DRIVER"].fails) == (Outcome.BLOCKED, True)
