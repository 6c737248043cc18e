"""`kernix version`: print the version of kernix."""

from __future__ import annotations

import click

from kernix.cli import version


@click.command
def command() -> None:
    """Print the version of kernix, as `kernix --version` does."""
    click.echo(version())
