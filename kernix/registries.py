"""Registries, as the places that `kernix push` and `kernix pull` are given: `oci://HOST/NAME:TAG`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from kernix.output.messages import print_message
from kernix.output.quantities import number, size
from store.errors import UsageError


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kernix.session import Session
    from store.exports.oci import Layer
    from store.path import StorePath


SCHEMES = ("oci", "oci+http")


def is_reference(text: str) -> bool:
    """Return whether *text* is meant as a reference to an artifact in a registry."""
    return text.partition("://")[0] in SCHEMES


def push(session: Session, paths: Sequence[StorePath], target: str, key: str | None, root: str | None) -> None:
    """Push *paths* to the registry *target*, which knows neither our signatures nor roots.

    Raises:
        UsageError: a *key* or a *root* is given.
        Error: what `push_oci` raises.
    """
    from derivations.realise.registry.push import push_oci  # noqa: PLC0415 -- start-up: requests
    from derivations.realise.registry.reference import Reference  # noqa: PLC0415 -- as above

    if key is not None or root is not None:
        message = f"{'--key' if key is not None else '--root'} does not apply to registries"
        raise UsageError(message)
    goal = Reference.parse(target)
    layers = push_oci(session.store, paths, goal, credentials=credential_files(session.environment))
    print_message(f"pushed {number(len(layers), 'object')} to {goal}: {size(sum(it.size for it in layers))}")


def pull(session: Session, text: str) -> list[StorePath]:
    """Fetch the artifact *text*, and return what was pushed there.

    Raises:
        Error: what `pull_oci` raises.
    """
    from derivations.realise.registry.pull import pull_oci  # noqa: PLC0415 -- as above
    from derivations.realise.registry.reference import Reference  # noqa: PLC0415 -- as above

    fetched: list[Layer] = []
    paths = pull_oci(
        session.store,
        Reference.parse(text),
        credentials=credential_files(session.environment),
        bounds=session.settings().bounds,
        each=fetched.append,
    )
    print_message(f"fetched {number(len(fetched), 'object')}, {size(sum(it.size for it in fetched))}")
    return paths


def credential_files(environment: Mapping[str, str]) -> list[Path]:
    """Return the files that may hold names and passwords for registries, the first one first (containers-auth.json(5))."""
    if chosen := environment.get("REGISTRY_AUTH_FILE"):
        return [Path(chosen)]
    found = []
    if runtime := environment.get("XDG_RUNTIME_DIR"):
        found.append(Path(runtime, "containers/auth.json"))
    if docker := environment.get("DOCKER_CONFIG"):
        found.append(Path(docker, "config.json"))
    elif home := environment.get("HOME"):
        found.append(Path(home, ".docker/config.json"))
    return found
