"""Evaluating definitions: the bundled set, overlays on it, a user's file, in the user's context."""

from __future__ import annotations

import contextlib
import functools
import importlib

from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

import overlays

from derivations.context import Context, using
from derivations.suggest import suggestion
from kernix.attributes import Layers, Target, blame, read_file, target
from kernix.lockfile import find, lock_at, refuse
from overlays.load import UserFileMissing, load_overlay


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from derivations.debian.lock import Lock
    from kernix.session import Session
    from overlays.fixpoint import Overlay


SYSTEMS = (
    "x86_64-linux",
    "aarch64-linux",
    "armv7l-linux",
    "i686-linux",
    "mips64el-linux",
    "powerpc64le-linux",
    "riscv64-linux",
    "s390x-linux",
)
"""What `derivations.toolchain.MACHINES` has, the usual one first; it is not asked, since all that a build needs is loaded early."""

PINS = "kernels.json"
"""The user's own pins of kernel.org's releases, in the directory of the configuration."""

_PARTS = frozenset({"__init__", "fixpoint", "load"})
"""Modules of `overlays` that are no overlays."""


@attrs.frozen(kw_only=True)
class Options:
    """What the user said about where attributes come from.

    Attributes:
        file: A Python file whose kernels and derivations are the attributes.
        overlays: Files, or names of bundled overlays, in the order in which they are laid.
        lock: The lock file.
        offline: Whether nothing may be fetched, so that no lock can be made.
        system: The system to build kernels for.
    """

    file: Path | None = None
    overlays: tuple[str, ...] = ()
    lock: Path | None = None
    offline: bool = False
    system: str = SYSTEMS[0]


@contextlib.contextmanager
def definitions(
    session: Session, options: Options, make_lock: Callable[[Path], Lock] | None = None
) -> Iterator[Mapping[str, Any]]:
    """Give the attributes there are; they can be evaluated inside the block.

    Raises:
        Error: a file or an overlay cannot be read, or raises.
    """
    place = find(options.lock, Path.cwd(), lambda: session.config_home)
    lock = lock_at(place, make_lock or (refuse if _offline(session, options) else functools.partial(_make, session)))
    paths = overlay_files(session, options)
    users = [*(path for path in paths if isinstance(path, Path)), *filter(None, [options.file])]
    pins = session.config_home / PINS
    context = Context(lock=lock, system=options.system, pins=pins if pins.exists() else None)
    with using(context), blame(users):
        yield _names(paths, options)


def targets(session: Session, options: Options, attributes: Iterable[str]) -> list[Target]:
    """Return what to build for each of *attributes*.

    Raises:
        Error: one is unknown or cannot be evaluated.
    """
    with definitions(session, options) as names:
        return [target(names, attribute) for attribute in attributes]


def overlay_files(session: Session, options: Options) -> list[Path | str]:
    """Return the user's overlays, lowest first: files, and the names of bundled ones.

    Raises:
        UserFileMissing: an overlay is neither a file nor bundled.
    """
    folder = session.config_home / "overlays"
    return [*sorted(folder.glob("*.py")), *(_overlay_file(text) for text in options.overlays)]


def bundled_overlays() -> list[str]:
    """Return the names of the overlays that come with kernix."""
    folder = Path(str(overlays.__file__)).parent
    return sorted({path.stem for path in folder.glob("*.py")} - _PARTS)


def _offline(session: Session, options: Options) -> bool:
    return options.offline or (
        session.configuration is not None and bool(session.configuration.settings.get("offline"))
    )


def _make(session: Session, place: Path) -> Lock:
    from kernix.locking import make  # noqa: PLC0415 -- start-up: once in the life of a lock

    return make(session, place)


def _names(paths: list[Path | str], options: Options) -> Mapping[str, Any]:
    layers = [load_overlay(it) if isinstance(it, Path) else _bundled(it) for it in paths]
    if options.file is None:
        return _set(layers, options)
    values, overlay = read_file(options.file)
    if overlay is None and not options.overlays:
        return values
    return Layers(values, _set([*layers, *filter(None, [overlay])], options))


def _set(layers: list[Overlay], options: Options) -> Mapping[str, Any]:
    import kernels  # noqa: PLC0415 -- a user's file that stands alone does not need the set

    found: Mapping[str, Any] = kernels.kernel_set(overlays=layers, system=options.system)
    return found


def _overlay_file(text: str) -> Path | str:
    path = Path(text)
    known = bundled_overlays()
    if text in known:
        return text
    if "/" in text or path.suffix == ".py" or path.exists():
        return path
    raise UserFileMissing(text, f"no such file, and kernix has no overlay of that name ({_known(text, known)})")


def _known(text: str, known: list[str]) -> str:
    return suggestion(text, known) or f"it has {', '.join(known)}"


def _bundled(name: str) -> Overlay:
    overlay: Overlay = importlib.import_module(f"overlays.{name}").overlay
    return overlay
