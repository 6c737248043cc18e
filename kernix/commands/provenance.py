"""`kernix provenance`: what an output was built from."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import click

from kernix.options import VerbCommand, complete_attributes, evaluation
from kernix.output.printable import one_line
from kernix.output.quantities import number
from store.errors import UsageError


if TYPE_CHECKING:
    from kernix.evaluation.inputs import Options
    from kernix.provenance import Built
    from kernix.session import Session


_KINDS = {
    "deb": "Debian package",
    "file": "download",
    "git": "commit",
    "local": "local file or directory",
    "text": "text of a definition",
}
_PLURALS = {"local": "local files and directories", "text": "texts of definitions"}


@click.command(cls=VerbCommand)
@click.argument("name", metavar="ATTR|PATH", shell_complete=complete_attributes)
@evaluation
@click.option(
    "--json", "as_json", is_flag=True, help="Print the signed statement: SLSA provenance, in a DSSE envelope."
)
@click.option("--sbom", is_flag=True, help="Print the bill of materials of a kernel: CycloneDX, as JSON.")
@click.option("--unsigned", is_flag=True, help="With `--json`: print the statement itself, without a signature.")
@click.option("--key", metavar="NAME", help="With `--json`: sign with this key of yours.")
@click.pass_obj
def command(
    session: Session,
    /,
    *,
    name: str,
    as_json: bool,
    sbom: bool,
    unsigned: bool,
    key: str | None,
    options: Options,
) -> None:
    """Report what ATTR, or the store object PATH, was built from: every package, download and local file, by digest.

    It must be built. The same output has the same provenance wherever and whenever it is built.
    """
    _check(as_json=as_json, sbom=sbom, unsigned=unsigned, key=key)
    from kernix.provenance import bill_of_materials, built  # noqa: PLC0415 -- start-up: loading takes longer than parsing

    if sbom:
        click.echo(bill_of_materials(session, options, name))
        return
    found = built(session, options, name)
    if not as_json:
        click.echo("\n".join(one_line(it) for it in _summary(found)))
    elif unsigned:
        click.echo(found.statement())
    else:
        from derivations.provenance.envelope import seal  # noqa: PLC0415 -- as above
        from kernix.keys import signing_key  # noqa: PLC0415 -- as above

        secret = signing_key(session, key)
        click.echo(seal(found.statement(secret.name), secret))


def _check(*, as_json: bool, sbom: bool, unsigned: bool, key: str | None) -> None:
    if sbom and as_json:
        message = "`--json` and `--sbom` exclude each other"
        raise UsageError(message)
    if (unsigned or key is not None) and not as_json:
        message = f"`{'--unsigned' if unsigned else '--key'}` is about `--json`"
        raise UsageError(message)
    if unsigned and key is not None:
        message = "`--unsigned` and `--key` exclude each other"
        raise UsageError(message)


def _summary(found: Built) -> list[str]:
    """Return the provenance as lines of text: what it is, then everything from outside, by kind."""
    from derivations.provenance.materials import materials  # noqa: PLC0415 -- as above

    derivation = found.output.derivation
    entered = sorted(materials([derivation]).values(), key=lambda it: (list(_KINDS).index(it.kind), it.name))
    counts = Counter(it.kind for it in entered)
    lines = [
        f"{found.path}",
        f"  tree        {found.digest.hex()}",
        f"  derivation  {derivation.name} for {derivation.system}, key {derivation.key.hex()}",
    ]
    for kind, noun in _KINDS.items():
        if count := counts[kind]:
            lines.append(
                f"{number(count, noun) if count == 1 or kind not in _PLURALS else f'{count} {_PLURALS[kind]}'}:"
            )
            for it in entered:
                if it.kind == kind:
                    (algorithm, digest), *_ = it.digest.items()
                    lines.append(
                        "  "
                        + "  ".join(
                            filter(
                                None, (it.name, it.version, f"{algorithm}:{digest}", "" if kind == "deb" else it.uri)
                            )
                        )
                    )
    return lines
