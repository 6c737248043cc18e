"""Write the golden files anew: `python -m tests.golden.write`."""

from __future__ import annotations

from pathlib import Path

from tests.golden.documents import DOCUMENTS


for name, make in DOCUMENTS.items():
    Path(__file__).with_name(name).write_bytes(make())
