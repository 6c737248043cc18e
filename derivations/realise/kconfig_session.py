"""Resolve many configurations with a kernel's own Kconfig, in one sandbox.

The resolver parses everything once; then it forks a child for each question, which is answered within
50 to 150 ms. See `derivations/linux/scripts/kconf/serve.c` for the protocol on the pipe.
"""

from __future__ import annotations

import contextlib

from typing import IO, TYPE_CHECKING, Literal

from derivations.kconfig.symbols.values_table import Values
from derivations.realise.realise import realise
from derivations.realise.sandbox.interactive import session
from store.errors import Error


if TYPE_CHECKING:
    import subprocess

    from collections.abc import Iterator

    from derivations.derivation import Derivation
    from derivations.realise.events import Listener
    from derivations.realise.settings import Settings
    from store.local import Store


_NAME = "kconf: "


class ResolverFailed(Error):
    """A kernel's Kconfig did not resolve a configuration."""

    message: str

    def __str__(self) -> str:
        return f"the kernel's Kconfig does not resolve this configuration{f': {self.message}' if self.message else ''}"


class Evaluator:
    """A running Kconfig resolver; the object itself is an `Evaluate`."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        """Talk to *process*."""
        assert process.stdin is not None  # noqa: S101 -- both are pipes
        assert process.stdout is not None  # noqa: S101
        self._process = process
        self._question: IO[bytes] = process.stdin
        self._answer: IO[bytes] = process.stdout

    def __call__(self, text: str) -> Values:
        """Return what `make olddefconfig` makes of *text*, a configuration or a part of one.

        Raises:
            ResolverFailed: the resolver did not answer.
        """
        return Values.parse(self._ask("values", text))

    def settled(self, text: str) -> Values:
        """Return what *text* becomes when `make olddefconfig` is repeated until it changes nothing, as in a build.

        Raises:
            ResolverFailed: the resolver did not answer.
        """
        return Values.parse(self._ask("settled", text))

    def olddefconfig(self, text: str) -> str:
        """Return the `.config` that `make olddefconfig` makes of *text*.

        Raises:
            ResolverFailed: the resolver did not answer.
        """
        return self._ask("olddefconfig", text)

    def config(self, text: str) -> str:
        """Return the `.config` that *text* becomes, settled.

        Raises:
            ResolverFailed: the resolver did not answer.
        """
        return self._ask("config", text)

    def _ask(self, verb: Literal["values", "olddefconfig", "settled", "config"], text: str) -> str:
        data = text.encode(errors="surrogateescape")
        with contextlib.suppress(BrokenPipeError):
            self._question.write(b"%s %d\n%s" % (verb.encode(), len(data), data))
            self._question.flush()
            length = self._answer.readline()
            answer = self._answer.read(int(length)) if length[:-1].isdigit() else b""
            if answer and len(answer) == int(length):
                return answer.decode(errors="surrogateescape")
        raise ResolverFailed(self._last_error())

    def _last_error(self) -> str:
        """Return the resolver's own last error message."""
        errors = self._process.stderr
        if errors is None:
            return ""
        errors.seek(0)
        lines = errors.read().decode(errors="replace").splitlines()
        own = [line.removeprefix(_NAME) for line in lines if line.startswith(_NAME)]
        return own[-1] if own else ""


@contextlib.contextmanager
def evaluator(
    store: Store, resolver: Derivation, settings: Settings | None = None, listener: Listener | None = None
) -> Iterator[Evaluator]:
    """Realise *resolver*, such as `kernel.resolver`, in *store*, and keep it running in the body.

    Raises:
        Error: what `realise` and `interactive.session` raise.
    """
    realise(store, resolver, settings, listener)
    sources = resolver.mounts["/src"]
    realise(store, sources, settings, listener)
    mounts = {"/resolver": resolver.out, "/src": sources}
    with session(store, mounts, ("/resolver/kconf", "/resolver", "serve")) as process:
        yield Evaluator(process)
