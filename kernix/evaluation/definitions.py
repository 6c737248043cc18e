"""Evaluating definitions in the user's context: the bundled set, overlays on it, a user's file."""

from __future__ import annotations

import contextlib
import functools
import importlib

from pathlib import Path
from typing import TYPE_CHECKING, Any

from derivations.context import Context, using
from kernix.evaluation.attributes import Layers, Target, blame, read_file, target
from kernix.evaluation.inputs import find_lock, overlay_files
from kernix.lockfile import lock_at, refuse
from kernix.output.messages import prints_to_stderr
from kernix.places import PINS
from overlays.load import load_overlay


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from derivations.debian.lock import Lock
    from derivations.fixpoint import Overlay
    from kernix.evaluation.inputs import Options
    from kernix.session import Session
    from store.trees.content import Content


@contextlib.contextmanager
def definitions(
    session: Session, options: Options, make_lock: Callable[[Path], Lock] | None = None
) -> Iterator[Mapping[str, Any]]:
    """Provide the available attributes, which can be evaluated inside the block.

    Raises:
        Error: a file or an overlay cannot be read, or raises.
    """
    place = find_lock(options.lock, Path.cwd(), lambda: session.config_home)
    lock = lock_at(place, make_lock or (refuse if _offline(session, options) else functools.partial(_make, session)))
    paths = overlay_files(session, options)
    pins = session.config_home / PINS
    context = Context(
        lock=lock,
        system=options.system,
        pinned=lambda: lock() if place.exists() else None,
        pins=pins if pins.exists() else None,
        contents=functools.partial(_content, session),
    )
    with using(context), blame():
        with prints_to_stderr():
            names = _names(paths, options)
        yield names


def targets(session: Session, options: Options, attributes: Iterable[str]) -> list[Target]:
    """Return the target of each of *attributes*.

    Raises:
        Error: one is unknown or cannot be evaluated.
    """
    with definitions(session, options) as names:
        found = [target(names, attribute) for attribute in attributes]
    session.named.update((it.output.derivation.key, it.attribute) for it in found)
    return found


def _content(session: Session, path: Path) -> Content:
    if not path.is_dir():  # reading it is faster than opening an index
        from store.trees.hash_tree import content_of  # noqa: PLC0415 -- start-up: needed by few definitions

        return content_of(path)

    from store.trees.helpers import cached_content, read_content  # noqa: PLC0415 -- as above

    # A query does not create a store, and so no index.
    return cached_content(session.layout.index, path) if session.has_store() else read_content(path)


def _offline(session: Session, options: Options) -> bool:
    return options.offline or (
        session.configuration is not None and bool(session.configuration.settings.get("offline"))
    )


def _make(session: Session, place: Path) -> Lock:
    from kernix.make_lock import make  # noqa: PLC0415 -- start-up: needed once for each lock

    return make(session, place)


def _names(paths: list[Path | str], options: Options) -> Mapping[str, Any]:
    layers = [load_overlay(it) if isinstance(it, Path) else _bundled(it) for it in paths]
    if options.file is None:
        return _set(layers, options)
    file = read_file(options.file)
    if file.overlay is None and not options.overlays:
        return Layers(file.values, others=file.others)
    return Layers(file.values, _set([*layers, *filter(None, [file.overlay])], options), others=file.others)


def _set(layers: list[Overlay], options: Options) -> Mapping[str, Any]:
    import kernels  # noqa: PLC0415 -- a user's file that is used alone does not need the set

    found: Mapping[str, Any] = kernels.kernel_set(overlays=layers, system=options.system)
    return found


def _bundled(name: str) -> Overlay:
    overlay: Overlay = importlib.import_module(f"overlays.{name}").overlay
    return overlay
