"""`kernix update`: pin the newest releases of kernel.org."""

from __future__ import annotations

import json

from typing import TYPE_CHECKING

import attrs
import click

from derivations.linux.pins import TESTING, dump_pins
from derivations.linux.releases import NotListed, changes, newer, updated
from derivations.realise.network.kernel_org import SERVER, SIGNER, KernelOrg
from kernels import attribute_of, releases
from kernix.options import PATH
from kernix.output.messages import print_message
from kernix.output.table import rows
from kernix.places import PINS
from store.errors import UsageError
from store.osutil.durable import write_whole


if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from derivations.linux.pins import Release
    from derivations.linux.releases import Announced, SeriesChange
    from kernix.session import Session


@click.command
@click.option("--dry-run", "-n", is_flag=True, help="Print what would change, and write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the changes as JSON.")
@click.option("-k", "--keep-going", is_flag=True, help="Skip releases that no signed checksum covers yet.")
@click.option(
    "--testing",
    is_flag=True,
    help="Pin the newest release candidate too: it is downloaded, as nobody signs its checksum.",
)
@click.option("-o", "--output", type=PATH, help="Update this file instead of your own kernels.json.")
@click.option("--keyring", type=PATH, help="Read the public keys from this file, not from the server.")
@click.option(
    "--signer", metavar="FINGERPRINT", default=SIGNER, show_default=True, help="Trust checksums that this key signed."
)
@click.option("--server", metavar="URL", default=SERVER, show_default=True, help="Use this mirror of kernel.org.")
@click.pass_obj
def command(
    session: Session,
    /,
    *,
    dry_run: bool,
    as_json: bool,
    keep_going: bool,
    testing: bool,
    output: Path | None,
    keyring: Path | None,
    signer: str,
    server: str,
) -> None:
    """Pin the newest releases of kernel.org in $XDG_CONFIG_HOME/kernix/kernels.json, and print the changes.

    New series are added; series that are no longer maintained are marked, and can still be built. Hashes come
    only from the checksum lists of kernel.org, after gpgv has verified their signature.
    """
    place = output or session.config_home / PINS
    old = releases(place if place.exists() else None)
    kernel_org = _kernel_org(session, keyring, signer, server)
    announced = kernel_org.announcement()
    wanted = newer(announced, old)
    signed = {release.version.major for series, release in wanted.items() if series != TESTING}
    new, missing = updated(old, announced, kernel_org.sums(signed))
    if missing and not keep_going:
        raise NotListed(missing)
    for version in missing:
        print_message(f"skipped Linux {version}: kernel.org's signed checksums do not list it yet")
    if TESTING in wanted:
        new |= _testing(kernel_org, wanted[TESTING], asked_for=testing)
    found = changes(old, new)
    if found and not dry_run:
        write_whole(place, dump_pins(new))
    click.echo(
        json.dumps([attrs.asdict(it) for it in found], indent=2) if as_json else "\n".join(_lines(found)),
        nl=bool(found or as_json),
    )
    if not found:
        print_message("nothing changed")
    elif not dry_run:
        print_message(f"wrote {place}")


def _kernel_org(session: Session, keyring: Path | None, signer: str, server: str) -> KernelOrg:
    settings = session.settings()
    if settings.offline:
        message = "cannot ask kernel.org for releases offline"
        raise UsageError(message, "`offline` is set in config.toml")
    fingerprint = signer.replace(" ", "").upper().removeprefix("0X")
    if len(fingerprint) != len(SIGNER) or not set(fingerprint) <= set("0123456789ABCDEF"):
        message = f"{signer!r} is not the fingerprint of a key"
        raise UsageError(message, f"a fingerprint has {len(SIGNER)} digits, such as {SIGNER}")
    if keyring is None and session.configuration is not None:
        keyring = session.configuration.keyring
    keys = keyring.read_bytes() if keyring is not None else None
    return KernelOrg(settings=settings, server=server.rstrip("/"), keyring=keys, signer=fingerprint)


def _testing(kernel_org: KernelOrg, release: Announced, *, asked_for: bool) -> Mapping[str, Release]:
    """Return the pin of the announced release candidate, if it is requested."""
    pin = release.pinned("")
    if not asked_for:
        print_message(
            f"skipped Linux {release.text}: its archive is not signed; `--testing` downloads it and pins its hash"
        )
        return {}
    print_message(f"downloading {pin.url}")
    return {TESTING: release.pinned(kernel_org.sha256_of(pin.url))}


def _lines(found: tuple[SeriesChange, ...]) -> list[str]:
    return rows([(_sign(it), attribute_of(it.series), _words(it)) for it in found])


def _sign(change: SeriesChange) -> str:
    return "+" if change.old is None else "~"


def _words(change: SeriesChange) -> str:
    """Describe the change of a series."""
    old, new = change.old, change.new
    words = [new.version if old is None or old.version == new.version else f"{old.version} -> {new.version}"]
    if new.longterm and not (old is not None and old.longterm):
        words.append("longterm")
    if new.end_of_life and not (old is not None and old.end_of_life):
        words.append("no longer maintained")
    if old is not None and old.end_of_life and not new.end_of_life:
        words.append("maintained again")
    return ", ".join(words)
