"""`kernix config edit`: edit in the kernel's own editor, and print the changes as a fragment."""

from __future__ import annotations

import os
import sys

from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import click

from derivations.kconfig.comparison.difference import Difference, difference
from derivations.kconfig.comparison.minimal_edit import by_cause, minimal, settable
from derivations.kconfig.comparison.upgrade import rows
from derivations.kconfig.language.text import line
from derivations.kconfig.language.values import Unset
from derivations.kconfig.symbols.dotconfig import compose
from derivations.linux.editor import SET, editor_root, editors
from derivations.linux.script import SHELL, script
from derivations.realise.kconfig_session import evaluator
from derivations.realise.sandbox.interactive import scratch_for
from derivations.realise.sandbox.interactive import session as sandbox
from kernix.building import realise
from kernix.configs.named import from_kernel
from kernix.configs.resolved import kernel, resolve
from kernix.evaluation.definitions import definitions
from kernix.evaluation.inputs import find_lock
from kernix.make_lock import change
from kernix.options import VerbCommand, attribute, evaluation, realisation
from kernix.output import table
from kernix.output.messages import print_message, warn
from kernix.output.quantities import number
from store.errors import Error, UsageError


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from derivations.debian.lock import Lock
    from derivations.derivation import Output
    from derivations.kconfig.language.values import Value
    from derivations.kconfig.symbols.values_table import Evaluate, Values
    from derivations.linux.kernel import Kernel
    from kernix.configs.resolved import Resolved
    from kernix.evaluation.inputs import Options
    from kernix.options import Chosen
    from kernix.session import Session


LEAST = {"menuconfig": os.terminal_size((80, 19)), "nconfig": os.terminal_size((75, 20))}
"""The smallest terminal that each editor starts in (`scripts/kconfig/lxdialog/dialog.h`, `nconf.c`)."""


class TerminalTooSmall(Error):
    """The terminal is too small for the editor."""

    exit_code = 2

    target: str
    size: os.terminal_size

    def __str__(self) -> str:
        least, now = LEAST[self.target], self.size
        return (
            f"{self.target} needs a terminal of {least.columns} columns and {least.lines} lines, "
            f"but this one has {now.columns} and {now.lines}"
        )

    @property
    def hint(self) -> str:
        """Say how to make it fit."""
        return "enlarge the terminal, or use a smaller font"


class EditorFailed(Error):
    """The editor exited with an error."""

    target: str
    code: int

    def __str__(self) -> str:
        return f"`make {self.target}` ended with exit code {self.code}"


