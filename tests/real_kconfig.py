"""The Kconfig of a real tree, for diagnosis and repair."""

from __future__ import annotations

import contextlib

from typing import TYPE_CHECKING

import attrs

from derivations.kconfig.diagnosis.diagnose import diagnose
from derivations.kconfig.language.fragment import Fragment
from derivations.kconfig.language.merge import Merged, merge
from derivations.kconfig.symbols.dotconfig import compose
from derivations.kconfig.symbols.model import Model
from derivations.realise.kconfig_session import evaluator
from derivations.realise.realise import realise
from derivations.version import Version
from kernels import kernel_set
from store.local import Store


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from derivations.kconfig.diagnosis.outcome import Diagnosis
    from derivations.kconfig.language.values import Value
    from derivations.kconfig.symbols.values_table import Evaluate, Values
    from tests.real import Kernix


@attrs.frozen(kw_only=True)
class Tree:
    """A kernel's Kconfig.

    Attributes:
        model: Its options.
        base: The text of its tinyconfig.
        everything: The text of its allyesconfig.
        resolve: Resolves a configuration as builds do.
        once: Resolves it as one `make olddefconfig` does.
    """

    model: Model
    base: str
    everything: str
    resolve: Evaluate
    once: Evaluate

    def merged(self, requests: Mapping[str, Value]) -> Merged:
        """Return *requests* as if a user made them."""
        version = Version.parse(self.model.version)
        return merge([Fragment("mine", dict(requests))], version=version, arch=self.model.arch)

    def values(self, requests: Mapping[str, Value], base: str | None = None) -> Values:
        """Return the values with *requests* over *base*, by default tinyconfig."""
        return self.resolve(compose(self.base if base is None else base, requests, self.model))

    def diagnoses(self, requests: Mapping[str, Value]) -> dict[str, Diagnosis]:
        """Return the diagnoses of *requests*, by option."""
        found = diagnose(self.merged(requests), self.model, self.values(requests))
        return {it.option: it for it in found}


@contextlib.contextmanager
def tree(kernix: Kernix, attribute: str) -> Iterator[Tree]:
    """Yield the Kconfig of the kernel *attribute*."""
    linux = kernel_set(lock=kernix.lock())[attribute]
    with Store.open(kernix.home / "kernix") as store, evaluator(store, linux.resolver) as resolver:
        texts = {
            target: store.path(realise(store, linux.override(base=target).base_config)["out"]).read_text()
            for target in ("tinyconfig", "allyesconfig")
        }
        yield Tree(
            model=Model.read(store.path(realise(store, linux.resolver)["out"]) / "model"),
            base=texts["tinyconfig"],
            everything=texts["allyesconfig"],
            resolve=resolver.settled,
            once=resolver,
        )
