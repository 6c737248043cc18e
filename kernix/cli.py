"""The words of the command line: `kernix VERB …`, each verb imported when it is used."""

from __future__ import annotations

import importlib
import os

from typing import TYPE_CHECKING

import click

from kernix.session import Session
from kernix.verbs import VERBS, module_of


if TYPE_CHECKING:
    from click.formatting import HelpFormatter
    from click.shell_completion import CompletionItem


class LazyGroup(click.Group):
    """A group whose commands are modules, imported when one is called by its name."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 -- click's signature
        """Return the verbs, in alphabetical order."""
        return sorted(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 -- click's signature
        """Import the verb *cmd_name*; return None if there is none."""
        if cmd_name not in VERBS:
            return None
        command: click.Command = importlib.import_module(module_of(cmd_name)).command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the verb that *args* begin with, and the rest of them.

        Raises:
            NoSuchCommand: there is no such verb.
        """
        if args[0] not in VERBS and not ctx.resilient_parsing and not args[0].startswith("-"):
            raise click.NoSuchCommand(args[0], possibilities=VERBS, ctx=ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: HelpFormatter) -> None:  # noqa: ARG002 -- click's signature
        """Write the verbs with their lines."""
        with formatter.section("Verbs"):
            formatter.write_dl(sorted(VERBS.items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the verbs that begin with *incomplete*, with their lines."""
        from click.shell_completion import CompletionItem  # noqa: PLC0415 -- start-up: click itself loads it as late

        verbs = [CompletionItem(name, help=text) for name, text in VERBS.items() if name.startswith(incomplete)]
        return verbs or super(click.Group, self).shell_complete(ctx, incomplete)


def _say_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from importlib import metadata  # noqa: PLC0415 -- start-up: it loads half of the standard library

        try:
            version = metadata.version("kernix")
        except metadata.PackageNotFoundError:
            version = "(not installed)"
        click.echo(f"kernix {version}")
        ctx.exit()


@click.group(
    cls=LazyGroup,
    subcommand_metavar="VERB …",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_say_version, help="Print the version."
)
@click.pass_context
def kernix(ctx: click.Context) -> None:
    """Build Linux kernels: defined by pure functions, built hermetically, kept by content.

    A kernel is an ATTRibute of the bundled set (`kernix list`), of an overlay, or of a Python
    file of yours (`-f FILE`); `linux_micro.dev` is its output `dev`.
    """
    ctx.obj = Session(environment=dict(os.environ))
    ctx.call_on_close(ctx.obj.close)
