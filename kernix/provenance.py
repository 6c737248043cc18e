"""What an output was built from: finding it in the store, and writing it down."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from derivations.linux.kernel import Kernel
from derivations.modules.modinfo import modinfo, without_compression
from derivations.provenance.sbom import Module
from kernix.building import present
from kernix.cli import version
from kernix.evaluation.attributes import target
from kernix.evaluation.definitions import definitions
from kernix.evaluation.drvs import NoDeriver, deriver, load
from kernix.evaluation.objects import NotBuilt, by_path
from store.errors import Error
from store.registration import ObjectMissing


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from derivations.derivation import Output
    from kernix.evaluation.inputs import Options
    from kernix.session import Session
    from store.path import StorePath


class NoKernel(Error):
    """A bill of materials is asked for something that is not a kernel."""

    exit_code = 2

    name: str

    def __str__(self) -> str:
        return f"`{self.name}` is not a kernel, so it has no bill of materials"

    @property
    def hint(self) -> str:
        """Name what there is instead."""
        return f"`kernix provenance {self.name} --json` prints what it was built from"


@attrs.frozen
class Built:
    """An output that is in the store.

    Attributes:
        output: The output.
        path: Its path.
        digest: The digest of its tree.
        inputs: The digests of those of its inputs that are in the store.
    """

    output: Output
    path: StorePath
    digest: bytes
    inputs: dict[Output, bytes]

    def statement(self, builder: str | None = None) -> bytes:
        """Return the statement about it; *builder* is the name of the key that signs it."""
        from derivations.provenance.statement import statement  # noqa: PLC0415 -- start-up: `--help` needs none of it

        return statement(self.output, self.path, self.digest, self.inputs, version=_version(), builder=builder)


def built(session: Session, options: Options, name: str) -> Built:
    """Return the output called *name*, an attribute or a path in the store.

    Raises:
        NotBuilt: it is not in the store.
        NoDeriver: it was not built, or its derivation has been deleted.
        Error: *name* names nothing.
    """
    if (path := by_path(session, name)) is not None:
        if (store := session.existing_store()) is None:
            raise ObjectMissing(path)
        derivation = load(store, deriver(store, path))
        found = present(session, [derivation.output(it) for it in derivation.outputs])
        output = next((it for it, place in found.items() if place == path), None)
        if output is None:
            raise NoDeriver(path)
    else:
        with definitions(session, options) as names:
            output = target(names, name).output
        found = present(session, [output])
        if output not in found:
            raise NotBuilt(name)
    seen = present(session, output.derivation.inputs)
    infos = session.store.infos([found[output], *seen.values()])
    inputs = {it: infos[place].digest for it, place in seen.items() if place in infos}
    return Built(output, found[output], infos[found[output]].digest, inputs)


def bill_of_materials(session: Session, options: Options, name: str) -> bytes:
    """Return the bill of materials of the kernel called *name*.

    Raises:
        NoKernel: it is not a kernel.
        NotBuilt: its modules are not in the store.
        Error: *name* names nothing.
    """
    from derivations.provenance.sbom import sbom  # noqa: PLC0415 -- start-up: as above

    with definitions(session, options) as names:
        kernel = target(names, name).value
        if not isinstance(kernel, Kernel):
            raise NoKernel(name)
        outputs = kernel.outputs
        wanted = [it for it in (outputs.get("out"), outputs.get("modules")) if it is not None]
        found = present(session, wanted)
        if len(found) < len(wanted):
            raise NotBuilt(name)
        modules = outputs.get("modules")
        listed = list(_modules(session.store.path(found[modules]))) if modules is not None else []
        return sbom(kernel, session.store.info(found[outputs["out"]]).digest, listed, version=_version())


def _version() -> str:
    return version().removeprefix("kernix ")


def _modules(tree: Path) -> Iterator[Module]:
    """Yield the modules in *tree*, and those that are built in."""
    for file in sorted(tree.rglob("*.ko*")):
        if file.is_file() and not file.is_symlink():
            path = str(file.relative_to(tree))
            name = without_compression(file.name).removesuffix(".ko").replace("-", "_")
            yield Module(name, modinfo(path, file.read_bytes()).licenses)
    for file in sorted(tree.rglob("modules.builtin.modinfo")):
        licenses: dict[str, list[str]] = {}
        for entry in file.read_bytes().decode("utf-8", "backslashreplace").split("\0"):
            key, _, value = entry.partition("=")
            name, _, field = key.partition(".")
            if field == "license":
                licenses.setdefault(name.replace("-", "_"), []).append(value)
        yield from (Module(it, tuple(dict.fromkeys(words)), is_builtin=True) for it, words in licenses.items())
