"""The session of one run of the command line: its places, the store, the user's configuration.

The store is opened, and the configuration read, when a verb needs them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from kernix import places
from store.errors import Error


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from derivations.realise.kept.policy import KeepPolicy
    from derivations.realise.kept.reuse import Reuse
    from derivations.realise.settings import Settings
    from kernix.config_file import Configuration
    from store.layout import Layout
    from store.local import Store


class InvalidPlace(Error):
    """The environment does not name a place that kernix needs, or names an invalid one."""

    variable: str
    value: str | None

    def __str__(self) -> str:
        if self.value is None:
            return f"neither {self.variable} nor HOME is set, so kernix has no place for its files"
        return f"{self.variable} is {self.value!r}, which is not an absolute path"

    @property
    def hint(self) -> str:
        """Name the variable to set."""
        return f"set {self.variable} to the absolute path of a directory"


class NoStore(Error):
    """A verb needs a store, and none has been created yet."""

    home: Path

    def __str__(self) -> str:
        return f"there is no store in {self.home} yet"

    @property
    def hint(self) -> str:
        """Name the commands that create one."""
        return "the first `kernix build` or `kernix add` creates it"


@attrs.define
class Session:
    """One run: *environment* and *words* are those of the process, or made by a test.

    Attributes:
        named: The user's names of the requested derivations, by key.
        compiled: What the kernels that this run built took from kept trees, by the derivations' keys.
    """

    environment: Mapping[str, str]
    words: Sequence[str] = ()
    named: dict[bytes, str] = attrs.field(factory=dict, init=False)
    compiled: dict[bytes, Reuse] = attrs.field(factory=dict, init=False)
    _store: Store | None = attrs.field(default=None, init=False)
    _configuration: Configuration | None = attrs.field(default=None, init=False)

    @property
    def home(self) -> Path:
        """Return the directory of the store and everything that belongs to it.

        Raises:
            InvalidPlace: the environment does not name one.
        """
        return self._place(places.HOME)

    @property
    def config_home(self) -> Path:
        """Return the directory of the user's configuration, overlays and lock.

        Raises:
            InvalidPlace: the environment does not name one.
        """
        return self._place(places.CONFIGURATION)

    @property
    def store(self) -> Store:
        """Return the store, opened or created at the first call."""
        return self.open_store()

    def open_store(self, *, full_disk: bool = False) -> Store:
        """Return the store; with *full_disk*, open it even if no space is left on the disk."""
        if self._store is None:
            from store.local import Store  # noqa: PLC0415 -- start-up: half of the verbs need no database

            self._store = Store.open(self.home, full_disk=full_disk)
        return self._store

    def existing_store(self, *, full_disk: bool = False) -> Store | None:
        """Return the store like `open_store`, but None if there is none: for verbs that only read."""
        return self.open_store(full_disk=full_disk) if self._store is not None or self.has_store() else None

    def has_store(self) -> bool:
        """Return whether there is a store.

        Raises:
            NotAStore: there is something else in its place.
        """
        from store.home import is_store  # noqa: PLC0415 -- start-up: half of the verbs need no store

        return is_store(self.layout)

    @property
    def layout(self) -> Layout:
        """Return the paths of the store's parts, whether or not they exist."""
        from store.home import layout_at  # noqa: PLC0415 -- as above

        return layout_at(self.home)

    def close(self) -> int:
        """Close the store, if it was opened; return how many of its files were found damaged."""
        if self._store is None:
            return 0
        with self._store as store:
            return len(store.pool.damaged())

    @property
    def configuration(self) -> Configuration | None:
        """Return the user's configuration, None if there is no file.

        Raises:
            InvalidConfiguration: the file is invalid.
        """
        file = self.config_home / places.SETTINGS
        if self._configuration is None and file.exists():
            from kernix.config_file import parse  # noqa: PLC0415 -- start-up: tomllib, if there is no file

            self._configuration = parse(file.read_text(encoding="utf-8", errors="replace"), file)
        return self._configuration

    def settings(self, **chosen: Any) -> Settings:  # noqa: ANN401 -- the values of options, by setting
        """Return the settings for building: what was *chosen* on the command line, else the configuration's."""
        from derivations.realise.kept.policy import KeepPolicy  # noqa: PLC0415 -- start-up: only when something is built
        from derivations.realise.settings import Settings  # noqa: PLC0415 -- as above

        given = {name: value for name, value in chosen.items() if value is not None}
        if given.pop("clean", False):
            given |= {"kept": KeepPolicy(enabled=False), "compile_cache": None}
        if (prove := given.pop("prove", None)) is not None:
            given["kept"] = attrs.evolve(given.get("kept", self.keep_policy), prove=prove)
        given.pop("no_caches", None)  # see `kernix.cache_list.with_caches`
        return Settings(**{**self._configured, **given})

    @property
    def keep_policy(self) -> KeepPolicy:
        """Return the policy for kept object trees."""
        from derivations.realise.kept.policy import KeepPolicy  # noqa: PLC0415 -- as above

        policy: KeepPolicy = self._configured.get("kept", KeepPolicy())
        return policy

    @property
    def _configured(self) -> Mapping[str, Any]:
        return self.configuration.settings if self.configuration is not None else {}

    def _place(self, variables: Sequence[tuple[str, str]]) -> Path:
        chosen = places.chosen(self.environment, variables)
        if chosen is None:
            raise InvalidPlace(variables[0][0], None)
        variable, value, below = chosen
        if not Path(value).is_absolute():
            raise InvalidPlace(variable, value)
        return Path(value, below)
