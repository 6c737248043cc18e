"""The command line `kernix VERB …`; each verb is imported when it is used."""

from __future__ import annotations

import functools
import os
import warnings

from typing import TYPE_CHECKING

import click

from kernix.evaluation.selection import forget
from kernix.lazy_group import LazyGroup
from kernix.output.messages import Remarks, warn_of_damage
from kernix.session import Session
from kernix.verbs import GROUPS, VERBS, module_of


if TYPE_CHECKING:
    from click.formatting import HelpFormatter


_USAGE = "Usage: kernix VERB …  (help VERB, help options, completion SHELL, version)\n"
_BRIEF = {"Store", "Sharing"}
"""Groups whose verbs are named on one line, so that the help fits a small terminal; `kernix help VERB` explains each."""


def version() -> str:
    """Return the name and version of kernix, in one line."""
    from importlib import metadata  # noqa: PLC0415 -- start-up: it loads half of the standard library

    try:
        return f"kernix {metadata.version('kernix')}"
    except metadata.PackageNotFoundError:
        return "kernix (not installed)"


def _print_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        click.echo(version())
        ctx.exit()


class Kernix(LazyGroup):
    """The verbs, shown in groups on one screen of 80 columns."""

    def format_help(self, ctx: click.Context, formatter: HelpFormatter) -> None:  # noqa: ARG002 -- click's signature
        """Write the verbs, with the name of each group beside its first verb."""
        formatter.write(_USAGE)
        for group, verbs in GROUPS.items():
            if group in _BRIEF:
                formatter.write(f"{group:<15}{', '.join(verbs)}\n")
                continue
            for number, (verb, line) in enumerate(verbs.items()):
                formatter.write(f"{'' if number else group:<15}{verb:<13}{line}\n")


@click.group(
    cls=Kernix,
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
    """Build Linux kernels: defined by pure functions, built hermetically, stored by content."""
    forget()
    warnings.showwarning = Remarks()
    warnings.filterwarnings("always", category=UserWarning)
    # The words, if they are known: a build is recorded under them.
    ctx.obj = Session(environment=dict(os.environ), words=ctx.obj or ())
    ctx.call_on_close(functools.partial(_close, ctx.obj))


def _close(session: Session) -> None:
    if damaged := session.close():
        warn_of_damage(damaged)
