"""How the run of a command in a guest can fail, other than by the command's own exit code."""

from __future__ import annotations

from typing import ClassVar

from store.errors import Error


class RunFailed(Error):
    """A command in a guest did not run, or its end is unknown. The exit codes are those of `env` and `timeout`."""

    exit_code: ClassVar[int] = 125


class CommandFailed(RunFailed):
    """The guest could not start the command."""

    reason: str

    def __str__(self) -> str:
        return self.reason


class CommandNotExecutable(CommandFailed):
    """The command exists, but cannot be executed."""

    exit_code: ClassVar[int] = 126


class CommandNotFound(CommandFailed):
    """The guest has no such command."""

    exit_code: ClassVar[int] = 127


class GuestPanicked(RunFailed):
    """The guest's kernel failed while the command ran, or before."""

    reason: str

    def __str__(self) -> str:
        return f"the guest's kernel failed: {self.reason}"


class GuestEnded(RunFailed):
    """The guest ended without a word about the command."""

    complaint: str
    begun: bool

    def __str__(self) -> str:
        when = "before the command ended" if self.begun else "before the command began"
        return f"the guest ended {when}{f': {self.complaint}' if self.complaint else ''}"


class GuestSilent(RunFailed):
    """The guest does not boot."""

    seconds: float

    def __str__(self) -> str:
        return f"the guest has not started the command, and has been silent for {self.seconds:g} seconds"


class OutputLost(RunFailed):
    """The command ended, but not all of its output came."""

    missing: int

    def __str__(self) -> str:
        return f"the guest lost {self.missing} bytes of the command's output"


class TimeOver(RunFailed):
    """The guest ran for longer than the user allowed."""

    exit_code: ClassVar[int] = 124

    seconds: float

    def __str__(self) -> str:
        return f"the guest was stopped: it ran for longer than {self.seconds:g} seconds"


def command_failed(reason: str, code: int) -> CommandFailed:
    """Return the error for *reason*, with the exit code *code* that the guest gives it."""
    kinds = {it.exit_code: it for it in (CommandNotExecutable, CommandNotFound)}
    return kinds.get(code, CommandFailed)(reason)
