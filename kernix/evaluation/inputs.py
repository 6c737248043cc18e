"""Finding the inputs of an evaluation: options, the lock, pins, overlays.

    the lock    --lock FILE, else ./kernix.lock, else $XDG_CONFIG_HOME/kernix/kernix.lock
    pins        $XDG_CONFIG_HOME/kernix/kernels.json, else the bundled ones
    overlays    $XDG_CONFIG_HOME/kernix/overlays/*.py, then each --overlay

`kernix.evaluation.definitions` evaluates them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import attrs

import overlays

from kernix.places import LOCK, OVERLAYS


if TYPE_CHECKING:
    from collections.abc import Callable

    from kernix.session import Session
    from overlays.load import UserFileMissing


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
"""The names in `derivations.systems.MACHINES`, the default first.

They are repeated here, and a test compares them, because a verb's options are declared before `kernix.answers.record`
reads the state of the files of `derivations`, which must not be imported before that.
"""

_PARTS = frozenset({"__init__", "fixpoint", "load"})
"""Modules of `overlays` that are not overlays."""


@attrs.frozen(kw_only=True)
class Options:
    """The options that select attributes.

    Attributes:
        file: A Python file whose kernels and derivations are the attributes.
        overlays: Files, or names of bundled overlays, in the order in which they are applied.
        lock: The lock file.
        offline: Whether nothing may be fetched, so that no lock can be created.
        system: The system to build kernels for.
    """

    file: Path | None = None
    overlays: tuple[str, ...] = ()
    lock: Path | None = None
    offline: bool = False
    system: str = SYSTEMS[0]


def find_lock(option: Path | None, directory: Path, config_home: Callable[[], Path]) -> Path:
    """Return the path of the lock, whether or not it exists: *option*, in *directory*, or in *config_home*."""
    if option is not None:
        return option.absolute()
    here = directory / LOCK
    return here if here.exists() else config_home() / LOCK


def overlay_files(session: Session, options: Options) -> list[Path | str]:
    """Return the user's overlays in the order in which they are applied: files, and the names of bundled ones.

    Raises:
        UserFileMissing: an overlay is neither a file nor bundled.
    """
    folder = session.config_home / OVERLAYS
    return [*sorted(folder.glob("*.py")), *(_overlay_file(text) for text in options.overlays)]


def bundled_overlays() -> list[str]:
    """Return the names of the overlays that come with kernix."""
    folder = Path(str(overlays.__file__)).parent
    return sorted({path.stem for path in folder.glob("*.py")} - _PARTS)


def _overlay_file(text: str) -> Path | str:
    path = Path(text)
    known = bundled_overlays()
    if text in known:
        return text
    if "/" in text or path.suffix == ".py" or path.exists():
        return path
    raise _unknown(text, known)


def _unknown(text: str, known: list[str]) -> UserFileMissing:
    from derivations.suggest import suggestion  # noqa: PLC0415 -- start-up: only for an error
    from overlays.load import UserFileMissing  # noqa: PLC0415 -- as above

    meant = suggestion(text, known) or f"the bundled overlays are {', '.join(known)}"
    return UserFileMissing(text, f"no such file, and kernix has no overlay of that name ({meant})")
