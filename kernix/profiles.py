"""What the verbs about profiles share: from ATTRs to slots, changes of a profile, and how they are printed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from derivations.derivation import Output
from derivations.image.profile import KernelProfile, SlotTaken, check_slot, slot_name
from derivations.realise.assemble_profile import read_profile, slot_of
from kernix.evaluation.attributes import NotBuildable, target
from kernix.evaluation.definitions import definitions
from store import profiles
from store.errors import UsageError


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from derivations.image.profile import Difference, Slot
    from kernix.evaluation.attributes import Target
    from kernix.evaluation.inputs import Options
    from kernix.session import Session
    from store.local import Store
    from store.path import StorePath
    from store.profiles import Generation


@attrs.frozen
class ChosenKernels:
    """Kernels that the user has named, not built yet.

    Attributes:
        kernels: The attribute, the kernel and its modules, by slot.
        initrd: The initramfs of all of them.
    """

    kernels: Mapping[str, tuple[str, Any, Output | None]]
    initrd: Target | None

    @property
    def outputs(self) -> list[Output]:
        """Return what has to be built."""
        wanted = [output for _, kernel, modules in self.kernels.values() for output in (kernel.out, modules) if output]
        return [*wanted, *([self.initrd.output] if self.initrd is not None else [])]

    def slots(self, store: Store, paths: Mapping[Output, StorePath]) -> list[Slot]:
        """Return their slots; *paths* are the built `outputs`.

        Raises:
            NoImage: one has no image.
        """
        return [
            slot_of(
                store,
                name=name,
                title=kernel.out.derivation.name,
                release=kernel.release,
                kernel=paths[kernel.out],
                modules=paths[modules] if modules is not None else None,
                initrd=paths[self.initrd.output] if self.initrd is not None else None,
            )
            for name, (_, kernel, modules) in self.kernels.items()
        ]


def chosen_kernels(
    session: Session, options: Options, attributes: Sequence[str], *, initrd: str | None, slot: str | None
) -> ChosenKernels:
    """Return the kernels *attributes*, with the attribute *initrd* for all of them, and *slot* for the only one.

    Raises:
        NotBuildable: one of *attributes* is not a kernel.
        SlotTaken: two of them are for the same slot.
        UsageError: *slot* is for several.
    """
    if slot is not None and len(attributes) != 1:
        message = "`--slot` is for one kernel"
        raise UsageError(message, "install the kernels one by one, or without `--slot`")
    found: dict[str, tuple[str, Any, Output | None]] = {}
    with definitions(session, options) as names:
        for attribute in attributes:
            kernel, modules = _kernel(names, attribute)
            name = check_slot(slot) if slot is not None else slot_name(kernel.out.derivation.name, kernel.release)
            if name in found:
                raise SlotTaken(name, found[name][0], attribute)
            found[name] = attribute, kernel, modules
            session.named[kernel.out.derivation.key] = attribute
        return ChosenKernels(found, target(names, initrd) if initrd is not None else None)


def profile_in_use(store: Store, name: str) -> KernelProfile:
    """Return the generation of the profile *name* that is in use; an empty one if there is no such profile.

    Raises:
        InvalidProfileName: *name* is not valid.
        NotAProfile: it is no profile of kernels.
    """
    used = profiles.generation_in_use(store.layout, name)
    return read_profile(store, used.target) if used is not None else KernelProfile()


def described(generation: Generation, name: str, changes: Sequence[Difference]) -> list[str]:
    """Return lines about *generation* of the profile *name*, now in use, and its *changes*."""
    return [f"{name}: generation {generation.number}", *difference_lines(changes)]


def difference_lines(differences: Sequence[Difference]) -> list[str]:
    """Return a line for each of *differences*."""
    lines = []
    for name, old, new in differences:
        if old is None or new is None:
            lines.append(f"{'+' if old is None else '-'} {name}  {_title(new or old)}")
            continue
        kinds = [kind for kind in {**old.files, **new.files} if old.files.get(kind) != new.files.get(kind)]
        lines.append(f"~ {name}  {_title(new)}  ({', '.join(kinds) or 'name'})")
    return lines


def _title(slot: Slot | None) -> str:
    return slot.title if slot is not None else ""


def _kernel(names: Mapping[str, Any], attribute: str) -> tuple[Any, Output | None]:
    """Return the kernel *attribute* and its modules.

    Raises:
        NotBuildable: it is something else.
    """
    kernel = target(names, attribute).value
    modules = getattr(kernel, "modules", None)
    if not isinstance(getattr(kernel, "release", None), str) or not isinstance(getattr(kernel, "out", None), Output):
        message = f"`{attribute}` is not a kernel, so no profile can hold it"
        raise NotBuildable(message, "`kernix list` lists the kernels")
    return kernel, modules if isinstance(modules, Output) else None
