"""`kernix build`: build kernels and derivations, and print their store paths."""

from __future__ import annotations

import json

from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import click

from kernix import links
from kernix.answers.cache import report_nothing
from kernix.answers.record import recorder
from kernix.answers.up_to_date import find_existing
from kernix.building import Status, realise_noting
from kernix.options import PATH, VerbCommand, attributes, evaluation, realisation
from kernix.output.printable import one_line, printable


if TYPE_CHECKING:
    from collections.abc import Mapping

    from derivations.derivation import Output
    from derivations.realise.kept.reuse import Reuse
    from kernix.evaluation.attributes import Target
    from kernix.evaluation.inputs import Options
    from kernix.options import Chosen
    from kernix.session import Session


@click.command(cls=VerbCommand)
@attributes
@evaluation
@realisation
@click.option("-o", "--out-link", "link", type=PATH, default=Path("result"), metavar="LINK",
              help="Make this result link instead of ./result. Only links into the store are replaced.")  # fmt: skip
@click.option("--no-link", is_flag=True, help="Make no result link; nothing then keeps the results from `kernix gc`.")
@click.option("--dry-run", is_flag=True, help="Show what would be built and fetched, and do nothing.")
@click.option("--check", is_flag=True, help="Build again what is built already, and compare, byte for byte.")
@click.option("--rounds", type=click.IntRange(1), metavar="N",
              help="The same N times, each under another user, host name, clock, number of processors, …")  # fmt: skip
@click.option("--prove", type=click.FloatRange(0, 1), metavar="P",
              help="Compile a kernel that was built from a kept tree again from scratch, in the background, with probability P.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON.")
@click.pass_obj
def command(
    session: Session,
    /,
    *,
    attributes: tuple[str, ...],
    link: Path,
    no_link: bool,
    dry_run: bool,
    check: bool,
    rounds: int | None,
    prove: float | None,
    as_json: bool,
    options: Options,
    chosen: Chosen,
) -> None:
    """Build kernels and derivations, and print the store paths of their outputs.

    An ATTR is a kernel of the bundled set (`kernix list`), of an overlay, or of a Python file of
    yours (`-f FILE`); `linux_micro.debug` is the output `debug` of a kernel. What is already built is reused.
    Each output gets a link that keeps it from `kernix gc`: `result`, `result-debug` for the output `debug`,
    `result-2` for the second ATTR.

    With --check or --rounds, each is built again, and its outputs compared with those in the store: if anything differs,
    a report says what and why, and the exit code is 104. `kernix verify --reproducible` shows what was found.

    With --prove, or `prove` in config.toml, this goes on after the build. If the kernel turns out to be wrong, it is
    replaced, and the next build says so.
    """
    repeated = check or rounds is not None
    answered = None if repeated else recorder(session, options)  # before `derivations` is imported
    from kernix.evaluation.definitions import targets  # noqa: PLC0415 -- as above

    wanted = targets(session, options, attributes)
    if dry_run:
        from kernix.dry_run import show_plan  # noqa: PLC0415 -- start-up: only to show a plan

        show_plan(session, wanted, as_json=as_json, caches=not chosen["no_caches"])
        return
    outputs = [it.output for it in wanted]
    links_to_make = {} if no_link else links.places(link, outputs)
    links.check(session.layout, links_to_make)
    places = find_existing(session.home, outputs, links_to_make)
    statuses = dict.fromkeys(outputs, Status.PRESENT)
    if places is None:
        links.check_writable(links_to_make)
        results, statuses = realise_noting(session, outputs, prove=prove, **chosen)
        links.make(session.store, links_to_make, results)
        places = {output: session.store.path(path) for output, path in results.items()}
    if session.layout.refuted.exists():
        from kernix.proof.announce import announce  # noqa: PLC0415 -- start-up: hardly ever needed

        announce(session.layout, places)
    if repeated:
        from kernix.checking import check as build_again  # noqa: PLC0415 -- start-up: only to build again

        build_again(session, options, outputs, rounds, as_json=as_json, **chosen)
        if as_json:
            return
    elif all(it is Status.PRESENT for it in statuses.values()):
        report_nothing()
    click.echo(_text(wanted, places, statuses, session.compiled, as_json=as_json))
    if answered is not None:  # the next time nothing is compiled
        later = dict.fromkeys(outputs, Status.PRESENT)
        answered.record(_text(wanted, places, later, {}, as_json=as_json), places, links_to_make)


def _text(
    wanted: list[Target],
    places: Mapping[Output, Path],
    statuses: Mapping[Output, Status],
    compiled: Mapping[bytes, Reuse],
    *,
    as_json: bool,
) -> str:
    if as_json:
        return printable(_json(wanted, places, statuses, compiled))
    return "\n".join(one_line(places[it.output]) for it in wanted)


def _json(
    wanted: list[Target],
    places: Mapping[Output, Path],
    statuses: Mapping[Output, Status],
    compiled: Mapping[bytes, Reuse],
) -> str:
    found: list[dict[str, Any]] = []
    for it in wanted:
        derivation = it.output.derivation
        found.append(
            {
                "attribute": it.attribute,
                "name": derivation.name,
                "outputs": {it.output.name: str(places[it.output])},
                "status": statuses[it.output],
            }
        )
        if (reuse := compiled.get(derivation.key)) is not None:
            found[-1]["compiled"] = attrs.asdict(reuse)
    return json.dumps(found, indent=2)
