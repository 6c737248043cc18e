"""`kernix completion`: what makes a shell complete verbs, options and attributes."""

from __future__ import annotations

import click

from click.shell_completion import get_completion_class


SHELLS = ("bash", "fish", "zsh")


@click.command
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print what makes SHELL complete kernix' verbs, options and attributes.

    For bash, add to ~/.bashrc: `source <(kernix completion bash)`; for zsh the same in ~/.zshrc
    with `zsh`; for fish, in ~/.config/fish/config.fish: `kernix completion fish | source`.
    """
    kind = get_completion_class(shell)
    if kind is None:  # pragma: no cover -- click knows these three
        raise click.UsageError(shell)
    made = kind(ctx.find_root().command, {}, "kernix", "_KERNIX_COMPLETE")
    click.echo(made.source_template % made.source_vars())
