"""Firmware files: which of a tree's files serve the names that modules have for them.

The kernel looks for `NAME` below `updates/RELEASE`, `updates`, `RELEASE` and the top of its firmware directory, and with
the suffix of a compression if the plain name is missing (drivers/base/firmware_loader/main.c). Names may be patterns, which
say that one of several files is loaded. Symbolic links are followed within the tree, and belong to the result.
"""

from __future__ import annotations

import fnmatch

from typing import TYPE_CHECKING

import attrs


if TYPE_CHECKING:
    from collections.abc import Mapping

    from derivations.modules.closure import Closure


_SUFFIXES = ("", ".zst", ".xz")
_WILDCARDS = frozenset("*?[")
_MAX_LINKS = 40  # as many as the kernel follows
_SHOWN = 3  # names in one warning; a driver may list a hundred


@attrs.frozen
class Missing:
    """Firmware that a module names and a tree lacks."""

    module: str
    files: tuple[str, ...]

    def __str__(self) -> str:
        more = len(self.files) - _SHOWN
        names = ", ".join(self.files[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
        return f"{self.module} may load firmware that is missing: {names}"


@attrs.frozen
class Found:
    """The firmware of a closure: the paths to copy, in order, and what is missing."""

    paths: tuple[str, ...]
    missing: tuple[Missing, ...]


@attrs.frozen
class FirmwareTree:
    """The files of a firmware directory: the path of each, and its target if it is a symbolic link."""

    nodes: Mapping[str, str | None]

    def of(self, closure: Closure) -> Found:
        """Return the firmware of all modules in *closure*, those built in too.

        A pattern that `.modinfo` does not have is not missed.
        """
        paths: dict[str, None] = {}
        missing: list[Missing] = []
        for module, names in (*closure.firmware_by_module().items(), ("the hardware", closure.firmware)):
            lacking = []
            for name in names:
                found = self.find(name, closure.release)
                paths.update(dict.fromkeys(found))
                if not found and not _WILDCARDS & {*name}:
                    lacking.append(name)
            if lacking:
                missing.append(Missing(module, tuple(lacking)))
        return Found(tuple(sorted(paths)), tuple(missing))

    def find(self, name: str, release: str) -> tuple[str, ...]:
        """Return the paths that the firmware *name* consists of: files, and the links that lead to them; none if it is missing."""
        if any(part in {"", ".", ".."} for part in name.split("/")):
            return ()
        for start in (f"updates/{release}/", "updates/", f"{release}/", ""):
            if _WILDCARDS & {*name}:
                patterns = [f"{start}{name}{suffix}" for suffix in _SUFFIXES]
                names = [it for it in self.nodes if any(fnmatch.fnmatchcase(it, pattern) for pattern in patterns)]
            else:
                names = [f"{start}{name}{suffix}" for suffix in _SUFFIXES]
            found = [paths for it in names if (paths := self._resolved(it))]
            if found:
                return tuple(
                    dict.fromkeys(it for paths in (found if _WILDCARDS & {*name} else found[:1]) for it in paths)
                )
        return ()

    def _resolved(self, path: str) -> tuple[str, ...]:
        """Return the file that *path* leads to, after the links on the way to it; nothing if there is none in the tree."""
        pending = path.split("/")[::-1]
        done: list[str] = []
        links: list[str] = []
        while pending:
            part = pending.pop()
            if part == ".." and not done:
                return ()
            if part in {"", "."}:
                continue
            if part == "..":
                done.pop()
                continue
            here = "/".join((*done, part))
            target = self.nodes.get(here)
            if target is None:
                done.append(part)
                continue
            if target.startswith("/") or len(links) == _MAX_LINKS:
                return ()
            links.append(here)
            pending += target.split("/")[::-1]
        file = "/".join(done)
        return (*links, file) if file in self.nodes else ()
