"""The group `kernix config`: its verbs, or an ATTR whose .config is printed."""

from __future__ import annotations

import importlib

from typing import TYPE_CHECKING, Any

import click

from derivations.suggest import suggestion
from kernix.lazy_group import LazyGroup


if TYPE_CHECKING:
    from click.formatting import HelpFormatter
    from click.shell_completion import CompletionItem


VERBS = {
    "check": "Report the outcome of every requested option",
    "diff": "Compare two configurations, with the cause of each difference",
    "edit": "Edit in menuconfig and print the changes as a fragment",
    "explain": "Explain the value of an option",
    "fix": "Find a minimal set of options that makes a request hold",
    "hardening": "Compare with the Kernel Self Protection Project's rules",
    "import": "Convert a .config or a fragment to Python",
    "search": "Find options by name, as in menuconfig",
    "upgrade": "Show what another version of Linux changes",
}

_HELP = ("-h", "--help")


def module_of(verb: str) -> str:
    """Return the name of the module that has *verb* as its `command`."""
    return f"kernix.commands.config.{'import_config' if verb == 'import' else verb}"


class ConfigGroup(LazyGroup):
    """A group whose default verb prints the whole .config."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any  # noqa: ANN401 -- click's signature
    ) -> click.Context:  # fmt: skip
        """Return the context of this group if *args* name a verb or ask for help, else that of the default verb."""
        own = args[:1] and (args[0] in self.verbs or args[0] in _HELP or self._is_misspelled(args))
        if own or (not args and extra.get("resilient_parsing")):
            return super().make_context(info_name, args, parent, **extra)
        return _show().make_context(info_name, args, parent, **extra)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the verb that *args* begin with and the rest of them; for an ATTR, the default verb and all *args*.

        Raises:
            NoSuchCommand: it is a misspelled verb.
        """
        if args[0] in self.verbs or self._is_misspelled(args):
            return super().resolve_command(ctx, args)
        return ctx.info_name, _show(), args

    def _is_misspelled(self, args: list[str]) -> bool:
        """Return whether *args* begin with a misspelled verb and an ATTR: the default verb takes a single word."""
        return len(args) > 1 and not args[1].startswith("-") and suggestion(args[0], self.verbs) is not None

    def format_options(self, ctx: click.Context, formatter: HelpFormatter) -> None:
        """Write the options of the default verb, and the verbs."""
        _show().format_options(ctx, formatter)
        self.format_commands(ctx, formatter)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the verbs, attributes or options that begin with *incomplete*."""
        from click.shell_completion import CompletionItem  # noqa: PLC0415 -- start-up: click itself loads it late, too

        show = _show()
        if incomplete.startswith("-"):
            return show.shell_complete(
                show.make_context(ctx.info_name, [], ctx.parent, resilient_parsing=True), incomplete
            )
        verbs = [CompletionItem(name, help=text) for name, text in self.verbs.items() if name.startswith(incomplete)]
        (attribute,) = (it for it in show.params if it.name == "attribute")
        return verbs + attribute.shell_complete(ctx, incomplete)


def _show() -> click.Command:
    show: click.Command = importlib.import_module("kernix.commands.config.show").command
    return show


@click.group(
    cls=ConfigGroup, verbs=VERBS, module_of=module_of, options_metavar="", subcommand_metavar="[OPTIONS] ATTR | VERB …"
)
def command() -> None:
    """Print the .config of the kernel ATTR; or check, explain, compare or edit it.

    The kernel's own Kconfig resolves the .config, and kernix checks every request against it. Nothing is
    compiled.
    """
