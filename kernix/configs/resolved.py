"""A kernel's configuration as its own Kconfig resolved it, with what is known of every option."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from derivations.hardware.fit import requests
from derivations.hardware.trim import FRAGMENT as TRIM
from derivations.hardware.trim import requests as dropped
from derivations.hardware.trim import without_dropped
from derivations.kconfig.diagnosis.base import missed, read_base
from derivations.kconfig.diagnosis.diagnose import diagnose
from derivations.kconfig.diagnosis.whole_config import whole, with_changes
from derivations.kconfig.symbols.model import Model
from derivations.kconfig.symbols.values_table import Values
from derivations.linux.kernel import Kernel
from kernix.building import realise
from kernix.evaluation.attributes import NotBuildable, follow


if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from derivations.kconfig.diagnosis.base import Missed
    from derivations.kconfig.diagnosis.outcome import Account
    from derivations.kconfig.language.merge import Merged
    from kernix.options import Chosen
    from kernix.session import Session


@attrs.frozen(kw_only=True)
class Resolved:
    """A kernel's configuration as its own Kconfig resolved it, whether all that was asked for holds or not.

    Attributes:
        name: What the user calls the kernel.
        kernel: The kernel.
        model: Its Kconfig.
        values: The value of every option.
        file: The `.config`.
        wanted: What is asked for, and beneath it what its machines need.
    """

    name: str
    kernel: Kernel
    model: Model
    values: Values
    file: Path
    wanted: Merged

    @property
    def is_requested(self) -> bool:
        """Return whether it is no more than requests over a base: no hardware, and no modules of all that can be."""
        arguments = self.kernel.arguments
        return arguments.hardware is None and not arguments.auto_modules

    def start(self, session: Session, chosen: Chosen) -> str:
        """Return the `.config` that requests are put over: the base, or what all came to where more has a part in it."""
        if not self.is_requested:
            return self.file.read_text(encoding="utf-8")
        base = self.kernel.base_config
        place = session.store.path(realise(session, [base], **chosen)[base])
        return place.read_text(encoding="utf-8", errors="surrogateescape")

    def missed(self, session: Session, chosen: Chosen) -> Missed | None:
        """Return what the file that it begins with asks for and does not get; None if it begins with none."""
        arguments = self.kernel.arguments
        if isinstance(arguments.base, str) or (arguments.exact and not arguments.ignore_config_errors):
            return None
        base = self.kernel.base_config
        data = session.store.path(realise(session, [base], **chosen)[base]).read_bytes()
        found = missed(read_base(data, base.derivation.name, self.model), self.wanted, self.model, self.values)
        return self._but_for_trim(found) if arguments.only_hardware else found

    def _but_for_trim(self, found: Missed) -> Missed:
        """Return what was *found* without the options that gave way to a trim, with the modules that they depend on."""
        trimmed = {name for name, it in self.wanted.requests.items() if it.origin.fragment == TRIM}
        return without_dropped(found, trimmed, self.model, self.values)

    def accounts(self, session: Session, chosen: Chosen) -> tuple[Account, ...]:
        """Return what became of every request, and of what has to come out as a whole `.config` has it and does not."""
        arguments = self.kernel.arguments
        if not arguments.exact or arguments.ignore_config_errors:
            return diagnose(self.wanted, self.model, self.values)
        base = self.kernel.base_config
        place = session.store.path(realise(session, [base], **chosen)[base])
        text, config = (it.read_text(encoding="utf-8", errors="surrogateescape") for it in (place, self.file))
        said = whole(text, base.derivation.name, config, self.model)
        return diagnose(with_changes(self.wanted, said, self.model, self.values), self.model, self.values, base=said)


def kernel(names: Mapping[str, Any], attribute: str) -> Kernel:
    """Return the kernel that *attribute* is.

    Raises:
        UnknownAttribute: there is none.
        NotBuildable: it is no kernel.
    """
    found = follow(names, attribute)
    if not isinstance(found, Kernel):
        message = f"`{attribute}` is not a kernel, so it has no configuration"
        raise NotBuildable(message)
    return found


def resolve(session: Session, name: str, found: Kernel, chosen: Chosen) -> Resolved:
    """Return the configuration of the kernel *found*, called *name*, resolved as *chosen* if it is not there yet.

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
        wanted=_wanted(session, found, known, chosen),
    )


def _wanted(session: Session, found: Kernel, values: Values, chosen: Chosen) -> Merged:
    """Return what is asked for, over what the machines need, over what is dropped because they do without."""
    merged = found.wanted
    for fragment, read in ((found.hardware_options, requests), (found.dropped_options, dropped)):
        if fragment is not None:
            text = session.store.path(realise(session, [fragment], **chosen)[fragment]).read_text(encoding="utf-8")
            merged = merged.over(read(text, values))
    return merged
