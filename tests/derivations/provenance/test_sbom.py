"""Bills of materials of kernels, validated by CycloneDX' own library."""

from __future__ import annotations

import json

from typing import TYPE_CHECKING, Any

import pytest

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from derivations.context import Context, using
from derivations.fetch import fetch_git, fetch_url
from derivations.linux.firmware import Firmware
from derivations.linux.kernel import Kernel
from derivations.linux.patch import Patch
from derivations.provenance.sbom import Module, sbom
from derivations.source import text_file
from kernels import kernel_set
from tests.fakes import fake_kernel_lock


if TYPE_CHECKING:
    from collections.abc import Iterable


MODULES = [
    Module("zram", ("GPL",)),
    Module("fuse", ("GPL",), is_builtin=True),
    Module("aes_x86", ("Dual BSD/GPL", "GPL v2")),
    Module("odd", ()),
]


def validate(text: bytes) -> None:
    """Check *text* against the strict JSON schema of CycloneDX 1.6."""
    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text.decode())
    assert error is None, error


LOCK = fake_kernel_lock()


def made(kernel: Kernel, digest: bytes | None, modules: Iterable[Module]) -> bytes:
    """Return the bill of materials of *kernel*, with made-up packages."""
    with using(Context(lock=lambda: LOCK)):
        return sbom(kernel, digest, modules, version="1")


def kernel(**changes: Any) -> Kernel:  # noqa: ANN401 -- arguments of a kernel
    """Return a small kernel, of made-up packages, with *changes*."""
    with using(Context(lock=lambda: LOCK)):
        found = kernel_set()["linux_micro"].override(**changes)
        assert isinstance(found, Kernel)
        return found


@pytest.fixture(scope="module")
def changed() -> Kernel:
    """Return a kernel with a patch, firmware and a source from a server."""
    return kernel(
        source=fetch_url("https://example.org/linux-6.12.tar.xz", sha256="2" * 64),
        patches=[Patch("fix-it", text_file("fix-it.patch", "a patch")), Patch("options", extra_config={"KGDB": "y"})],
        firmware=Firmware(["a/b.bin"], fetch_git("https://example.org/firmware.git", "c" * 40, "firmware")),
        extra_version="-1",
    )


def test_valid(changed: Kernel) -> None:
    """What is written is valid, with and without modules, patches and firmware, built or not."""
    validate(made(changed, bytes(32), MODULES))
    validate(made(kernel(), None, []))


def test_the_validator_can_fail(changed: Kernel) -> None:
    """The validator finds a component of an unknown type."""
    document = json.loads(made(changed, None, MODULES))
    document["components"][0]["type"] = "kernel"

    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(document)) is not None


def by_role(text: bytes) -> dict[str, list[dict[str, Any]]]:
    """Return the components in *text* by their role."""
    found: dict[str, list[dict[str, Any]]] = {}
    for it in json.loads(text)["components"]:
        role = next(each["value"] for each in it["properties"] if each["name"] == "kernix:role")
        found.setdefault(role, []).append(it)
    return found


def test_components(changed: Kernel) -> None:
    """The source, patches, firmware, toolchain and modules are there, each with its digest."""
    found = by_role(made(changed, None, MODULES))

    assert found.keys() == {"source", "patch", "firmware", "toolchain", "module"}
    (source,), (patch,), (firmware,) = (found[it] for it in ("source", "patch", "firmware"))
    assert source["hashes"] == [{"alg": "SHA-256", "content": "2" * 64}]
    assert source["externalReferences"][0]["url"] == "https://example.org/linux-6.12.tar.xz"
    assert (patch["name"], len(patch["hashes"][0]["content"])) == ("fix-it.patch", 64)
    assert {"name": "kernix:gitCommit", "value": "c" * 40} in firmware["properties"]
    packages = [it for it in found["toolchain"] if "purl" in it]
    assert len(packages) > 5
    assert all(it["purl"].startswith("pkg:deb/debian/") and it["hashes"] and it["version"] for it in packages)
    assert {it["scope"] for it in found["toolchain"]} == {"excluded"}


def test_licenses_of_modules(changed: Kernel) -> None:
    """Each module has the licences that it declares, in its words, and says whether it is built in."""
    found = {it["name"]: it for it in by_role(made(changed, None, MODULES))["module"]}

    assert list(found) == ["aes_x86", "fuse", "odd", "zram"]
    assert found["aes_x86"]["licenses"] == [{"license": {"name": "Dual BSD/GPL"}}, {"license": {"name": "GPL v2"}}]
    assert {"name": "kernix:builtin", "value": "true"} in found["fuse"]["properties"]
    assert found["odd"]["licenses"] == []


def test_the_kernel(changed: Kernel) -> None:
    """The described component is the kernel, with its patches, its firmware and a name that databases of flaws use."""
    described = json.loads(made(changed, bytes(32), []))["metadata"]["component"]
    properties = [(it["name"], it["value"]) for it in described["properties"]]

    assert described["cpe"].startswith(f"cpe:2.3:o:linux:linux_kernel:{changed.version}:")
    assert described["pedigree"]["notes"] == "fix-it"
    assert ("kernix:firmware", "a/b.bin") in properties
    assert ("kernix:tree", bytes(32).hex()) in properties


def test_deterministic(changed: Kernel) -> None:
    """The order of the modules does not matter; other modules make another document with another number."""
    one = made(changed, None, MODULES)
    other = made(changed, None, MODULES[1:])

    assert one == made(changed, None, [*reversed(MODULES), MODULES[0]])
    assert json.loads(one)["serialNumber"] != json.loads(other)["serialNumber"]
