"""`kernix help`: show the help of kernix or of a verb."""

from __future__ import annotations

import click

from kernix.options import shared_options, write_options


@click.command
@click.argument("verb", metavar="[VERB…]", nargs=-1)
@click.pass_context
def command(ctx: click.Context, /, *, verb: tuple[str, ...]) -> None:
    """Show the help of VERB, such as `build` or `config check`; by default, the list of verbs.

    `kernix help options` explains the options that many verbs share.
    """
    context = ctx.parent
    if context is None:
        return
    if verb == ("options",):
        formatter = context.make_formatter()
        for heading, options in shared_options().items():
            write_options(formatter, heading, options, context)
        click.echo(formatter.getvalue().strip("\n"))
        return
    for word in verb:
        group = context.command
        if not isinstance(group, click.Group):
            message = f"`{context.command_path}` has no verbs of its own"
            raise click.UsageError(message, context)
        name, found, _ = group.resolve_command(context, [word])
        if found is None or name is None:
            raise click.NoSuchCommand(word, ctx=context)
        context = click.Context(found, info_name=name, parent=context, resilient_parsing=True)
    click.echo(context.get_help())
