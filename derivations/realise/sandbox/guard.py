"""A process that kills a sandbox when kernix ends, however kernix ends.

Bubblewrap binds its first process's life to ours only at the end of making a sandbox (`--die-with-parent`), and
not at all if we die between two of its steps. So a shell waits beside it, in its own session: it knows
the pid of the sandbox's first process before any builder starts, and reads from a pipe whose other end only kernix
holds. A line means that the sandbox has ended. End of file without a line means that kernix has died, and the shell
kills that process; the kernel then kills all others in its namespace. Before the pid is known, it kills bubblewrap's
process group: a first process whose parent dies too early waits for it for ever.
"""

from __future__ import annotations

import contextlib
import os
import subprocess


_CODE = 'read -r group; read -r first || { kill -KILL "-$group"; exit; }; read -r ended || kill -KILL "$first"'


class Guard:
    """Guards one sandbox until `release`."""

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

    def started(self, group: int) -> None:
        """Kill the process group *group*, bubblewrap's, if we die before `watch`."""
        self._write(f"{group}\n")

    def watch(self, first: int) -> None:
        """From now on, kill the process *first* when we end."""
        self._write(f"{first}\n")

    def release(self, *, ended: bool) -> None:
        """Stop the shell; unless the sandbox has *ended*, the shell kills it."""
        if ended:
            self._write("ended\n")
        os.close(self._line)
        self._shell.wait()

    def _write(self, text: str) -> None:
        with contextlib.suppress(BrokenPipeError):  # the shell was killed
            os.write(self._line, text.encode())
