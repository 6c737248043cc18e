"""`kernix challenge`: compare results of this machine and of caches."""

from __future__ import annotations

import json

from typing import TYPE_CHECKING, Any

import click

from kernix import cache_list
from kernix.evaluation.definitions import targets
from kernix.options import VerbCommand, attribute, evaluation
from kernix.output.messages import print_message
from kernix.output.printable import one_line
from kernix.output.reproducibility import compared_facts, compared_lines
from kernix.output.table import rows


if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from derivations.derivation import Derivation
    from derivations.realise.proof.challenge import Challenged, Claim
    from kernix.evaluation.inputs import Options
    from kernix.session import Session
    from store.path import StorePath


_DIGITS = 16  # of a digest: nobody finds two objects that agree in them by chance


@click.command(cls=VerbCommand)
@attribute
@evaluation
@click.option(
    "--cache", "caches", metavar="CACHE", multiple=True,
    help="The name or URL of a cache to ask; may be repeated.  [default: all of the list]",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the comparison as JSON.")
@click.pass_obj
def command(session: Session, /, *, attribute: str, options: Options, caches: tuple[str, ...], as_json: bool) -> None:
    """Compare what this machine and the caches have as the result of ATTR, and show what differs.

    Nothing is built, and nothing that is fetched to be compared becomes a result. What a cache has is compared
    whoever signed it; a signature that is not trusted is marked. The exit code is 104 if anything differs.
    """
    from derivations.realise.proof.challenge import challenge, conclude, place_of  # noqa: PLC0415 -- start-up: `--help` needs none of it

    (target,) = targets(session, options, [attribute])
    derivation = target.output.derivation
    names = list(dict.fromkeys(caches)) or [
        it.name for it in (cache_list.entries(session) or [cache_list.only(session)])
    ]
    opened = [cache_list.find(session, it).opened(session) for it in names]
    found = challenge(session.store, derivation, opened)
    place = place_of(found, session.store.path)
    if as_json:
        click.echo(json.dumps(_facts(derivation, found, place), indent=2))
    else:
        for line in rows(
            [("OUTPUT", "WHO", "DIGEST", "", "SIGNED BY"), *(_row(it, each) for each in found for it in each.claims)]
        ):
            click.echo(line)
        for line in compared_lines([it for each in found for it in each.compared], place):
            click.echo(one_line(line))
    print_message(conclude(attribute, found))


def _row(claim: Claim, challenged: Challenged) -> tuple[str, ...]:
    digest = claim.digest.hex()[:_DIGITS] if claim.digest is not None else "-"
    signed = ", ".join(claim.signed_by)
    remarks = [it for it in (signed, claim.distrust and f"not trusted: {claim.distrust}", claim.problem) if it]
    return claim.output, claim.who, digest, _verdict(claim, challenged), "; ".join(remarks)


def _verdict(claim: Claim, challenged: Challenged) -> str:
    if claim.path is None:
        return "no answer" if claim.problem else "no result"
    first = challenged.first
    if first is None or claim == first:
        return "first"
    return "agrees" if claim.agrees(first) else "differs"


def _facts(derivation: Derivation, found: Sequence[Challenged], place: Callable[[StorePath], object]) -> dict[str, Any]:
    return {
        "name": derivation.name,
        "key": derivation.key.hex(),
        "agree": not any(it.differing for it in found),
        "outputs": {
            each.output: {
                "claims": [
                    {
                        "who": it.who,
                        "url": it.cache.url if it.cache is not None else None,
                        "verdict": _verdict(it, each),
                        "path": str(it.path) if it.path is not None else None,
                        "digest": it.digest.hex() if it.digest is not None else None,
                        "signed_by": list(it.signed_by),
                        "trusted": it.path is not None and it.distrust is None,
                        "problem": it.problem or it.distrust,
                    }
                    for it in each.claims
                ],
                "compared": [compared_facts(it, place) for it in each.compared],
            }
            for each in found
        },
    }
