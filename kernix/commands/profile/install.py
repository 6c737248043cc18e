"""`kernix profile install`: add kernels to a profile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from derivations.realise.assemble_profile import assemble
from kernix.building import realise
from kernix.options import VerbCommand, attributes, complete_attributes, evaluation, realisation
from kernix.output.messages import print_message
from kernix.output.printable import one_line
from kernix.profiles import chosen_kernels, described, profile_in_use
from store import profiles


if TYPE_CHECKING:
    from kernix.evaluation.inputs import Options
    from kernix.options import Chosen
    from kernix.session import Session


@click.command(cls=VerbCommand)
@click.argument("name")
@attributes
@click.option("--initrd", metavar="ATTR", shell_complete=complete_attributes, help="The initramfs of these kernels.")
@click.option("--slot", metavar="SLOT", help="The slot of the kernel, instead of its release and variant.")
@evaluation
@realisation
@click.pass_obj
def command(
    session: Session,
    /,
    *,
    name: str,
    attributes: tuple[str, ...],
    initrd: str | None,
    slot: str | None,
    options: Options,
    chosen: Chosen,
) -> None:
    """Build the kernels ATTR and add them to the profile NAME, which is created if it does not exist.

    A kernel whose slot is taken replaces the one there. Nothing changes if something cannot be built.
    """
    profiles.check_profile_name(name)
    kernels = chosen_kernels(session, options, attributes, initrd=initrd, slot=slot)
    store = session.store
    slots = kernels.slots(store, realise(session, kernels.outputs, **chosen))
    with profiles.changing(store.layout, name):
        old = profile_in_use(store, name)
        new = old.with_slots(slots)
        generation = profiles.add_generation(store, name, assemble(store, new))
        if generation.in_use:
            print_message(f"{name} has {'it' if len(slots) == 1 else 'them'} already: generation {generation.number}")
        else:
            profiles.switch(store, name, generation.number)
            print_message("\n".join(described(generation, name, old.differences(new))))
    link = profiles.profile_link(store.layout, name)
    for it in slots:
        click.echo(one_line(link / "bin" / f"kernel-{it.name}"))
