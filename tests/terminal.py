"""A user at a terminal, who types and reads the screen."""

from __future__ import annotations

import os
import re
import select
import subprocess
import termios
import time

from typing import TYPE_CHECKING

import attrs


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


_PATIENCE = 300.0  # seconds; output usually arrives in less than one, but the machine may be busy


@attrs.define
class User:
    """A user at a terminal that runs a command.

    Attributes:
        keyboard: The user's end of the pseudo-terminal.
        terminal: The command's end.
        process: The command.
        before: The terminal's settings before it ran.
        shown: The output that was not read yet.
    """

    keyboard: int
    terminal: int
    process: subprocess.Popen[bytes]
    before: list[object]
    shown: str = ""

    @classmethod
    def sit_down(
        cls,
        command: Sequence[str | Path],
        environment: Mapping[str, str],
        *,
        cwd: Path | None = None,
        stdin: int | None = None,
        stdout: int | None = None,
    ) -> User:
        """Return a user at a new terminal of 31 lines and 97 columns that runs *command*."""
        keyboard, terminal = os.openpty()
        termios.tcsetwinsize(terminal, (31, 97))
        before = termios.tcgetattr(terminal)
        process = subprocess.Popen(
            command,
            stdin=terminal if stdin is None else stdin,
            stdout=terminal if stdout is None else stdout,
            stderr=terminal,
            start_new_session=True,
            env=environment,
            cwd=cwd,
        )
        return cls(keyboard, terminal, process, before)

    def leave(self) -> None:
        """End the command, and close the terminal."""
        self.process.kill()
        self.process.wait()
        os.close(self.keyboard)
        os.close(self.terminal)

    def type(self, text: str) -> None:
        """Type *text*."""
        os.write(self.keyboard, text.encode())

    def see(self, pattern: str) -> re.Match[str]:
        """Read the screen until *pattern* appears after what was read before, and fail if it never does."""
        deadline = time.monotonic() + _PATIENCE
        while (found := re.search(pattern, self.shown)) is None:
            assert time.monotonic() < deadline, f"{pattern!r} is not in {self.shown!r}"
            if not select.select([self.keyboard], [], [], 0.1)[0]:
                assert self.process.poll() is None, self.shown
                continue
            self.shown += os.read(self.keyboard, 1 << 12).decode(errors="replace")
        self.shown = self.shown[found.end() :]
        return found

    def settings(self) -> list[object]:
        """Return the terminal's settings."""
        return termios.tcgetattr(self.terminal)
