"""A glance at a store that is not opened: does it still have these results?

Opening a store loads ten times what the question needs. So nothing is imported here that is not
needed (attrs, pathlib and `typing` are not), and whatever is unusual is a no: who then opens the store is told.
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
    """Return whether *results* are in the file *database*, and their objects were used at *used_since* or later.

    A result is the key of a derivation, the name of its output, and the store path that was realised for them.
    """
    # A missing file must not be made (https://www.sqlite.org/uri.html has the form and what is escaped in it).
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
