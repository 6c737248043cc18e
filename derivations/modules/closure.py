"""The closure of a request: every module that it needs, in the order in which they are loaded.

What a module cannot be loaded without comes before it, and so does what its softdeps want before it. What they want after it,
its weak dependencies, and what it asks for at run time (`derivations.modules.rules`) come later, with everything that
those need. A soft dependency on something that needs the module itself comes after it, whatever it says.
Where an alias has several modules, all are in the closure: which of them a machine loads, it decides when it runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from derivations.modules.modinfo import ModuleInfo, modinfo
from derivations.modules.request import Ask, Kind, Reason, asks
from derivations.modules.rules import DEFAULT_ENCRYPTION, FIRMWARE_PATTERNS, RULES, by_module
from store.errors import Error


if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from derivations.modules.index import ModuleIndex
    from derivations.modules.request import Request


class OtherRelease(Error):
    """A module is built for another kernel than the one whose tree it is in."""

    path: str
    built_for: str
    release: str

    def __str__(self) -> str:
        return f"{self.path} is built for Linux {self.built_for}, but it is in the modules of {self.release}"

    @property
    def hint(self) -> str:
        """Say what to do."""
        return "build the module for this kernel; the modules of two kernels are two trees"


@attrs.frozen
class Module:
    """A module of a closure.

    Attributes:
        name: Its name, as the kernel spells it.
        path: Its file, relative to `lib/modules/RELEASE`.
        reason: Why it is in the closure.
        size: The bytes of its file.
        firmware: The firmware files that it may load, some as patterns.
    """

    name: str
    path: str
    reason: Reason
    size: int = 0
    firmware: tuple[str, ...] = ()


@attrs.frozen
class Builtin:
    """A module that was asked for, and is built into the kernel."""

    name: str
    reason: Reason
    firmware: tuple[str, ...] = ()


@attrs.frozen
class Closure:
    """The modules that a request needs.

    Attributes:
        release: The kernel's release.
        modules: The modules, in the order in which to load them.
        builtin: What is built in, by name.
        firmware: Further firmware files, which the request itself names.
    """

    release: str
    modules: tuple[Module, ...]
    builtin: tuple[Builtin, ...]
    firmware: tuple[str, ...] = ()

    def firmware_by_module(self) -> dict[str, tuple[str, ...]]:
        """Return the firmware that each module may load, those built in too."""
        named = {it.name: it.firmware for it in self.modules} | {it.name: it.firmware for it in self.builtin}
        return {name: files for name, files in named.items() if files}

    @property
    def size(self) -> int:
        """Return the bytes of all its files."""
        return sum(it.size for it in self.modules)

    def to_json(self) -> dict[str, Any]:
        """Return it as values of JSON."""
        return {
            "release": self.release,
            "modules": [
                {"name": it.name, "file": it.path, "size": it.size, "firmware": list(it.firmware), **_why(it.reason)}
                for it in self.modules
            ],
            "builtin": [{"name": it.name, "firmware": list(it.firmware), **_why(it.reason)} for it in self.builtin],
            "firmware": list(self.firmware),
        }


def close(request: Request, index: ModuleIndex, config: Mapping[str, str], read: Callable[[str], bytes]) -> Closure:
    """Return the closure of *request*.

    Args:
        request: The request.
        index: The kernel's modules.
        config: Its options and their values, as in a `.config`; those that are not set are missing.
        read: Called with the path of a module, relative to `lib/modules/RELEASE`; returns the contents of its file.

    Raises:
        ModulesNotFound: the kernel lacks some of what is requested.
        InvalidIndex: its `modules.dep` is damaged.
        InvalidModule: a file is not a module, or cut off.
        OtherRelease: a file is a module of another kernel.
    """
    rules = RULES if request.encryption else (*RULES, DEFAULT_ENCRYPTION)
    asked, later = asks(request, index), by_module(rules, config)
    infos: dict[str, ModuleInfo] = {}
    sizes: dict[str, int] = {}
    weak: dict[str, tuple[str, ...]] = {}
    while True:
        order = load_order(index, asked, later, weak)
        fresh = [it for it in order.modules if it not in infos]
        for name in fresh:
            data = read(index.paths[name])
            info = infos[name] = modinfo(index.paths[name], data)
            if info.release not in {"", index.release}:
                raise OtherRelease(index.paths[name], info.release, index.release)
            sizes[name] = len(data)
        # Before kmod 33 no file lists weak dependencies, so those that a module itself has may bring more modules.
        more = {name: infos[name].weak for name in fresh if infos[name].weak}
        if not more:
            break
        weak |= more
    modules = tuple(
        Module(
            name,
            index.paths[name],
            reason,
            sizes[name],
            tuple(dict.fromkeys((*infos[name].firmware, *FIRMWARE_PATTERNS.get(name, ())))),
        )
        for name, reason in order.modules.items()
    )
    builtin = tuple(Builtin(it, why, index.builtin_firmware(it)) for it, why in sorted(order.builtin.items()))
    return Closure(index.release, modules, builtin, request.firmware)


@attrs.frozen
class Order:
    """The modules to load, in order, and what is built in: each name with its reason."""

    modules: dict[str, Reason]
    builtin: dict[str, Reason]


def load_order(
    index: ModuleIndex,
    asked: list[Ask],
    later: Mapping[str, list[tuple[str, str]]],
    weak: Mapping[str, tuple[str, ...]],
) -> Order:
    """Return what *asked* needs, with what modules ask for *later*, and *weak* dependencies beside those of *index*."""
    return _Walk(index, later, weak).follow(asked)


class _Walk:
    """A walk along all kinds of dependencies."""

    def __init__(
        self, index: ModuleIndex, later: Mapping[str, list[tuple[str, str]]], weak: Mapping[str, tuple[str, ...]]
    ) -> None:
        self._index, self._later, self._weak = index, later, weak
        self._order: dict[str, Reason] = {}
        self._builtin: dict[str, Reason] = {}
        self._asked: dict[str, Reason] = {}
        self._begun: dict[str, None] = {}  # those that are not yet in the order, the outermost first
        self._waiting: dict[str, list[Ask]] = {}

    def follow(self, asked: list[Ask]) -> Order:
        resolved = [(ask, *self._index.resolve(ask.word)) for ask in asked]
        for ask, modules, _ in resolved:
            for name in modules:
                self._asked.setdefault(name, ask.reason)
        for ask, _, _ in resolved:
            # A stack of its own: a chain of dependencies may be longer than Python's.
            stack = [self._soft(ask.word, ask.reason)]
            while stack:
                step = next(stack[-1], None)
                if step is None:
                    stack.pop()
                else:
                    stack.append(step)
        return Order(self._order, self._builtin)

    def _visit(self, name: str, reason: Reason) -> Generator[_Step, None, None]:
        """Put *name* into the order, after what has to be before it, and then what comes after it."""
        if name in self._order or name in self._begun:
            return
        self._begun[name] = None
        for needed in self._index.needs(name):
            yield self._visit(needed, Reason(Kind.DEPENDENCY, name))
        soft = self._index.soft(name)
        for word in soft.pre:
            yield self._soft(word, Reason(Kind.SOFTDEP, name))
        self._order[name] = self._asked.get(name, reason)
        del self._begun[name]
        for word in soft.post:
            yield self._soft(word, Reason(Kind.SOFTDEP, name))
        for word in (*self._index.weak(name), *self._weak.get(name, ())):
            yield self._soft(word, Reason(Kind.WEAKDEP, name))
        for word, why in self._later.get(name, ()):
            yield self._soft(word, Reason(Kind.RULE, name, why))
        for ask in self._waiting.pop(name, ()):
            yield self._visit(ask.word, ask.reason)

    def _soft(self, word: str, reason: Reason) -> Generator[_Step, None, None]:
        """Visit everything that serves *word*; what needs a module that is being visited has to wait for that one."""
        modules, builtin = self._index.resolve(word)
        for name in builtin:
            if name not in self._builtin:
                self._builtin[name] = reason
                for ask, why in self._later.get(name, ()):
                    yield self._soft(ask, Reason(Kind.RULE, name, why))
        for name in modules:
            if name in self._order or name in self._begun:
                continue
            needs = self._needs(name) if self._begun else set()
            if (first := next((it for it in self._begun if it in needs), None)) is not None:
                self._waiting.setdefault(first, []).append(Ask(name, reason))
            else:
                yield self._visit(name, reason)

    def _needs(self, name: str) -> set[str]:
        """Return everything that *name* cannot be loaded without."""
        found: set[str] = set()
        pending = [name]
        while pending:
            more = [it for it in self._index.needs(pending.pop()) if it not in found]
            found.update(more)
            pending += more
        return found


if TYPE_CHECKING:
    _Step = Generator[Any, None, None]


def _why(reason: Reason) -> dict[str, str]:
    return {key: str(value) for key, value in attrs.asdict(reason).items() if value}
