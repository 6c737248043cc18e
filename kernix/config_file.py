"""The user's `config.toml`: how to build, where to fetch from, what to keep.

    jobs = 2                        # see `Settings`; times and sizes may be strings with a unit
    [limits]                        # see `Bounds`
    [kept]                          # see `KeepPolicy`
    [signing]                       # see `Signing`
    [gc]                            # see `Policy`
    [gc.keep]                       # a time for each retention class
    [gc.logs]                       # see `LogPolicy`

docs/build.md lists all settings. Every setting is optional. An unknown setting or value is an error, and all errors are
reported at once.
"""

from __future__ import annotations

import tomllib

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import attrs

from derivations.realise.kept.policy import KeepPolicy
from derivations.realise.sandbox.bounds import Bounds
from derivations.realise.settings import CCACHE
from derivations.suggest import suggestion
from kernix.output.quantities import LONGEST, parse_size, parse_time
from store.errors import Error
from store.gc.retention import Retention
from store.parsing import LARGEST, check_depth


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class InvalidConfiguration(Error):
    """The configuration file is invalid."""

    file: Path
    problems: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.file}: {'; '.join(self.problems)}"


@attrs.frozen(kw_only=True)
class Signing:
    """The key that signs.

    Attributes:
        key: The name of a key of the user's, or the absolute path of a file with one.
        command: A command that prints the key, instead.
    """

    key: str = ""
    command: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class Configuration:
    """The content of the file.

    Attributes:
        settings: Values for `derivations.realise.settings.Settings`, by name.
        collection: Values for `store.gc.collect.Policy`, by name.
        logs: Values for `store.gc.logs.LogPolicy`, by name.
        signing: The key that signs, None if the user does not say.
        post_build: The name or URL of the cache to which results are pushed when they were built.
        keyring: The file with the public key that signs kernel.org's checksums.
    """

    settings: Mapping[str, Any] = attrs.field(factory=dict)
    collection: Mapping[str, Any] = attrs.field(factory=dict)
    logs: Mapping[str, Any] = attrs.field(factory=dict)
    signing: Signing | None = None
    post_build: str | None = None
    keyring: Path | None = None


def parse(text: str, file: Path) -> Configuration:
    """Parse *text*, the content of *file*.

    Raises:
        InvalidConfiguration: it is not TOML, or has unknown names or invalid values.
    """
    try:
        document = tomllib.loads(text)
        check_depth(document)
    except RecursionError:
        raise InvalidConfiguration(file, ("not TOML: brackets are nested too deeply",)) from None
    except ValueError as error:  # tomllib does not catch those of numbers and dates
        raise InvalidConfiguration(file, (f"not TOML: {str(error)[:1].lower()}{str(error)[1:]}",)) from None
    reader = _Reader([])
    collection = reader.table(document.pop("gc", {}), "gc")
    keep = reader.table(collection.pop("keep", {}), "gc.keep")
    logs = reader.table(collection.pop("logs", {}), "gc.logs")
    limits = reader.table(document.pop("limits", {}), "limits")
    kept = reader.read(reader.table(document.pop("kept", {}), "kept"), _KEPT, "kept.")
    signing = reader.read(reader.table(document.pop("signing", {}), "signing"), _SIGNING, "signing.")
    others = reader.read({name: document.pop(name) for name in _OTHERS if name in document}, _OTHERS, "")
    settings = reader.read(document, _SETTINGS, "")
    chosen = reader.read(limits, {**_LIMITS, **_BOUNDS}, "limits.")
    if bounds := {name: chosen.pop(name) for name in _BOUNDS if name in chosen}:
        settings["bounds"] = Bounds(**bounds)
    settings |= chosen
    if kept:
        settings["kept"] = KeepPolicy(**kept)
    policy = reader.read(collection, _COLLECTION, "gc.")
    log_policy = reader.read(logs, _LOGS, "gc.logs.")
    ages = reader.read(keep, dict.fromkeys(Retention, _seconds), "gc.keep.")
    if len(signing) > 1:
        reader.problems.append("signing: `key` and `command` exclude each other")
    if reader.problems:
        raise InvalidConfiguration(file, tuple(reader.problems))
    if ages:
        policy["keep"] = {Retention(name): age for name, age in ages.items()}
    chosen_key = Signing(**signing) if signing else None
    return Configuration(settings=settings, collection=policy, logs=log_policy, signing=chosen_key, **others)


