"""Write the golden files again: `python -m tests.golden.write`; with `messages`, those of messages alone."""

from __future__ import annotations

import sys

from pathlib import Path

from tests.golden.documents import DOCUMENTS
from tests.golden.messages import MESSAGES, file_of


if sys.argv[1:] != ["messages"]:
    for name, make in DOCUMENTS.items():
        Path(__file__).with_name(name).write_bytes(make())
for name, render in MESSAGES.items():
    file_of(name).parent.mkdir(exist_ok=True)
    file_of(name).write_text(render())
