"""`kernix help`: the help of kernix or of a verb."""

from __future__ import annotations

import click


@click.command
@click.argument("verb", metavar="[VERB…]", nargs=-1)
@click.pass_context
def command(ctx: click.Context, /, *, verb: tuple[str, ...]) -> None:
    """Show the help of VERB, such as `build` or `config check`; without one, that of kernix."""
    context = ctx.parent
    if context is None:
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
