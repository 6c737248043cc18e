"""Names and passwords for registries, from the files that `docker login` and `skopeo login` write (containers-auth.json(5))."""

from __future__ import annotations

import base64
import json

from typing import TYPE_CHECKING

from store.errors import Error, reason_of


if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class CredentialsUnreadable(Error):
    """A file with credentials cannot be read."""

    place: Path
    reason: str

    def __str__(self) -> str:
        return f"cannot read the credentials in {self.place}: {self.reason}"


def basic_for(host: str, files: Iterable[Path]) -> str | None:
    """Return the credentials for *host*, encoded for `Authorization: Basic`, from the first of *files* that has any.

    Credential helpers are other programs, and are not run.

    Raises:
        CredentialsUnreadable: a file exists and cannot be read.
    """
    for place in files:
        try:
            auths = json.loads(place.read_bytes()).get("auths", {})
            found = auths.get(host, {}).get("auth")
            if found:
                base64.b64decode(found, validate=True).decode().index(":")
                return str(found)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise CredentialsUnreadable(place, reason_of(error)) from None
        except (ValueError, AttributeError, TypeError):
            raise CredentialsUnreadable(place, "it is not a file that `docker login` writes") from None
    return None
