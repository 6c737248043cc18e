"""`kernix shell`: open a shell in the environment of a build."""

from __future__ import annotations

import contextlib

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from derivations.linux.kernel import Kernel
from derivations.linux.shell import name_in_shell, shell_of
from derivations.realise.sandbox import interactive
from kernix.building import present, realise
from kernix.evaluation.attributes import follow, target
from kernix.evaluation.definitions import definitions
from kernix.options import PATH, VerbCommand, attribute, evaluation, realisation
from kernix.output.messages import print_message
from store.errors import UsageError


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from derivations.linux.shell import Shell
    from kernix.evaluation.attributes import Target
    from kernix.evaluation.inputs import Options
    from kernix.options import Chosen
    from kernix.session import Session


@click.command(cls=VerbCommand)
@attribute
@click.argument("words", metavar="[-- CMD…]", nargs=-1, type=click.UNPROCESSED)
@evaluation
@realisation
@click.option("-d", "--directory", type=PATH, help="Use this working directory instead of ./NAME-shell.")
@click.pass_obj
def command(
    session: Session,
    /,
    *,
    attribute: str,
    words: tuple[str, ...],
    directory: Path | None,
    options: Options,
    chosen: Chosen,
) -> None:
    """Open a shell in the build environment of ATTR, or run CMD there and exit with its code.

    This is the sandbox of the build: its programs and variables, no network, and of this machine only one
    directory, /build inside, which remains after the shell ends. `unpackPhase` unpacks the source there. Outputs
    of ATTR that are already built are available: $dev has what modules are built against.
    """
    with definitions(session, options) as names:
        found = target(names, attribute)
        kernel = kernel_of(names, found)
        derivation = found.output.derivation if kernel is None else kernel.derivation
        built = present(session, [derivation.output(name) for name in derivation.outputs])
        shell = shell_of(kernel or derivation, built)
        paths = realise(session, shell.mounts.values(), **chosen)
    place = directory or Path(f"{derivation.name}-shell")
    with _workplace(place) as work:
        if not words:
            print_message(f"{place} is /build in this shell; `unpackPhase` unpacks the source, `exit` leaves")
        _report_missing(found, shell)
        argv = words or shell_in(session.store.path(paths[shell.mounts["/"]]))
        env = {**shell.env, "PS1": rf"[{derivation.name} \W]\$ ", "TERM": session.environment.get("TERM", "dumb")}
        bounds = session.settings(**chosen).bounds
        with interactive.session(
            session.store, shell.mounts, argv, env=env, terminal=True, build=work, bounds=bounds
        ) as process:
            code = process.wait()
    click.get_current_context().exit(code)


def kernel_of(names: Mapping[str, Any], found: Target) -> Kernel | None:
    """Return the kernel that *found* is, or is an output of; None if it is neither."""
    parent = found.attribute.rpartition(".")[0]
    for value in (found.value, follow(names, parent) if parent else None):
        if isinstance(value, Kernel) and found.output.derivation.key in {
            value.derivation.key,
            value.dev.derivation.key,
        }:
            return value
    return None


@contextlib.contextmanager
def _workplace(place: Path) -> Iterator[Path]:
    """Provide the directory *place*, by its real path; if it was created here and stays empty, it is deleted again."""
    if place.exists() and not place.is_dir():
        message = f"{place} is not a directory"
        raise UsageError(message)
    made = not place.exists()
    place.mkdir(parents=True, exist_ok=True)
    try:
        yield place.resolve()
    finally:
        if made:
            with contextlib.suppress(OSError):
                place.rmdir()


def _report_missing(found: Target, shell: Shell) -> None:
    missing = [it for it in map(name_in_shell, shell.derivation.outputs) if it not in shell.env]
    if not missing:
        return
    built = [found.attribute]
    if found.output.name not in missing:  # it is built already, so building it would not build the others
        built = [f"{found.attribute.removesuffix(f'.{found.output.name}')}.{name}" for name in missing]
    print_message(
        f"not built, so not available: {', '.join(f'${name}' for name in missing)} (`kernix build {' '.join(built)}`)"
    )


def shell_in(root: Path) -> tuple[str, ...]:
    """Return the best shell that *root* has."""
    return ("/bin/bash", "--noprofile", "--norc", "-i") if (root / "bin/bash").exists() else ("/bin/sh", "-i")
