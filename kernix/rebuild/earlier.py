"""The builds to compare: what the user named, and the newest earlier build of that name."""

from __future__ import annotations

import re
import time

from typing import TYPE_CHECKING, Any

import attrs

from kernix.building import present
from kernix.evaluation.definitions import targets
from kernix.evaluation.drvs import deriver, load
from kernix.evaluation.objects import by_path
from store.errors import Error


if TYPE_CHECKING:
    from derivations.derivation import Derivation
    from kernix.evaluation.inputs import Options
    from kernix.session import Session
    from store.local import Store
    from store.path import StorePath
    from store.records.database import PathInfo


_VERSION = re.compile(r"-\d.*")


class NoEarlierBuild(Error):
    """The store has no build that could be compared with."""

    name: str

    def __str__(self) -> str:
        return f"the store has no earlier build of {self.name} whose derivation is known"

    @property
    def hint(self) -> str:
        """Say how to name another one."""
        return "name what to compare with: `kernix why-rebuild A B`, where B is an attribute or a store path"


@attrs.frozen(kw_only=True)
class Build:
    """One of the two builds.

    Attributes:
        name: The user's name for it, or its store path.
        derivation: Its derivation.
        path: Its result; None if it is not built.
        registered: When the result was registered, in seconds since 1970.
    """

    name: str
    derivation: Derivation
    path: StorePath | None = None
    registered: int | None = None

    def to_json(self, store: Store) -> dict[str, Any]:
        """Return this as JSON data."""
        return {
            "name": self.name,
            "derivation": self.derivation.name,
            "key": self.derivation.key.hex(),
            "path": None if self.path is None else str(store.path(self.path)),
            "registered": self.registered,
        }

    @property
    def day(self) -> str:
        """Return the day when it was registered, in local time."""
        return time.strftime("%Y-%m-%d", time.localtime(self.registered or 0))


def find(session: Session, options: Options, text: str) -> Build:
    """Return the build that *text* names: an attribute, a result or a derivation in the store.

    Raises:
        NoDeriver: the store does not know what an object was built from.
        Error: *text* names nothing.
    """
    if (path := by_path(session, text)) is not None:
        info = session.store.info(path)
        drv = deriver(session.store, path)
        derivation = load(session.store, drv)
        name = str(session.store.path(path))
        return Build(name=name, derivation=derivation, **({} if drv == path else _result(info)))
    (target,) = targets(session, options, [text])
    found = present(session, [target.output]).get(target.output)
    result = {} if found is None else _result(session.store.info(found))
    return Build(name=text, derivation=target.output.derivation, **result)


def earlier(session: Session, build: Build) -> Build:
    """Return the newest build of the name of *build* that is older than it, else the newest other one.

    If its result was reused, that is the build that made it. Without a build of that name, other versions count.

    Raises:
        NoEarlierBuild: there is none.
    """
    store, name = session.store, build.derivation.name
    for paths in (store.database.named([name]), _of_any_version(store, name)):
        infos = store.infos(paths)
        for path in _by_preference(paths, build):
            if (found := _comparable(store, infos[path], build)) is not None:
                return found
    raise NoEarlierBuild(name)


def _by_preference(paths: list[StorePath], build: Build) -> list[StorePath]:
    """Return *paths*, in order of registration, with that of *build* first, then older ones, then newer ones."""
    place = paths.index(build.path) if build.path in paths else len(paths)
    return [*paths[place : place + 1], *reversed(paths[:place]), *reversed(paths[place + 1 :])]


def _comparable(store: Store, info: PathInfo, build: Build) -> Build | None:
    """Return the build of the object *info* if its derivation is known, is of the same kind as *build*, and another one."""
    if info.deriver is None or len(store.hold_if_possible([info.path, info.deriver])) < len({info.path, info.deriver}):
        return None
    derivation, wanted = load(store, info.deriver), build.derivation
    is_alike = (derivation.builder, derivation.outputs) == (wanted.builder, wanted.outputs)
    if derivation.key == wanted.key or not is_alike or derivation.name != info.path.name:
        return None
    return Build(name=str(store.path(info.path)), derivation=derivation, **_result(info))


def _of_any_version(store: Store, name: str) -> list[StorePath]:
    stem = _VERSION.sub("", name)
    names = {it.partition("-")[2] for it in store.database.paths()}
    return store.database.named(it for it in names if _VERSION.sub("", it) == stem)


def _result(info: PathInfo) -> dict[str, Any]:
    return {"path": info.path, "registered": info.registered}
