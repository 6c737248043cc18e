"""`kernix install`: a profile's kernels on a boot partition, with entries for its loader."""

from __future__ import annotations

import re
import tempfile

from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import click

from derivations.context import current
from derivations.image.boot_entry import FILES, check_command_line, place_of
from derivations.image.boot_plan import plan_boot
from derivations.image.uki import boot_stub
from derivations.realise.assemble_profile import assemble
from kernix.building import present, realise
from kernix.evaluation.definitions import definitions
from kernix.installation.carry_out import alone, carry_out
from kernix.installation.entries import wanted_entries
from kernix.installation.partition import check_partition, read_state
from kernix.installation.programs import wanted_programs
from kernix.installation.running import booted, command_line, machine_id
from kernix.installation.signing import Signer
from kernix.options import PATH, VerbCommand, complete_attributes, evaluation, realisation
from kernix.output.messages import print_message, warn
from kernix.output.printable import one_line
from kernix.output.quantities import size
from kernix.output.table import rows
from kernix.profiles import ChosenKernels, chosen_kernels, described, profile_in_use
from store import profiles
from store.errors import Error, UsageError


if TYPE_CHECKING:
    from collections.abc import Sequence

    from derivations.derivation import Output
    from derivations.image.boot_entry import NewEntry
    from derivations.image.boot_plan import BootPlan, Image
    from derivations.image.boot_program import NewProgram
    from derivations.image.profile import KernelProfile
    from kernix.evaluation.inputs import Options
    from kernix.options import Chosen
    from kernix.session import Session
    from store.local import Store
    from store.path import StorePath


_PREFIX = re.compile(r"(?:/[A-Za-z0-9_@.-]+)*", re.ASCII)


class NothingToInstall(Error):
    """A profile has no kernels, and none were named."""

    profile: str

    def __str__(self) -> str:
        return f"the profile `{self.profile}` has no kernels, so there is nothing to install"

    @property
    def hint(self) -> str:
        """Return how to name some."""
        return "name kernels: `kernix install ATTR --esp DIR`"


@click.command(cls=VerbCommand)
@click.argument("attributes", metavar="[ATTR…]", nargs=-1, shell_complete=complete_attributes)
@click.option("--esp", "place", type=PATH, required=True, metavar="DIR",
              help="The boot partition: the directory where the ESP, or another one that the loader reads, is mounted.")  # fmt: skip
@click.option("--profile", "name", default="system", show_default=True, metavar="NAME",
              help="The profile to add ATTR to, and to make the entries from.")  # fmt: skip
@click.option("--initrd", metavar="ATTR", shell_complete=complete_attributes, help="The initramfs of the kernels ATTR.")
@click.option("--slot", metavar="SLOT", help="The slot of the kernel ATTR, instead of its release and variant.")
@click.option("--options", "line", metavar="TEXT",
              help="The kernels' command line, instead of /etc/kernel/cmdline or that of the running kernel.")  # fmt: skip
@click.option("--default", metavar="SLOT",
              help="The slot to boot by default, instead of the first ATTR, the default so far, or the latest version.")  # fmt: skip
@click.option("--no-default", is_flag=True, help="Leave the loader's default as it is.")
@click.option("--tries", type=click.IntRange(1, 99), metavar="N",
              help="Boot counting: the loader gives up a new kernel after N boots that nobody has called good.")  # fmt: skip
@click.option("--prefix", default="", metavar="PATH",
              help="The path of DIR in its file system, if DIR is not a mount point: `--prefix /boot`.")  # fmt: skip
@click.option("--uki", is_flag=True,
              help="Put each kernel, with its initramfs and command line, into one EFI program in `EFI/Linux`.")  # fmt: skip
