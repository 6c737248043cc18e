"""builtin:check-config: compare a resolved configuration with what was asked for."""

from __future__ import annotations

import json
import shutil

from typing import TYPE_CHECKING, ClassVar

from derivations.kconfig.check import Mismatch, mismatches, parse
from derivations.kconfig.fragment import Request, requests
from store.errors import Error


if TYPE_CHECKING:
    from derivations.realise.job import Job


class ConfigMismatch(Error):
    """Options that were asked for are not what the kernel's Kconfig made of them."""

    exit_code: ClassVar[int] = 100

    name: str
    mismatches: tuple[Mismatch, ...]

    def __str__(self) -> str:
        count = len(self.mismatches)
        head = f"{self.name}: {count} requested option{'s' if count > 1 else ''} did not hold"
        return "\n  ".join([head, *(f"{it.option}: {it}" for it in self.mismatches)])

    @property
    def hint(self) -> str:
        """Tell how to keep going without an option."""
        return "an option with unmet dependencies is dropped; ask for those too, or use optional(value)"


def check_config(job: Job) -> None:
    """Copy the configuration mounted at `/config` if every one of `requests` holds in it.

    Raises:
        ConfigMismatch: with every request that does not hold.
    """
    lines: dict[str, str] = json.loads(job.derivation.env["requests"])
    wanted = {name: it for name, it in requests("\n".join(lines.values())).items() if isinstance(it, Request)}
    config = job.inputs["/config"]
    if failed := mismatches(wanted, parse(config.read_text())):
        raise ConfigMismatch(job.derivation.name, tuple(failed))
    shutil.copyfile(config, job.out / "out")