@attrs.define
class _Reader:
    """Reads tables and collects their problems."""

    problems: list[str]

    def table(self, value: object, place: str) -> dict[str, Any]:
        if isinstance(value, dict):
            return value
        self.problems.append(f"{place}: expected a table, got {value!r}")
        return {}

    def read(self, table: dict[str, Any], known: Mapping[str, Callable[[Any], Any]], place: str) -> dict[str, Any]:
        values = {}
        for name, value in table.items():
            if name not in known:
                meant = suggestion(name, [*known, *_OTHERS, "gc", "kept", "limits", "signing"] if not place else known)
                self.problems.append(f"unknown setting `{place}{name}`{f', {meant}' if meant else ''}")
                continue
            try:
                values[name] = known[name](value)
            except ValueError as error:
                self.problems.append(f"{place}{name}: {error}")
        return values


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        msg = f"expected true or false, got {value!r}"
        raise ValueError(msg)  # noqa: TRY004 -- the reader collects ValueErrors
    return value


def _compile_cache(value: object) -> str:
    if value != CCACHE:
        msg = f'expected "{CCACHE}", got {value!r}'
        raise ValueError(msg)
    return CCACHE


def _count(least: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= LARGEST:
            msg = f"expected a number of at least {least}, got {value!r}"
            raise ValueError(msg)
        return value

    return read


def _time(value: object) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= LONGEST:
        return float(value)
    if isinstance(value, str):
        return parse_time(value)
    msg = f'expected seconds or a string like "12h", got {value!r}'
    raise ValueError(msg)


def _probability(value: object) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1:
        return float(value)
    msg = f"expected a number from 0 to 1, got {value!r}"
    raise ValueError(msg)


def _seconds(value: object) -> int:
    return int(_time(value))


def _size(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST:
        return value
    if isinstance(value, str):
        return parse_size(value)
    msg = f'expected bytes or a string like "5G", got {value!r}'
    raise ValueError(msg)


def _word(value: object) -> str:
    if not isinstance(value, str) or not value:
        msg = f"expected the name or the URL of a cache, got {value!r}"
        raise ValueError(msg)
    return value


def _file(value: object) -> Path:
    if not isinstance(value, str) or not value.startswith("/"):
        msg = f"expected an absolute path, got {value!r}"
        raise ValueError(msg)
    return Path(value)


def _key(value: object) -> str:
    if not isinstance(value, str) or not value:
        msg = f"expected the name of a key or an absolute path, got {value!r}"
        raise ValueError(msg)
    return value


def _command(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(it, str) and it for it in value):
        msg = f"expected a list of a program and its arguments, got {value!r}"
        raise ValueError(msg)
    return tuple(value)


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    return (parts.scheme in {"http", "https"} and bool(parts.hostname)) or text.startswith("file://")


def _urls(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        msg = f"expected a list of URLs, got {value!r}"
        raise ValueError(msg)  # noqa: TRY004 -- the reader collects ValueErrors
    for url in value:
        if not isinstance(url, str) or not _is_url(url):
            msg = f"not a URL: {url!r}"
            raise ValueError(msg)
    return tuple(value)


_SETTINGS: Mapping[str, Callable[[Any], Any]] = {
    "jobs": _count(1),
    "cores": _count(0),
    "fetches": _count(1),
    "keep_going": _flag,
    "keep_failed": _flag,
    "offline": _flag,
    "kvm": _flag,
    "timeout": _time,
    "max_silent_time": _time,
    "max_log_size": _size,
    "retries": _count(0),
    "connect_timeout": _time,
    "read_timeout": _time,
    "mirrors": _urls,
    "kernel_mirrors": _urls,
    "compile_cache": _compile_cache,
    "compile_cache_size": _size,
}
_LIMITS: Mapping[str, Callable[[Any], Any]] = {"max_download_size": _size}
_BOUNDS: Mapping[str, Callable[[Any], Any]] = {
    "processes": _count(0),
    "memory": _size,
    "tmpfs": _size,
    "free_space": _size,
}
_KEPT: Mapping[str, Callable[[Any], Any]] = {
    "enabled": _flag,
    "max_size": _size,
    "max_age": _time,
    "prove": _probability,
}
_SIGNING: Mapping[str, Callable[[Any], Any]] = {"key": _key, "command": _command}
_OTHERS: Mapping[str, Callable[[Any], Any]] = {"keyring": _file, "post_build": _word}
_COLLECTION: Mapping[str, Callable[[Any], Any]] = {"older_than": _seconds, "max_freed": _size}
_LOGS: Mapping[str, Callable[[Any], Any]] = {"older_than": _seconds, "max_size": _size}