@click.option(
    "--sign-key", type=PATH, metavar="FILE", help="Sign these programs with the private key in FILE (PEM), by sbsign."
)
@click.option("--sign-cert", type=PATH, metavar="FILE", help="The certificate of the key (PEM).")
@click.option("--dry-run", is_flag=True, help="Show what would be written and removed, and do nothing.")
@evaluation
@realisation
@click.pass_obj
def command(
    session: Session,
    /,
    *,
    attributes: tuple[str, ...],
    place: Path,
    name: str,
    initrd: str | None,
    slot: str | None,
    line: str | None,
    default: str | None,
    no_default: bool,
    tries: int | None,
    prefix: str,
    uki: bool,
    sign_key: Path | None,
    sign_cert: Path | None,
    dry_run: bool,
    options: Options,
    chosen: Chosen,
) -> None:
    """Build the kernels ATTR, add them to a profile, and make its kernels bootable.

    For each kernel of the profile, the partition gets an entry of the Boot Loader Specification, which systemd-boot and
    Fedora's GRUB read, and a menu for any GRUB in `kernix/grub.cfg`. The space is summed up first. Everything is written aside
    and synced before the loader can see it; the default is switched after that, and old entries are removed last. The
    entry that the machine runs, the default before, and the last one known to boot stay. Without ATTR, the entries
    are made from the profile as it is.

    With --uki it is one file for each kernel instead, a unified kernel image, which the firmware and systemd-boot start without an
    entry; with --sign-key and --sign-cert it is signed for Secure Boot.
    """
    profiles.check_profile_name(name)
    _check_usage(default, no_default, prefix, uki=uki)
    signer = _signer(sign_key, sign_cert, uki=uki)
    partition = check_partition(place)
    text, origin = (check_command_line(line), "--options") if line is not None else command_line()
    kernels = chosen_kernels(session, options, attributes, initrd=initrd, slot=slot) if attributes else None
    if kernels is None and (initrd or slot):
        message = f"`{'--initrd' if initrd else '--slot'}` is for the kernels ATTR, and none is named"
        raise UsageError(message)
    unified = _Unified(*_stub(session, options), signer) if uki else None
    outputs = _outputs(kernels, unified)
    if dry_run and len(present(session, outputs)) < len(set(outputs)):
        _show_build(session, options, attributes, initrd)
        return
    paths = realise(session, outputs, **chosen) if outputs else {}
    store = session.existing_store()
    if store is None:
        raise NothingToInstall(name)
    with (
        profiles.changing(store.layout, name),
        alone(partition),
        tempfile.TemporaryDirectory(prefix="kernix-") as directory,
    ):
        old = profile_in_use(store, name)
        new = old.with_slots(kernels.slots(store, paths)) if kernels is not None else old
        if not new.slots:
            raise NothingToInstall(name)
        entries: Sequence[NewEntry | NewProgram]
        images: list[Image] = []
        if unified is not None:
            package = paths[unified.package]
            entries = unified.programs(store, name, new, package=package, text=text, directory=Path(directory))
        else:
            entries, images = wanted_entries(
                store.layout, name, new.slots, options=text, prefix=prefix, machine=machine_id()
            )
        plan = plan_boot(
            read_state(partition, booted),
            name,
            entries,
            images,
            default=default or _first(kernels),
            set_default=not no_default,
            tries=tries,
        )
        if dry_run:
            _show(plan, text, origin)
            return
        generation = profiles.add_generation(store, name, assemble(store, new))
        try:
            carry_out(partition, plan)
        except BaseException:
            if not generation.in_use:
                profiles.discard_generation(store.layout, name, generation.number)
            raise
        if not generation.in_use:
            profiles.switch(store, name, generation.number)
            print_message("\n".join(described(generation, name, old.differences(new))))
    _report(plan, place, entries, new)


def _check_usage(default: str | None, no_default: bool, prefix: str, *, uki: bool) -> None:
    if default is not None and no_default:
        message = "`--default` and `--no-default` contradict each other"
        raise UsageError(message, "leave one of them out")
    if not _PREFIX.fullmatch(prefix):
        message = f"invalid prefix {prefix!r}"
        raise UsageError(message, "it is a path such as /boot")
    if uki and prefix:
        message = "`--prefix` is for entries, and `--uki` writes none"
        raise UsageError(message, "leave one of them out")


