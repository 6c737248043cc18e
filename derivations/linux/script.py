"""The shell scripts that run in the sandbox; they are beside this module, in `scripts/`."""

from __future__ import annotations

import functools

from pathlib import Path


SHELL = "/bin/sh"

_SCRIPTS = Path(__file__).with_name("scripts")


@functools.cache
def script(name: str, *arguments: str) -> tuple[str, ...]:
    """Return the arguments of `SHELL` that run the script *name* with *arguments*."""
    return ("-c", text_of(name), name, *arguments)


def text_of(name: str) -> str:
    """Return the text of the script *name*."""
    return _SCRIPTS.joinpath(f"{name}.sh").read_text(encoding="utf-8")
