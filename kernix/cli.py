"""The words of the command line: `kernix VERB …`, each verb imported when it is used."""

from __future__ import annotations

import functools
import os
import warnings

import click

from kernix.evaluation.selection import forget
from kernix.lazy_group import LazyGroup
from kernix.output.messages import Remarks, warn_of_damage
from kernix.session import Session
from kernix.verbs import VERBS, module_of


def version() -> str:
    """Return the line that says which kernix this is."""
    from importlib import metadata  # noqa: PLC0415 -- start-up: it loads half of the standard library

    try:
        return f"kernix {metadata.version('kernix')}"
    except metadata.PackageNotFoundError:
        return "kernix (not installed)"


def _print_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        click.echo(version())
        ctx.exit()


@click.group(
    cls=LazyGroup,
    verbs=VERBS,
    module_of=module_of,
    subcommand_metavar="VERB …",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Print the version."
)
@click.pass_context
def kernix(ctx: click.Context) -> None:
    """Build Linux kernels: defined by pure functions, built hermetically, kept by content.

    A kernel is an ATTRibute of the bundled set (`kernix list`), of an overlay, or of a Python
    file of yours (`-f FILE`); `linux_micro.dev` is its output `dev`.
    """
    forget()
    warnings.showwarning = Remarks()
    warnings.filterwarnings("always", category=UserWarning)
    # The words, where they are known: a build is remembered under them.
    ctx.obj = Session(environment=dict(os.environ), words=ctx.obj or ())
    ctx.call_on_close(functools.partial(_close, ctx.obj))


def _close(session: Session) -> None:
    if damaged := session.close():
        warn_of_damage(damaged)
