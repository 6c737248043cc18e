"""Groups of verbs; each verb is a module that is imported when it is used."""

from __future__ import annotations

import importlib

from typing import TYPE_CHECKING, Any

import click

from kernix.output.messages import PipeBroken


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from click.formatting import HelpFormatter
    from click.shell_completion import CompletionItem


class LazyGroup(click.Group):
    """A group whose commands are modules that are imported when they are called.

    Args:
        *args: Arguments of `click.Group`.
        verbs: The verbs, with a line about each.
        module_of: Returns the name of the module that has a verb as its `command`.
        **attributes: Keyword arguments of `click.Group`.
    """

    def __init__(
        self,
        *args: Any,  # noqa: ANN401 -- click's own
        verbs: Mapping[str, str],
        module_of: Callable[[str], str],
        **attributes: Any,  # noqa: ANN401 -- as above
    ) -> None:
        super().__init__(*args, **attributes)
        self.verbs = verbs
        self._module_of = module_of

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 -- click's signature
        """Return the verbs, in alphabetical order."""
        return sorted(self.verbs)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 -- click's signature
        """Import and return the verb *cmd_name*; return None if there is no such verb."""
        if cmd_name not in self.verbs:
            return None
        command: click.Command = importlib.import_module(self._module_of(cmd_name)).command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the verb that *args* begin with, and the rest of them.

        Raises:
            NoSuchCommand: there is no such verb.
        """
        if args[0] not in self.verbs and not ctx.resilient_parsing and not args[0].startswith("-"):
            raise click.NoSuchCommand(args[0], possibilities=self.verbs, ctx=ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        """Run the verb.

        Raises:
            PipeBroken: the verb ran into a broken pipe.
        """
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise PipeBroken(error) from error

    def format_commands(self, ctx: click.Context, formatter: HelpFormatter) -> None:  # noqa: ARG002 -- click's signature
        """Write the verbs with their lines."""
        with formatter.section("Verbs"):
            formatter.write_dl(sorted(self.verbs.items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the verbs that begin with *incomplete*, with their lines."""
        from click.shell_completion import CompletionItem  # noqa: PLC0415 -- start-up: click itself loads it late, too

        verbs = [CompletionItem(name, help=text) for name, text in self.verbs.items() if name.startswith(incomplete)]
        return verbs or super(click.Group, self).shell_complete(ctx, incomplete)
