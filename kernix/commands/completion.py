"""`kernix completion`: print the script for shell completion of verbs, options and attributes."""

from __future__ import annotations

import click

from click.shell_completion import get_completion_class


SHELLS = ("bash", "fish", "zsh")


@click.command
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the script with which SHELL completes verbs, options and attributes.

    bash: add `source <(kernix completion bash)` to ~/.bashrc. zsh: the same with `zsh`, in ~/.zshrc.
    fish: add `kernix completion fish | source` to ~/.config/fish/config.fish.
    """
    kind = get_completion_class(shell)
    if kind is None:  # pragma: no cover -- click knows these three
        raise click.UsageError(shell)
    made = kind(ctx.find_root().command, {}, "kernix", "_KERNIX_COMPLETE")
    click.echo(made.source_template % made.source_vars())