@click.command(cls=VerbCommand)
@attribute
@click.option("--menuconfig", "target", flag_value="menuconfig", default=True, help="Use menuconfig (the default).")
@click.option("--nconfig", "target", flag_value="nconfig", help="Use nconfig.")
@click.option("--text", "as_text", is_flag=True, help="Print .config lines instead of Python.")
@evaluation
@realisation
@click.pass_obj
def command(
    session: Session, /, *, attribute: str, target: str, as_text: bool, options: Options, chosen: Chosen
) -> None:
    """Edit the configuration of the kernel ATTR in the kernel's own editor, and print the changes.

    The editor runs in the sandbox, on your terminal. The result is the smallest fragment that leads to the
    same configuration: options that merely follow from others are left out. Paste it into `extra_config`;
    no file is changed. The packages that the editors need are added to the lock on first use.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        message = "the editor needs a terminal"
        raise UsageError(message, "run it in a terminal; `kernix config explain` and `fix` need none")
    check_size(target, os.get_terminal_size(sys.stdout.fileno()))
    with definitions(session, options) as names:
        edited = kernel(names, attribute)
        found = resolve(session, attribute, edited, chosen)
        root = editor_root(edited.toolchain, _lock(session, edited, options)).out
        before = from_kernel(session, found, chosen)
        flags = (*edited.toolchain.make_flags, *edited.arguments.make_flags)
        compiled = editors(edited.config_tree, root, edited.toolchain.system, flags).out
        mounts = {"/": root, "/src": edited.config_tree, "/editors": compiled}
        realise(session, mounts.values(), **chosen)
        text = _edit(session, found, mounts, [target, *flags])
        if text == found.file.read_text(encoding="utf-8"):
            print_message("nothing changed")
            return
        with evaluator(session.store, edited.resolver) as resolver:
            after = attrs.evolve(before, name="edited", values=resolver.settled(text))
            edit = _Edit(session, found, difference(before, after), after.values, resolver.settled)
            fragment = edit.fragment(found.start(session, chosen))
        _prove(session, found, fragment, after.values, chosen)
        _show(fragment, edit.difference, found, as_text=as_text)


def check_size(target: str, size: os.terminal_size) -> None:
    """Check that the editor *target* runs on a terminal of *size*; an unknown size is accepted.

    Raises:
        TerminalTooSmall: the editor would exit.
    """
    least = LEAST[target]
    if 0 < size.columns < least.columns or 0 < size.lines < least.lines:
        raise TerminalTooSmall(target, size)


def _lock(session: Session, edited: Kernel, options: Options) -> Lock:
    """Return a lock that pins the editor's packages, which are added to the user's lock if it lacks them."""
    lock = edited.context.lock()
    if SET in lock.sets or options.offline:
        return lock
    _, pinned = change(session, find_lock(options.lock, Path.cwd(), lambda: session.config_home), [SET])
    print_message(f"pinned {SET}, for the editor; this changes no build")
    return pinned


def _edit(session: Session, found: Resolved, mounts: Mapping[str, Output], words: Sequence[str]) -> str:
    """Let the user edit the configuration *found* with `make` *words*; return the resulting `.config`.

    Raises:
        EditorFailed: the editor exited with an error.
        TerminalTooSmall: it exited because the terminal became too small, and nothing was saved.
    """
    env = {
        "KCONFIG_NOTIMESTAMP": "1",
        "LC_ALL": "C.UTF-8",
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "TERM": session.environment.get("TERM") or "xterm",
        "TZ": "UTC",
    }
    with scratch_for(session.store) as build:
        file = build / ".config"
        file.write_bytes(found.file.read_bytes())
        argv = [SHELL, *script("edit", *words)]
        with sandbox(session.store, mounts, argv, env=env, terminal=True, build=build) as process:
            code = process.wait()
        text = file.read_text(encoding="utf-8")
        if code or text == found.file.read_text(encoding="utf-8"):
            check_size(
                words[0], os.get_terminal_size(sys.stdout.fileno())
            )  # the editor exits when the terminal becomes too small
        if code:
            raise EditorFailed(words[0], code)
        return text


@attrs.frozen
class _Edit:
    """The changes, and what is needed to reduce them."""

    session: Session
    found: Resolved
    difference: Difference
    wanted: Values
    evaluate: Evaluate

    def fragment(self, base: str) -> dict[str, Value]:
        """Return the smallest set of requests over *base* and the kernel's own that gives the wanted values."""
        found = self.found
        requests: Mapping[str, Value] = {
            name: it.value
            for name, it in found.merged_requests.requests.items()
            if found.is_requested and not isinstance(it.value, Unset)
        }
        changes = settable(self.difference, found.model, self.wanted)

        def enough(names: Sequence[str]) -> bool:
            text = compose(base, {**requests, **{name: changes[name] for name in names}}, found.model)
            return not _differ(self.evaluate(text), self.wanted)

        candidates = [it for it in by_cause(self.difference) if it in changes]
        if not enough(candidates):
            warn("not every change can be requested option by option")
            return dict(changes)
        return {name: changes[name] for name in minimal(candidates, enough)}


def _differ(one: Values, other: Values) -> list[str]:
    return [name for name in one.changed(other) if not name.startswith("@")]


def _show(fragment: Mapping[str, Value], changes: Difference, found: Resolved, *, as_text: bool) -> None:
    """Print the *fragment*, with a note beside options that are requested already."""
    print_message(
        f"{number(len(fragment), 'change')}; {number(len(changes.changes) - len(fragment), 'other option follows', 'other options follow')}"
    )
    requests = found.merged_requests.requests
    notes = {
        name: f"# {requests[name].origin} requests another value" if name in requests else ""
        for name in sorted(fragment)
    }
    if as_text:
        for name, note in notes.items():
            click.echo("\n".join(filter(None, (note, line(name, fragment[name])))))
        return
    click.echo("extra_config = {")
    for text in table.rows(list(zip((f"    {it}" for it in rows(fragment)), notes.values(), strict=True))):
        click.echo(text)
    click.echo("}")


def _prove(session: Session, found: Resolved, fragment: Mapping[str, Value], wanted: Values, chosen: Chosen) -> None:
    """Resolve the kernel with the *fragment*, and warn of options that differ from the wanted values."""
    again = resolve(session, found.name, found.kernel.override(extra_config=dict(fragment)), chosen)
    if wrong := _differ(again.values, wanted):
        count = number(len(wrong), "option differs", "options differ")
        warn(f"with this fragment, {count} from the editor: {', '.join(wrong[:5])}")
