"""A kernel's configuration, resolved by its own Kconfig, with the value of every option."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from derivations.hardware.fit import requests
from derivations.hardware.trim import FRAGMENT as TRIM
from derivations.hardware.trim import requests as dropped
from derivations.hardware.trim import without_dropped
from derivations.kconfig.diagnosis.base import missed, read_base
from derivations.kconfig.diagnosis.diagnose import diagnose
from derivations.kconfig.diagnosis.whole_config import whole_config_requests, with_changes
from derivations.kconfig.symbols.model import Model
from derivations.kconfig.symbols.values_table import Values
from derivations.linux.kernel import Kernel
from kernix.building import realise
from kernix.evaluation.attributes import NotBuildable, follow


if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from derivations.kconfig.diagnosis.base import Missed
    from derivations.kconfig.diagnosis.outcome import Diagnosis
    from derivations.kconfig.language.merge import Merged
    from kernix.options import Chosen
    from kernix.session import Session


@attrs.frozen(kw_only=True)
class Resolved:
    """A kernel's configuration, resolved by its own Kconfig, whether or not every request holds.

    Attributes:
        name: The user's name of the kernel.
        kernel: The kernel.
        model: Its Kconfig.
        values: The value of every option.
        file: The `.config`.
        merged_requests: The requests, and below them those for its machines' hardware.
    """

    name: str
    kernel: Kernel
    model: Model
    values: Values
    file: Path
    merged_requests: Merged

    @property
    def is_requested(self) -> bool:
        """Return whether it is just requests over a base, without hardware and without `auto_modules`."""
        arguments = self.kernel.arguments
        return arguments.hardware is None and not arguments.auto_modules

    def start(self, session: Session, chosen: Chosen) -> str:
        """Return the `.config` below further requests: the base, or the resolved one if there is more than requests."""
        if not self.is_requested:
            return self.file.read_text(encoding="utf-8")
        base = self.kernel.base_config
        place = session.store.path(realise(session, [base], **chosen)[base])
        return place.read_text(encoding="utf-8", errors="surrogateescape")

    def missed(self, session: Session, chosen: Chosen) -> Missed | None:
        """Return the lines that do not hold of the file that it starts from; None if it starts from no file."""
        arguments = self.kernel.arguments
        if isinstance(self.kernel.base, str) or (arguments.exact and not arguments.ignore_config_errors):
            return None
        base = self.kernel.base_config
        data = session.store.path(realise(session, [base], **chosen)[base]).read_bytes()
        found = missed(read_base(data, base.derivation.name, self.model), self.merged_requests, self.model, self.values)
        return self._but_for_trim(found) if arguments.only_hardware else found

    def _but_for_trim(self, found: Missed) -> Missed:
        """Return *found* without the options that a trim dropped, directly or with the modules they depend on."""
        trimmed = {name for name, it in self.merged_requests.requests.items() if it.origin.fragment == TRIM}
        return without_dropped(found, trimmed, self.model, self.values)

    def diagnoses(self, session: Session, chosen: Chosen) -> tuple[Diagnosis, ...]:
        """Return the outcome of every request, and of the lines of a whole `.config` that must hold and do not."""
        arguments = self.kernel.arguments
        if not arguments.exact or arguments.ignore_config_errors:
            return diagnose(self.merged_requests, self.model, self.values)
        base = self.kernel.base_config
        place = session.store.path(realise(session, [base], **chosen)[base])
        text, config = (it.read_text(encoding="utf-8", errors="surrogateescape") for it in (place, self.file))
        lines = whole_config_requests(text, base.derivation.name, config, self.model)
        return diagnose(
            with_changes(self.merged_requests, lines, self.model, self.values), self.model, self.values, base=lines
        )


def kernel(names: Mapping[str, Any], attribute: str) -> Kernel:
    """Return the kernel that *attribute* is.

    Raises:
        UnknownAttribute: there is none.
        NotBuildable: it is not a kernel.
    """
    found = follow(names, attribute)
    if not isinstance(found, Kernel):
        message = f"`{attribute}` is not a kernel, so it has no configuration"
        raise NotBuildable(message)
    return found


def resolve(session: Session, name: str, found: Kernel, chosen: Chosen) -> Resolved:
    """Return the configuration of the kernel *found*, called *name*; it is resolved as *chosen* if necessary.

    Raises:
        Error: it cannot be.
    """
    program, dotconfig, values = found.resolver.out, found.resolved.output("out"), found.resolved.output("values")
    session.named.setdefault(values.derivation.key, name)
    places = realise(session, [program, dotconfig, values], **chosen)
    model, file, table = (session.store.path(places[it]) for it in (program, dotconfig, values))
    known = Values.read(table)
    return Resolved(
        name=name,
        kernel=found,
        model=Model.read(model / "model"),
        values=known,
        file=file,
        merged_requests=_wanted(session, found, known, chosen),
    )


def _wanted(session: Session, found: Kernel, values: Values, chosen: Chosen) -> Merged:
    """Return the requests, over the options that the machines need, over those that are dropped without need."""
    merged = found.merged_requests
    for fragment, read in ((found.hardware_options, requests), (found.dropped_options, dropped)):
        if fragment is not None:
            text = session.store.path(realise(session, [fragment], **chosen)[fragment]).read_text(encoding="utf-8")
            merged = merged.over(read(text, values))
    return merged
