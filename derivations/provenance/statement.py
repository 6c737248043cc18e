"""An in-toto statement (version 1) with SLSA provenance (version 1) for one output.

The formats are those of https://github.com/in-toto/attestation (`spec/v1/statement.md`, `spec/predicates/provenance.md`).
`buildType` and `builder.id` are URNs: kernix has no site. The build type `urn:kernix:build-type:derivation:1` means:

    externalParameters   the recipe: name, system, builder, args, env, outputs, and by place the mounted
                         [key of the input's derivation, output]; of a download or local file, the hash instead of args and env
    internalParameters   the engine, and the recipe's key
    resolvedDependencies every download, package and local file below the recipe, and the mounted inputs by content
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from derivations.derivation import ENGINE, canonical_json
from derivations.provenance.materials import TREE, materials


if TYPE_CHECKING:
    from collections.abc import Mapping

    from derivations.derivation import Derivation, Output
    from derivations.provenance.materials import Material
    from store.path import StorePath


STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "urn:kernix:build-type:derivation:1"
BUILDER = "urn:kernix:builder"


def statement(
    output: Output,
    path: StorePath,
    digest: bytes,
    inputs: Mapping[Output, bytes],
    *,
    version: str,
    builder: str | None = None,
) -> bytes:
    """Return the statement about *output*, as canonical JSON.

    Args:
        output: The output.
        path: Its path in the store.
        digest: The digest of its tree.
        inputs: The digests of the trees that its builder saw, as far as they are known.
        version: The version of kernix that built it.
        builder: Who vouches for the build: the name of the key that signs the statement.
    """
    derivation = output.derivation
    document = {
        "_type": STATEMENT,
        "subject": [{"name": str(path), "digest": {TREE: digest.hex()}}],
        "predicateType": PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {**_recipe(derivation), "output": output.name},
                "internalParameters": {"engine": ENGINE, "key": derivation.key.hex()},
                "resolvedDependencies": [
                    *(_seen(it, inputs[it]) for it in derivation.inputs if it in inputs),
                    *map(_descriptor, materials([derivation]).values()),
                ],
            },
            "runDetails": {
                "builder": {
                    "id": f"{BUILDER}:{builder}" if builder is not None else BUILDER,
                    "version": {"kernix": version},
                }
            },
        },
    }
    return canonical_json(document)


def _recipe(derivation: Derivation) -> dict[str, Any]:
    """Return what makes *derivation* what it is; of one with a known hash, this does not include where it is from."""
    found: dict[str, Any] = {"name": derivation.name, "system": derivation.system, "builder": derivation.builder}
    if derivation.fixed is not None:
        return {**found, "fixed": [derivation.fixed.method, derivation.fixed.digest]}
    return {
        **found,
        "args": list(derivation.args),
        "env": dict(derivation.env),
        "mounts": {at: [it.derivation.key.hex(), it.name] for at, it in derivation.mounts.items()},
        "outputs": list(derivation.outputs),
    }


def _seen(output: Output, digest: bytes) -> dict[str, Any]:
    """Return an input that the builder saw, as a resource descriptor."""
    return {
        "name": f"{output.derivation.name}.{output.name}",
        "digest": {TREE: digest.hex()},
        "annotations": {"kernixKey": output.derivation.key.hex()},
    }


def _descriptor(material: Material) -> dict[str, Any]:
    found: dict[str, Any] = {"name": material.name, "digest": dict(material.digest)}
    if material.uri:
        found["uri"] = material.uri
    if material.place:
        found["annotations"] = {"place": material.place}
    return found
