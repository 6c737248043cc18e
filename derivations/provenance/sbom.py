"""A bill of materials of a kernel: CycloneDX 1.6, as JSON (ECMA-424).

The kernel is the described component. Its components are the source, patches, firmware in the image, the packages of the
toolchain (scope `excluded`: they build it, and are not in it), and its modules with the licences that they declare.
A module's licence is given in the words of its `MODULE_LICENSE`, which are not SPDX identifiers.
"""

from __future__ import annotations

import json
import uuid

from typing import TYPE_CHECKING, Any

import attrs

from derivations.derivation import canonical_json
from derivations.provenance.materials import TREE, materials


if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from derivations.linux.kernel import Kernel
    from derivations.provenance.materials import Material


SPECIFICATION = "1.6"
LICENSE = "GPL-2.0-only WITH Linux-syscall-note"
"""The kernel's own, from its file COPYING."""


@attrs.frozen(order=True)
class Module:
    """A module of a kernel.

    Attributes:
        name: Its name.
        licenses: The licences that it declares, in its words.
        is_builtin: Whether it is a part of the image.
    """

    name: str
    licenses: tuple[str, ...]
    is_builtin: bool = False


def sbom(kernel: Kernel, digest: bytes | None, modules: Iterable[Module], *, version: str) -> bytes:
    """Return the bill of materials of *kernel*, as canonical JSON.

    Args:
        kernel: The kernel.
        digest: The digest of the tree with its image; None if it is not built.
        modules: Its modules, built in or not.
        version: The version of kernix.
    """
    arguments = kernel.arguments
    patches = [output.derivation for patch in arguments.patches for output in patch.sources]
    firmware = [arguments.firmware.tree.derivation] if arguments.firmware is not None else []
    chosen = {"source": [arguments.source.derivation], "patch": patches, "firmware": firmware}
    if kernel.is_prebuilt:  # its packages are what is in it
        chosen["package"] = [it.derivation for place, it in kernel.derivation.mounts.items() if place != "/"]
    groups = {role: materials(it) for role, it in chosen.items()}
    known = {it for group in groups.values() for it in group}
    rest = materials(output.derivation for output in kernel.outputs.values())
    groups["toolchain"] = {derivation: it for derivation, it in rest.items() if derivation not in known}
    components = [_component(it, role) for role, group in groups.items() for it in group.values()]
    components += [_module(it) for it in sorted(set(modules))]
    components = list({it["bom-ref"]: it for it in components}.values())
    document: dict[str, Any] = {
        "bomFormat": "CycloneDX",
        "specVersion": SPECIFICATION,
        "version": 1,
        "metadata": {
            "lifecycles": [{"phase": "build"}],
            "tools": {"components": [{"type": "application", "name": "kernix", "version": version}]},
            "component": _kernel(kernel, digest, arguments.firmware.files if arguments.firmware is not None else ()),
        },
        "components": components,
        "dependencies": [{"ref": "kernel", "dependsOn": sorted(it["bom-ref"] for it in components)}],
    }
    # The number names this document, so it follows from the rest of it.
    document["serialNumber"] = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, canonical_json(document).decode())}"
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False).encode()


def _kernel(kernel: Kernel, digest: bytes | None, firmware: Sequence[str]) -> dict[str, Any]:
    properties = [("kernix:key", kernel.derivation.key.hex()), ("kernix:system", kernel.context.system)]
    properties += [("kernix:tree", digest.hex())] if digest is not None else []
    properties += [("kernix:firmware", it) for it in firmware]
    found: dict[str, Any] = {
        "bom-ref": "kernel",
        "type": "operating-system",
        "name": kernel.arguments.name,
        "version": f"{kernel.version}{kernel.arguments.extra_version}",
        "cpe": f"cpe:2.3:o:linux:linux_kernel:{_cpe(kernel.version)}:*:*:*:*:*:*:*",
        "licenses": [{"expression": LICENSE}],
        "properties": [{"name": name, "value": value} for name, value in properties],
    }
    if patches := [it for patch in kernel.arguments.patches for it in [patch.name] * bool(patch.sources)]:
        found["pedigree"] = {"patches": [{"type": "unofficial"} for _ in patches], "notes": ", ".join(patches)}
    return found


def _component(material: Material, role: str) -> dict[str, Any]:
    kind = {"firmware": "firmware", "toolchain": "application" if material.kind == "deb" else "file"}.get(role, "file")
    (algorithm, value), *_ = material.digest.items()
    found: dict[str, Any] = {
        "bom-ref": f"{role}:{material.name}:{algorithm}:{value}",
        "type": kind,
        "name": material.name,
        "scope": "excluded" if role == "toolchain" else "required",
        "properties": [{"name": "kernix:role", "value": role}],
    }
    if material.version:
        found["version"] = material.version
    if algorithm == "sha256":
        found["hashes"] = [{"alg": "SHA-256", "content": value}]
    else:
        named = {TREE: "tree"}.get(algorithm, algorithm)
        found["properties"].append({"name": f"kernix:{named}", "value": value})
    if material.kind == "deb":
        found["purl"] = material.uri
    elif material.uri:
        found["externalReferences"] = [
            {"type": "vcs" if material.kind == "git" else "distribution", "url": material.uri}
        ]
    return found


def _module(module: Module) -> dict[str, Any]:
    return {
        "bom-ref": f"module:{module.name}",
        "type": "device-driver",
        "name": module.name,
        "scope": "required",
        "licenses": [{"license": {"name": it}} for it in module.licenses],
        "properties": [
            {"name": "kernix:role", "value": "module"},
            {"name": "kernix:builtin", "value": "true" if module.is_builtin else "false"},
        ],
    }


def _cpe(version: str) -> str:
    """Return *version* with the characters escaped that mean something in a CPE name (NIST IR 7695, 6.2)."""
    return "".join(it if it.isalnum() or it in "._" else f"\\{it}" for it in version)
