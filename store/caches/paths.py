"""The names of the files in a cache, relative to its URL.

    kernix-cache                     the header: format and version
    infos/<2>/<store path>           an object; <2> are the first two characters of the name that follows
    results/<2>/<key>-<output>       an output of an action; the key is in hexadecimal
    blobs/<2>/<BLAKE3>               an archive or a listing, named by its content
    names/<stem>                     the newest objects of one name, as candidates for deltas
    roots/<name>                     a store path that `kernix cache gc` keeps, with all it refers to

A stem is a name in which each number is `0`.
"""

from __future__ import annotations

import re

from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from store.path import StorePath


HEADER = "kernix-cache"
INFOS = "infos"
RESULTS = "results"
BLOBS = "blobs"
NAMES = "names"
ROOTS = "roots"

TAR_SUFFIX = ".tar"
"""How the URL of a cache in a tar file ends (`store.caches.tar_file`)."""


def info_path(path: StorePath) -> str:
    """Return where the info of the object *path* is."""
    return f"{INFOS}/{path.digest[:2]}/{path}"


def result_path(key: bytes, output: str) -> str:
    """Return where the result *output* of *key* is."""
    return f"{RESULTS}/{key.hex()[:2]}/{key.hex()}-{output}"


def blob_path(digest: bytes) -> str:
    """Return where the blob with *digest* is."""
    return f"{BLOBS}/{digest.hex()[:2]}/{digest.hex()}"


def stem(name: str) -> str:
    """Return *name* with each number replaced by `0`: the same for all versions of a thing."""
    return re.sub(r"[0-9]+", "0", name)


def names_path(name: str) -> str:
    """Return where the newest objects called like *name* are listed."""
    return f"{NAMES}/{stem(name)}"
