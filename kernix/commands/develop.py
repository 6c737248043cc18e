"""`kernix develop`: work on a kernel's tree, with the objects of its build below it."""

from __future__ import annotations

import contextlib

from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import click

from derivations.linux.shell import shell_of
from kernix.building import realise
from kernix.commands.shell import kernel_of, shell_in
from kernix.evaluation.attributes import target
from kernix.evaluation.definitions import definitions
from kernix.options import PATH, VerbCommand, complete_attributes, evaluation, realisation
from kernix.output.messages import print_message
from store.errors import UsageError


if TYPE_CHECKING:
    from derivations.realise.develop.objects import Objects
    from derivations.realise.develop.source import WorkSource
    from kernix.developer.beginning import Beginning
    from kernix.evaluation.inputs import Options
    from kernix.options import Chosen
    from kernix.session import Session


@click.command(cls=VerbCommand)
@click.argument("attribute", metavar="[ATTR]", required=False, shell_complete=complete_attributes)
@click.argument("words", metavar="[-- CMD…]", nargs=-1, type=click.UNPROCESSED)
@evaluation
@realisation
@click.option("--into", type=PATH, metavar="DIR", help="Work in this directory instead of ./NAME-develop.")
@click.option(
    "--copy", is_flag=True, help="Copy the source to DIR/source, where editors outside the sandbox see all of it."
)
@click.option("--patch", is_flag=True, help="Write what was changed in the source as a patch, and do nothing else.")
@click.option(
    "-o", "--output", type=PATH, metavar="FILE", help="With --patch: write to this file instead of standard output."
)
@click.option(
    "-m", "--message", metavar="TEXT", help="With --patch: the title, and after an empty line the description."
)
@click.option("--author", metavar="NAME", help="With --patch: `Name <address>` instead of git's settings.")
@click.pass_obj
def command(
    session: Session,
    /,
    *,
    attribute: str | None,
    words: tuple[str, ...],
    into: Path | None,
    copy: bool,
    patch: bool,
    output: Path | None,
    message: str | None,
    author: str | None,
    options: Options,
    chosen: Chosen,
) -> None:
    """Change the source of the kernel ATTR and compile it: open a shell, or run CMD and exit with its code.

    In the sandbox of the build, /src is the source, writable, and /build has the objects of the kernel's last build: `make`
    compiles only what was changed. Both stay in DIR when the shell ends, and are found there the next time.

    With `--patch`, the changes are written as a patch, as by `git format-patch`, for `patches` of the kernel's definition.
    """
    if not patch and (output or message or author):
        msg = "--output, --message and --author belong to --patch"
        raise UsageError(msg)
    if patch:
        from kernix.developer.patch import write_patch  # noqa: PLC0415 -- start-up: patches alone

        write_patch(session, attribute, into, output=output, message=message, author=author)
        return
    if attribute is None:
        msg = "ATTR is missing: which kernel is it?"
        raise UsageError(msg)
    click.get_current_context().exit(
        _develop(session, attribute, words, into=into, copy=copy, options=options, chosen=chosen)
    )


def _develop(
    session: Session,
    attribute: str,
    words: tuple[str, ...],
    *,
    into: Path | None,
    copy: bool,
    options: Options,
    chosen: Chosen,
) -> int:
    from derivations.realise.develop.workplace import Workplace  # noqa: PLC0415 -- start-up: sessions alone
    from kernix.developer.beginning import Beginning  # noqa: PLC0415 -- as above

    with definitions(session, options) as names:
        found = target(names, attribute)
        kernel = kernel_of(names, found)
        if kernel is None:
            msg = f"`{attribute}` is not a kernel"
            raise UsageError(msg, "`kernix shell` opens a shell in the environment of any build")
        shell = shell_of(kernel, [])
        derivation = kernel.derivation
        paths = realise(session, [*derivation.inputs, *shell.mounts.values()], **chosen)
        workplace = Workplace((into or Path(f"{derivation.name}-develop")).absolute())
        beginning = Beginning(session, workplace, kernel, shell, {it: paths[it] for it in derivation.inputs}, chosen)
        with contextlib.ExitStack() as held:
            state, source, objects = beginning.begin(attribute, copy, held)
            code = _run(beginning, source, objects, words, shown=into or Path(workplace.place.name))
            workplace.save(attrs.evolve(state, after=source.changes()))
    return code


def _run(beginning: Beginning, source: WorkSource, objects: Objects, words: tuple[str, ...], shown: Path) -> int:
    tree = None if objects.tree is None else objects.tree.about
    if objects.refused is not None:
        print_message(f"all of it will be compiled: {objects.refused}")
    elif tree is None:
        print_message("no objects of this kernel are kept, so the first `make` compiles all of it")
    elif objects.gone:
        print_message(f"objects of {tree.name}: {len(objects.gone)} files of them are to be made again")
    if not words:
        where = f"{shown}/source" if source.copied else f"changes stay in {shown}/source"
        print_message(f"/src is the source ({where}), /build has the objects: `make` compiles what you change")
    root = beginning.session.store.path(beginning.inputs[beginning.kernel.derivation.mounts["/"]])
    return beginning.run(source, objects, words or shell_in(root))
