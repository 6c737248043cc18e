"""`kernix key trust`: believe what a key signs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kernix.keys import keyring
from kernix.output.messages import print_message
from store.signing.keyring import TrustedKey, plain_url
from store.signing.keys import PublicKey
from store.signing.trusted import Purpose


if TYPE_CHECKING:
    from kernix.session import Session


@click.command()
@click.argument("key")
@click.option(
    "--for",
    "words",
    type=click.Choice([str(it) for it in Purpose]),
    multiple=True,
    help="Trust it for this alone; may be repeated.  [default: objects and results]",
)
@click.option("--cache", "caches", metavar="URL", multiple=True, help="Trust it for this cache alone; may be repeated.")
@click.pass_obj
def command(session: Session, /, *, key: str, words: tuple[str, ...], caches: tuple[str, ...]) -> None:
    """Believe what KEY signs: a public key as `kernix key list` prints it, or the NAME of one of yours.

    A key that is trusted for results decides what a build gives: trust those whose builds you would run. A key that is
    trusted for objects alone cannot do that. This replaces what KEY was trusted for before.
    """
    keys = keyring(session)
    public = keys.secret(key).public if key in keys.own() else PublicKey.parse(key)
    chosen = tuple(it for it in Purpose if not words or it in words)
    keys.trust(TrustedKey(public, chosen, tuple(dict.fromkeys(map(plain_url, caches)))))
    where = f"from {', '.join(caches)}" if caches else "from every cache"
    print_message(f"trusted `{public.name}` for {' and '.join(chosen)} {where}")
