"""A process that ends a sandbox when kernix does, however kernix ends.

Bubblewrap binds the life of its first process to ours only at the end of making a sandbox (`--die-with-parent`), and
not at all if we die between two of its steps. So a shell of our own waits beside it, in a session of its own: it knows
the number of the sandbox's first process before any builder begins, and reads from a pipe whose other end only kernix
holds. A line says that the sandbox has ended; an end of the pipe without it, that kernix has died, and the shell kills
the process, with which the kernel ends all others of its namespace.
"""

from __future__ import annotations

import contextlib
import os
import subprocess


_CODE = 'read -r first || exit 0; read -r ended || kill -KILL "$first"'


class Guard:
    """Guards one sandbox, until `release` says that it has ended."""

    def __init__(self) -> None:
        """Start the shell."""
        reader, self._line = os.pipe()
        try:
            self._shell = subprocess.Popen(
                ["/bin/sh", "-c", _CODE],
                stdin=reader,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={},
                cwd="/",
                start_new_session=True,
            )
        except BaseException:
            os.close(self._line)
            raise
        finally:
            os.close(reader)

    def watch(self, first: int) -> None:
        """Kill the process *first* when we end from now on."""
        self._write(f"{first}\n")

    def release(self, *, ended: bool) -> None:
        """Let the shell end; unless everything has *ended*, it kills what it watches."""
        if ended:
            self._write("ended\n")
        os.close(self._line)
        self._shell.wait()

    def _write(self, text: str) -> None:
        with contextlib.suppress(BrokenPipeError):  # somebody has killed the shell
            os.write(self._line, text.encode())
