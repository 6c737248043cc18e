"""What goes wrong between this machine and a registry."""

from __future__ import annotations

from store.errors import Error


class RegistryFailed(Error):
    """A registry did not do what was asked of it."""

    reference: str
    reason: str

    def __str__(self) -> str:
        return f"{self.reference}: {self.reason}"


class NotARegistry(RegistryFailed):
    """A server answers as no registry does."""


class NotAuthorised(RegistryFailed):
    """A registry refuses, for want of a name and a password, or of the right ones."""

    @property
    def hint(self) -> str:
        """Return how to log in."""
        return "`skopeo login HOST` or `docker login HOST` writes the name and the password to where kernix reads them"


class NoSuchArtifact(RegistryFailed):
    """A registry has nothing of that name."""


class LayerRefused(Error):
    """A layer of an artifact is not the object that it is said to be."""

    reference: str
    path: str
    reason: str

    def __str__(self) -> str:
        return f"refused {self.path} from {self.reference}: {self.reason}"