def _signer(key: Path | None, certificate: Path | None, *, uki: bool) -> Signer | None:
    if key is None and certificate is None:
        return None
    if key is None or certificate is None:
        message = "`--sign-key` and `--sign-cert` are needed together"
        raise UsageError(message, "name the private key and its certificate")
    if not uki:
        message = "only unified kernel images are signed here"
        raise UsageError(message, "add `--uki`")
    return Signer.of(key, certificate)


@attrs.frozen
class _Unified:
    """Unified kernel images instead of entries: the package with the stub, the path of that, and who signs."""

    package: Output
    place: str
    signer: Signer | None

    def programs(
        self, store: Store, name: str, profile: KernelProfile, *, package: StorePath, text: str, directory: Path
    ) -> Sequence[NewEntry | NewProgram]:
        """Return the images of the profile *name*, made in *directory*, with the command line *text*."""
        return wanted_programs(
            store.layout,
            name,
            profile.slots,
            stub=store.path(package) / self.place,
            options=text,
            machine=machine_id(),
            signer=self.signer,
            directory=directory,
        )


def _outputs(kernels: ChosenKernels | None, unified: _Unified | None) -> list[Output]:
    return [*(kernels.outputs if kernels is not None else ()), *([unified.package] if unified is not None else ())]


def _stub(session: Session, options: Options) -> tuple[Output, str]:
    """Return the package with systemd's stub, and the path of the stub in it."""
    with definitions(session, options):
        package, place = boot_stub(current())
        return package.out, place


def _first(kernels: ChosenKernels | None) -> str | None:
    return next(iter(kernels.kernels)) if kernels is not None else None


def _show_build(session: Session, options: Options, attributes: tuple[str, ...], initrd: str | None) -> None:
    from kernix.dry_run import show_plan  # noqa: PLC0415 -- start-up: only to show a plan
    from kernix.evaluation.definitions import targets  # noqa: PLC0415 -- as above

    print_message("the files of kernels that are not built yet are not known; this is what would be built first")
    show_plan(session, targets(session, options, [*attributes, *([initrd] if initrd else [])]), as_json=False)


def _show(plan: BootPlan, text: str, origin: str) -> None:
    lines = [
        *(("remove", it, "left by an earlier run") for it in plan.stale),
        *(("copy", f"{FILES}/{it.name}", size(it.size)) for it in plan.copies),
        *(("write", place_of(name), "") for name in plan.entries),
        *(("copy", place_of(it.name), size(it.size)) for it in plan.programs),
        *([("default", plan.default, "" if plan.loader is not None else "as before")] if plan.default else []),
        *(("keep", place_of(plan.names[name]), why) for name, why in plan.kept.items()),
        *(("remove", place_of(name), "") for name in plan.old_entries),
        *(("remove", f"{FILES}/{name}", "") for name in plan.old_files),
        ("space", f"{size(plan.needed)} of {size(plan.free)}", "with a reserve"),
        ("options", text, f"from {origin}"),
    ]
    for one in rows([tuple(map(one_line, it)) for it in lines]):
        click.echo(one)


def _report(plan: BootPlan, place: Path, entries: Sequence[NewEntry | NewProgram], profile: KernelProfile) -> None:
    for id, why in plan.kept.items():  # noqa: A001 -- the specification's word
        print_message(f"kept {id}: {why}")
    if plan.old_entries:
        print_message(f"removed {', '.join(plan.old_entries)}")
    for id in plan.failed:  # noqa: A001 -- as above
        warn(f"the loader has given up {id}: all of its tries have failed")
    for it in (slot for slot in profile.slots if "modules" in slot.files):
        print_message(
            f"the modules of {it.name} are not on the boot partition: its initramfs or the root has to bring them"
        )
    for entry in entries:
        click.echo(one_line(place / place_of(plan.names[entry.id])))
