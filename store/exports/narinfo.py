"""What a binary cache of Nix says about one store path, `DIGEST.narinfo`: lines of `Key: value` (Nix, `libstore/nar-info.cc`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from store import base32


if TYPE_CHECKING:
    from collections.abc import Mapping

    from store.path import StorePath


@attrs.frozen(kw_only=True)
class NarInfo:
    """The description of one path.

    Attributes:
        directory: The store directory that the path is in.
        path: The path there.
        url: The file with the archive, relative to the cache.
        compression: How that file is compressed: `zstd`, `xz` or `none`.
        file_hash: The SHA-256 of that file.
        file_size: Its size in bytes.
        nar_hash: The SHA-256 of the archive.
        nar_size: Its size in bytes.
        references: The paths that this one refers to.
    """

    directory: str
    path: StorePath
    url: str
    compression: str
    file_hash: bytes
    file_size: int
    nar_hash: bytes
    nar_size: int
    references: tuple[StorePath, ...]

    @classmethod
    def of(cls, said: Mapping[str, str], path: StorePath, references: tuple[StorePath, ...]) -> NarInfo:
        """Return the description of *path* with *references* that has the `fields` *said*.

        Raises:
            ValueError: it is another one, or is damaged.
        """
        try:
            found = cls(
                directory=said["StorePath"].rpartition("/")[0],
                path=path,
                url=said["URL"],
                compression=said["Compression"],
                file_hash=base32.decode(said["FileHash"].removeprefix("sha256:")),
                file_size=int(said["FileSize"]),
                nar_hash=base32.decode(said["NarHash"].removeprefix("sha256:")),
                nar_size=int(said["NarSize"]),
                references=references,
            )
        except KeyError as error:
            message = f"{error} is missing"
            raise ValueError(message) from None
        if fields(str(found)) != said or found.url.count("/") != 1:
            message = "it is another description"
            raise ValueError(message)
        return found

    def __str__(self) -> str:
        nar_hash = sha256(self.nar_hash)
        lines = {
            "StorePath": f"{self.directory}/{self.path}",
            "URL": self.url,
            "Compression": self.compression,
            "FileHash": sha256(self.file_hash),
            "FileSize": self.file_size,
            "NarHash": nar_hash,
            "NarSize": self.nar_size,
            "References": " ".join(map(str, sorted(self.references))),
            "CA": f"fixed:r:{nar_hash}",
        }
        return "".join(f"{key}: {value}\n" for key, value in lines.items())


def sha256(digest: bytes) -> str:
    """Return *digest* as Nix writes a SHA-256."""
    return f"sha256:{base32.encode(digest)}"


def fields(text: str) -> dict[str, str]:
    """Return the values in *text*, a description or a `nix-cache-info`, by key; lines of other forms are left out."""
    pairs = (line.partition(":") for line in text.splitlines())
    return {key.strip(): value.strip() for key, colon, value in pairs if colon}
