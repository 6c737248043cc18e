"""`kernix key list`: the user's keys, and those that they trust."""

from __future__ import annotations

import json

from typing import TYPE_CHECKING

import click

from kernix.keys import keyring
from kernix.output.messages import warn
from kernix.output.table import rows
from store.errors import Error


if TYPE_CHECKING:
    from kernix.session import Session
    from store.signing.keyring import Keyring, TrustedKey
    from store.signing.keys import PublicKey


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the keys as JSON.")
@click.pass_obj
def command(session: Session, /, *, as_json: bool) -> None:
    """List your keys and those that you trust, with what each is trusted for. Secrets are not printed."""
    keys = keyring(session)
    own, trusted = _own(keys), {it.key: it for it in keys.trusted()}
    listed = sorted({*own, *trusted}, key=lambda it: (it.name, it.raw))
    if as_json:
        shown = [
            {
                "key": str(key),
                "secret": str(keys.secret_file(key.name)) if key in own else None,
                "trusted": _trusted(trusted[key]) if key in trusted else None,
            }
            for key in listed
        ]
        click.echo(json.dumps(shown, indent=2))
        return
    cells = []
    for key in listed:
        words = ["yours"] if key in own else []
        if key in trusted:
            words.append(f"trusted for {' and '.join(trusted[key].purposes)}")
            words += [f"from {cache}" for cache in trusted[key].caches]
        cells.append((str(key), ", ".join(words)))
    for line in rows(cells):
        click.echo(line)


def _trusted(key: TrustedKey) -> dict[str, object]:
    """Return what *key* is trusted for; `caches` is null if it is for every cache."""
    return {"for": [str(it) for it in key.purposes], "caches": list(key.caches) or None}


def _own(keys: Keyring) -> set[PublicKey]:
    """Return the public halves of the user's keys, and warn of those that cannot be used."""
    found = set()
    for name in keys.own():
        try:
            found.add(keys.secret(name).public)
        except Error as error:
            warn(str(error))
    return found
