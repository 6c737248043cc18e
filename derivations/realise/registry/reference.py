"""References to artifacts in registries: `oci://HOST[:PORT]/NAME[:TAG|@DIGEST]`, or `oci+http://…`."""

from __future__ import annotations

import ipaddress
import re

import attrs

from store.errors import UsageError


_NAME = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(
    rf"oci(?P<http>\+http)?://(?P<host>\[[0-9a-f:.]+\]|[A-Za-z0-9.-]+)(?P<port>:[0-9]{{1,5}})?"
    rf"/(?P<name>{_NAME}(?:/{_NAME})*)(?::(?P<tag>\w[\w.-]{{0,127}})|@(?P<digest>sha256:[0-9a-f]{{64}}))?",
    re.ASCII,
)
_LONGEST = 255  # characters of a name (OCI distribution specification)


class InvalidReference(UsageError):
    """A text is no reference to an artifact."""


@attrs.frozen(kw_only=True)
class Reference:
    """A place for an artifact.

    Attributes:
        host: The registry, with its port if that was named.
        name: The repository.
        tag: The tag or the digest.
        plain: Whether the registry is spoken to without TLS.
    """

    host: str
    name: str
    tag: str
    plain: bool

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Parse *text*.

        Raises:
            InvalidReference: it has another form.
        """
        found = _REFERENCE.fullmatch(text)
        if found is None or len(found["name"]) > _LONGEST:
            raise InvalidReference(
                f"{text!r} is not a reference to an artifact",
                "a reference is oci://HOST[:PORT]/NAME[:TAG], in small letters",
            )
        plain = bool(found["http"]) or is_loopback(found["host"])
        tag = found["digest"] or found["tag"] or "latest"
        return cls(host=found["host"] + (found["port"] or ""), name=found["name"], tag=tag, plain=plain)

    @property
    def base(self) -> str:
        """Where the registry has this repository."""
        return f"{'http' if self.plain else 'https'}://{self.host}/v2/{self.name}"

    def __str__(self) -> str:
        scheme = "oci+http" if self.plain and not is_loopback(self.host) else "oci"
        return f"{scheme}://{self.host}/{self.name}{'@' if ':' in self.tag else ':'}{self.tag}"


def is_loopback(host: str) -> bool:
    """Return whether *host*, with or without a port, is this machine."""
    name = host.rpartition(":")[0] if re.search(r":[0-9]+$", host) and not host.endswith("]") else host
    try:
        return name == "localhost" or ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False
