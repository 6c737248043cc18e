"""builtin:check-config: compare a resolved configuration with what was requested.

Mounts `/config` and `/values`, made by the resolver, and `/resolver`, which has the model; `/base`, the file that
it started with, and `/trim`, what was dropped from that. Environment, JSON: `requests`, the line of each requested
option; `optional`, those that may fail; `defaults`, those that give way to others. `base`, a word, sets what happens
if the file asks for something that it does not get: `told` warns, `strict` is an error. Without that word, nothing
in the file may come out differently. `version`, the kernel's expected version, and `mod_dir_version`, the expected
name of its modules directory, if given. `requires`, requirement sets whose rules must hold. `firmware`, JSON: a
directory below the mount `/firmware`, and the names of files that must be in it.
"""

from __future__ import annotations

import json
import shutil

from typing import TYPE_CHECKING, ClassVar

from derivations.frozen_map import FrozenMap
from derivations.kconfig.diagnosis.diagnose import diagnose
from derivations.kconfig.diagnosis.whole_config import whole_config_requests, with_changes
from derivations.kconfig.language.fragment import Origin, Request
from derivations.kconfig.language.merge import Merged
from derivations.kconfig.language.values import Priority
from derivations.kconfig.language.wording import joined
from derivations.kconfig.symbols.dotconfig import parse
from derivations.kconfig.symbols.model import Model
from derivations.kconfig.symbols.values_table import Values
from derivations.linux.firmware import PLACE as FIRMWARE
from derivations.suggest import suggestion
from derivations.version import check_tree
from store.errors import Error


if TYPE_CHECKING:
    from collections.abc import Iterable

    from derivations.kconfig.diagnosis.base import Missed
    from derivations.kconfig.diagnosis.outcome import Diagnosis
    from derivations.kconfig.requirements.judged import Judged
    from derivations.realise.job import Job


_NAMED = 8
"""How many options a warning lists: about two lines."""

_DETAILED = 12
"""How many requirements an error lists: about a screen."""


class ConfigMismatch(Error):
    """The kernel's Kconfig did not give requested options their values."""

    exit_code: ClassVar[int] = 100

    name: str
    diagnoses: tuple[Diagnosis, ...]

    def __str__(self) -> str:
        count = len(self.diagnoses)
        head = f"{self.name}: {count} requested option{'s' if count > 1 else ''} did not hold"
        lines = [line for it in self.diagnoses for line in it.text.splitlines()]
        return "\n  ".join([head, *lines])

    @property
    def hint(self) -> str:
        """Return how to find what is missing, and how to do without an option."""
        return "`kernix config fix` finds what else to ask for; optional(value) may fail to hold"


class BaseNotHeld(Error):
    """A strict base asks for something that the kernel does not get."""

    exit_code: ClassVar[int] = 100

    name: str
    missed: Missed

    def __str__(self) -> str:
        count, file = self.missed.count, self.missed.base.file
        head = f"{self.name}: {count} line{'s' if count > 1 else ''} of {file} {'do' if count > 1 else 'does'} not hold"
        lines = [line for it in self.missed.diagnoses for line in it.text.splitlines()]
        return "\n  ".join([head, *self.missed.base.unread, *lines])

    @property
    def hint(self) -> str:
        """Return how to proceed."""
        return "fix the file, override it in extra_config, or leave out strict_base"


class RequirementsNotMet(Error):
    """A configuration does not meet the requirements that the kernel declares."""

    exit_code: ClassVar[int] = 100

    name: str
    failed: tuple[Judged, ...]

    def __str__(self) -> str:
        count = len(self.failed)
        sets = joined(list(dict.fromkeys(it.name for it in self.failed)))
        head = f"{self.name}: {count} requirement{'s' if count > 1 else ''} of {sets} not met"
        lines = [line for it in self.failed[:_DETAILED] for line in it.lines()]
        more = [f"and {count - _DETAILED} more"] if count > _DETAILED else []
        return "\n  ".join([head, *lines, *more])

    @property
    def hint(self) -> str:
        """Return how to find the missing options."""
        return f"`kernix check ATTR --requires {self.failed[0].name} --fragment` prints the options that meet them"


class MissingFirmware(Error):
    """The tree with a kernel's firmware lacks files."""

    exit_code: ClassVar[int] = 100

    name: str
    files: tuple[str, ...]
    near: str | None

    def __str__(self) -> str:
        return f"{self.name}: no firmware {', '.join(self.files)} in the tree that should have it"

    @property
    def hint(self) -> str | None:
        """Suggest files with a similar name."""
        return self.near


