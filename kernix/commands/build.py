"""`kernix build`: have kernels and derivations in the store, and print where."""

from __future__ import annotations

import json

from pathlib import Path
from typing import TYPE_CHECKING

import click

from kernix import links
from kernix.glance import standing
from kernix.options import PATH, attributes, evaluation, realisation
from kernix.realising import realise
from kernix.recall import Wanted, question, remember, remembered


if TYPE_CHECKING:
    from collections.abc import Mapping

    from kernix.inputs import Options
    from kernix.options import Chosen
    from kernix.session import Session


@click.command
@attributes
@evaluation
@realisation
@click.option("-o", "--out-link", "link", type=PATH, default=Path("result"), metavar="LINK",
              help="Put the result link there instead of ./result.")  # fmt: skip
@click.option("--no-link", is_flag=True, help="Make no result link; then nothing keeps the results alive.")
@click.option("--dry-run", is_flag=True, help="Tell what would be built and fetched, and do nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print results as JSON.")
@click.pass_obj
def command(
    session: Session,
    /,
    *,
    attributes: tuple[str, ...],
    link: Path,
    no_link: bool,
    dry_run: bool,
    as_json: bool,
    options: Options,
    chosen: Chosen,
) -> None:
    """Build kernels and derivations and print where their outputs are.

    What has been built once is found again. A link `result` (`result-dev` for the output
    `dev`, `result-2` for the next ATTR) leads to each output and keeps it alive.
    """
    if dry_run:
        from kernix.definitions import targets  # noqa: PLC0415 -- start-up: as in `_built`
        from kernix.planning import show_plan  # noqa: PLC0415 -- start-up: a build in which nothing is to do needs no plan

        show_plan(session, targets(session, options, attributes), as_json=as_json)
        return
    place = None if no_link else link
    asked = question(session, options, attributes)
    wanted = remembered(session, asked)
    places = None if wanted is None else _standing(session, wanted, place)
    if wanted is None or places is None:
        wanted, places = _built(session, options, attributes, place, chosen)
        remember(session, asked, wanted)
    click.echo(_json(wanted, places) if as_json else "\n".join(str(places[it]) for it in wanted))


def _standing(session: Session, wanted: list[Wanted], link: Path | None) -> dict[Wanted, Path] | None:
    """Return where what is *wanted* is if that and its links are there."""
    links_to_make = _links(link, wanted)
    links.check(links_to_make)
    return standing(session.home, wanted, links_to_make)


def _built(
    session: Session, options: Options, attributes: tuple[str, ...], link: Path | None, chosen: Chosen
) -> tuple[list[Wanted], dict[Wanted, Path]]:
    """Return what *attributes* mean and where it is, evaluated, built and linked."""
    from kernix.definitions import targets  # noqa: PLC0415 -- start-up: what is remembered is not evaluated

    outputs = [(Wanted.of(it), it.output) for it in targets(session, options, attributes)]
    wanted = [it for it, _ in outputs]
    places = _standing(session, wanted, link)
    if places is None:
        results = realise(session, [output for _, output in outputs], **chosen)
        paths = {it: results[output] for it, output in outputs}
        links.make(session.store, _links(link, wanted), paths)
        places = {it: session.store.path(path) for it, path in paths.items()}
    return wanted, places


def _links(link: Path | None, wanted: list[Wanted]) -> dict[Path, Wanted]:
    return {} if link is None else links.places(link, wanted)


def _json(wanted: list[Wanted], places: Mapping[Wanted, Path]) -> str:
    return json.dumps(
        [{"attribute": it.attribute, "name": it.name, "outputs": {it.output: str(places[it])}} for it in wanted],
        indent=2,
    )
