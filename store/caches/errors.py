"""What goes wrong with a cache. Every one of these errors means: try the next cache, or build."""

from __future__ import annotations

from store.errors import Error


class CacheError(Error):
    """A cache cannot be used, or not for this."""

    url: str


class NotInCache(CacheError):
    """A cache does not have a file."""

    path: str

    def __str__(self) -> str:
        return f"{self.url} does not have {self.path}"


class CacheUnreachable(CacheError):
    """A cache does not answer, or refuses.

    Attributes:
        reason: What happened.
        transient: Whether the same request may soon succeed.
    """

    reason: str
    transient: bool = False

    def __str__(self) -> str:
        return f"{self.url} cannot be used: {self.reason}"


class CacheDamaged(CacheError):
    """A file in a cache is not what it has to be: damaged, cut, or something else."""

    path: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path} in {self.url} is damaged: {self.reason}"

    @property
    def hint(self) -> str:
        """Name the command that finds all damage."""
        return "`kernix cache verify --repair` removes what is damaged; push it again then"


class NotACache(CacheError):
    """There is no cache at a URL, or one of another format."""

    reason: str

    def __str__(self) -> str:
        return f"{self.url} is not a cache that this kernix can use: {self.reason}"


class NoCacheYet(NotACache):
    """There is nothing at a URL: neither a cache nor something else."""

    reason: str = "it does not exist yet"

    def __str__(self) -> str:
        return f"there is no cache at {self.url} yet; the first `kernix push` creates it"