def check_config(job: Job) -> None:
    """Copy the configuration, if every request in it holds.

    Raises:
        ConfigMismatch: with every request that does not hold.
        TreeOfOtherVersion: the tree's version is not the expected one.
        BaseNotHeld: with every line of a strict base that does not hold.
        IncompleteConfig, MinimalConfig, ForeignConfig, ConfigOfOtherVersion: the base is of a kind that cannot hold
            completely.
        MissingFirmware: files of the firmware do not exist.
        RequirementsNotMet: with every rule of a requirement set that does not hold.
    """
    model = Model.read(job.inputs["/resolver"] / "model")
    env = job.derivation.env
    check_tree(job.derivation.name, env.get("version", ""), model.version, env.get("mod_dir_version", ""))
    values = Values.read(job.inputs["/values"])
    merged, base = _merged(job), _whole_base(job, model)
    merged = with_changes(merged, base, model, values)
    diagnoses = diagnose(merged, model, values, base=base)
    if failed := tuple(it for it in diagnoses if it.fails):
        raise ConfigMismatch(job.derivation.name, failed)
    if missing := _missed(diagnoses):
        job.warn(f"{job.derivation.name}: {missing}")
    _compare_with_base(job, merged, model, values)
    _check_firmware(job)
    if "requires" in env:
        from derivations.kconfig.requirements.judged import judge  # noqa: PLC0415 -- start-up: few kernels declare sets
        from derivations.kconfig.requirements.requirement_set import loaded  # noqa: PLC0415 -- as above

        judged = judge(loaded(env["requires"]), merged, model, values)
        if unmet := tuple(it for it in judged if not it.holds):
            raise RequirementsNotMet(job.derivation.name, unmet)
    shutil.copyfile(job.inputs["/config"], job.out / "out")


def _check_firmware(job: Job) -> None:
    """Raise `MissingFirmware` if a file of the firmware does not exist: the build would find out after compiling."""
    if "firmware" not in job.derivation.env:
        return
    directory, *files = json.loads(job.derivation.env["firmware"])
    place = job.inputs[FIRMWARE] / directory
    if missing := tuple(it for it in files if not (place / it).is_file()):
        known = [str(it.relative_to(place)) for it in place.rglob("*") if it.is_file()] if place.is_dir() else []
        raise MissingFirmware(job.derivation.name, missing, suggestion(missing[0], known))


def _missed(diagnoses: Iterable[Diagnosis]) -> str:
    """Return a sentence about the optional requests, other than defaults, that do not hold."""
    missed = [
        it.option
        for it in diagnoses
        if it.request.optional and it.request.priority < Priority.DEFAULT and not it.holds and it.outcome != "shadowed"
    ]
    if not missed:
        return ""
    more = f" and {len(missed) - _NAMED} more" if len(missed) > _NAMED else ""
    what = "optional requests do" if len(missed) > 1 else "optional request does"
    return f"{len(missed)} {what} not hold: {', '.join(missed[:_NAMED])}{more}; `kernix config check` says why"


def _compare_with_base(job: Job, merged: Merged, model: Model, values: Values) -> None:
    """Warn about what the base asks for and does not get; raise `BaseNotHeld` if the base is strict."""
    if (word := job.derivation.env.get("base")) is None:
        return
    from derivations.hardware.trim import without_dropped  # noqa: PLC0415 -- start-up: most bases are targets of make
    from derivations.kconfig.diagnosis.base import missed, read_base  # noqa: PLC0415 -- as above

    file = job.derivation.mounts["/base"].derivation.name
    dropped = _dropped(job, merged, values)
    found = missed(read_base(job.inputs["/base"].read_bytes(), file, model), merged.over(dropped), model, values)
    if dropped:
        found = without_dropped(found, dropped, model, values)
    if not found.count:
        return
    if word == "strict":
        raise BaseNotHeld(job.derivation.name, found)
    options = [it.option for it in found.diagnoses]
    unread = [it.partition(":")[0] for it in found.base.unread]
    names = [*unread, *options]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    what = "lines do" if found.count > 1 else "line does"
    job.warn(
        f"{job.derivation.name}: of {file}, {found.count} {what} not hold: {', '.join(names[:_NAMED])}{more}; "
        "`kernix config check` says why"
    )


def _dropped(job: Job, merged: Merged, values: Values) -> dict[str, Request]:
    """Return the requests of a trim, if there is one, that *merged* does not override."""
    if "/trim" not in job.inputs:
        return {}
    from derivations.hardware.trim import requests  # noqa: PLC0415 -- start-up: few kernels are trimmed

    found = requests(job.inputs["/trim"].read_text(encoding="utf-8"), values)
    return {name: it for name, it in found.items() if name not in merged.requests}


def _merged(job: Job) -> Merged:
    """Return the requests of the derivation."""
    env, origins = job.derivation.env, job.derivation.hints.origins
    lines: dict[str, str] = json.loads(env["requests"])
    optional, defaults = (frozenset(json.loads(env[it])) for it in ("optional", "defaults"))
    asked = parse("\n".join(lines.values()))
    return Merged(
        FrozenMap(
            {
                name: Request(
                    value,
                    optional=name in optional,
                    priority=Priority.DEFAULT if name in defaults else Priority.PLAIN,
                    origin=Origin.parse(str(origins.get(name, ""))),
                )
                for name, value in asked.items()
            }
        )
    )


def _whole_base(job: Job, model: Model) -> dict[str, Request]:
    """Return what a base without the word `base` sets or leaves out; nothing if there is no base."""
    if "/base" not in job.inputs or "base" in job.derivation.env:
        return {}
    file = job.derivation.mounts["/base"].derivation.name
    base, config = (job.inputs[it].read_text(encoding="utf-8", errors="surrogateescape") for it in ("/base", "/config"))
    return whole_config_requests(base, file, config, model)
