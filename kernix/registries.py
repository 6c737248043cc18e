"""Where this user's names and passwords for registries are (containers-auth.json(5))."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Mapping


def credential_files(environment: Mapping[str, str]) -> list[Path]:
    """Return the files that may hold them, the first one first."""
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
