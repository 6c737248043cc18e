"""What has been proved of a result: how often it was built again, and what came out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from derivations.realise.plan import known_outputs
from derivations.realise.proof.fast import is_running
from kernix.building import present
from kernix.output.printable import one_line
from kernix.output.quantities import number
from kernix.output.reproducibility import history
from kernix.proof.begin import log_of
from store.errors import Error


if TYPE_CHECKING:
    from derivations.derivation import Derivation
    from kernix.evaluation.attributes import Target
    from kernix.session import Session
    from store.path import StorePath
    from store.records.verdicts import Verdict


class NotProved(Error):
    """Of something that was asked about, it is not proved that it is reproducible."""

    attributes: tuple[str, ...]

    def __str__(self) -> str:
        return f"not proved to be reproducible: {', '.join(self.attributes)}"

    @property
    def hint(self) -> str:
        """Name the command that builds again."""
        return f"`kernix build --rounds 2 {self.attributes[0]}` builds again, under other conditions, and compares"


def show(session: Session, target: Target) -> bool:
    """Print what is known of *target*, and return whether it came out the same each time, at least once."""
    derivation = target.output.derivation
    wanted = [derivation.output(name) for name in derivation.outputs]
    found = present(session, wanted)
    if target.output not in found:
        click.echo(f"{one_line(target.attribute)}: not built here")
        return False
    good = True
    for output, path in found.items():
        verdicts = _about(session, derivation, output.name, path)
        times = number(len(verdicts), "time")
        if not verdicts:
            text = "never built again"
        elif all(it.equal for it in verdicts):
            text = f"reproducible: the same each of {times} that it was built again"
        else:
            differing = sum(not it.equal for it in verdicts)
            text = f"not reproducible: different {differing} of {times}"
        good = good and bool(verdicts) and all(it.equal for it in verdicts)
        click.echo(f"{one_line(target.attribute)}, {output.name}: {text}")
        click.echo(f"  {one_line(session.store.path(path))}, digest {session.store.info(path).digest.hex()[:12]}")
        for line in history(verdicts):
            click.echo(f"  {one_line(line)}")
        _show_withdrawn(session, derivation, output.name, path)
    if is_running(session.layout, derivation):
        click.echo(f"  a proof is running; its log is {one_line(log_of(session.layout, derivation))}")
    return good


def _show_withdrawn(session: Session, derivation: Derivation, output: str, path: StorePath) -> None:
    """Print what is known of earlier results in the place of *path* that were refuted."""
    refuted: dict[StorePath, list[Verdict]] = {}
    for it in session.store.verdicts():
        if it.withdrawn and it.key == derivation.key and it.output == output and it.path != path:
            refuted.setdefault(it.path, []).append(it)
    for other, verdicts in refuted.items():
        click.echo(f"  refuted before: {one_line(session.store.path(other))}")
        for line in history(verdicts):
            click.echo(f"    {one_line(line)}")


def _about(session: Session, derivation: Derivation, output: str, path: StorePath) -> list[Verdict]:
    """Return the verdicts on *path* as the *output* of *derivation*, or of another with inputs of the same content."""
    store = session.store
    verdicts = [it for it in store.verdicts([path]) if it.output == output]
    inputs = known_outputs(derivation.inputs, store.realised)
    infos = store.infos(inputs.values())
    action = None
    if all(it in inputs and inputs[it] in infos for it in derivation.inputs):
        action = derivation.action_key(lambda it: infos[inputs[it]].digest)
    return [it for it in verdicts if it.key == derivation.key or it.action == action]
