"""A quick check that a store still has certain results, without opening it.

Opening a store loads ten times what the check needs. So this module imports only what it needs (no attrs, pathlib or
`typing`), and answers no to anything unusual: opening the store will then report it.
"""

from __future__ import annotations

import sqlite3

from store.records.schema import SCHEMA_VERSION


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


_STATEMENT = """
    select used >= ? from realisations join objects on objects.id = object where key = ? and output = ? and path = ?
"""


def has(database: str, results: Iterable[tuple[bytes, str, str]], *, used_since: int) -> bool:
    """Return whether *results* are in the file *database* and their objects were used at *used_since* or later.

    A result is a derivation's key, an output's name, and the store path recorded for them.
    """
    # Do not create a missing file (https://www.sqlite.org/uri.html has the form and the characters to escape).
    escaped = database.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    try:
        connection = sqlite3.connect(f"file:{escaped}?mode=rw", uri=True)
        try:
            if connection.execute("pragma user_version").fetchone() != (SCHEMA_VERSION,):
                return False
            return all(connection.execute(_STATEMENT, (used_since, *it)).fetchone() == (1,) for it in results)
        finally:
            connection.close()
    except sqlite3.Error:
        return False
