"""Messages on stderr: errors, hints, warnings and remarks. stdout is reserved for results.

A message may contain text from outside, so it is made printable here. Its further lines are indented: a line that
begins at the margin always comes from kernix itself.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import sys

from typing import TYPE_CHECKING

import click

from kernix.evaluation.selection import completed
from kernix.output.printable import below, printable
from store.errors import Error, reason_of


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import TextIO


FAILED = 1
INTERRUPTED = 130  # 128 + SIGINT, as shells report it

_STDOUT, _STDERR = 1, 2

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class PipeBroken(Exception):
    """A verb ran into a broken pipe; click would exit silently with code 1, whichever pipe it is."""

    def __init__(self, reason: BrokenPipeError) -> None:
        super().__init__(reason)
        self.reason = reason


def print_message(text: str, mark: str = "", color: str = "") -> None:
    """Write *text* to stderr, prefixed with *mark* in *color*; if nobody reads stderr, the message is dropped."""
    shown = printable("\n".join(_indented(text)))
    marked = f"{click.style(mark, fg=color, bold=True)} {shown}" if mark else shown
    try:
        click.echo(marked, file=below(sys.stderr), color=_color())
    except BrokenPipeError:
        _discard(below(sys.stderr))


def warn(text: str) -> None:
    """Write the warning *text* to stderr."""
    print_message(completed(text), "warning:", "yellow")


def show_file(data: bytes) -> None:
    """Write *data* to stdout unchanged, or made printable if stdout is a terminal."""
    if sys.stdout.isatty():
        click.echo(data.decode(errors="backslashreplace"), nl=False)
    else:
        click.echo(data, file=below(sys.stdout), nl=False)


def warn_of_damage(files: int) -> None:
    """Warn on stderr that the content of *files* files in the store has changed, and say what to do."""
    what = "1 file in the store is" if files == 1 else f"{files} files in the store are"
    warn(f"{what} damaged; new objects do not use {'it' if files == 1 else 'them'}, but older objects may")
    print_message("`kernix verify --contents --repair` finds and repairs these objects", "hint:", "cyan")


class Remarks:
    """A replacement for `warnings.showwarning` that prints each warning once."""

    def __init__(self) -> None:
        """Start with no warning printed."""
        self._printed: set[str] = set()

    def __call__(self, message: Warning | str, *_: object, **__: object) -> None:
        """Print *message* unless it has been printed: a file that is the base of several kernels is read for each."""
        if (text := str(message)) not in self._printed:
            self._printed.add(text)
            warn(text)


def print_error(sentence: str, hint: str | None = None, notes: Iterable[str] = ()) -> None:
    """Write an error to stderr: what went wrong, where, and what to do about it."""
    print_message(sentence, "error:", "red")
    for note in notes:
        print_message(f"       {note}")
    if hint:
        print_message(completed(hint), "hint:", "cyan")


def report_error(error: Error) -> None:
    """Print *error*: its sentence, where it comes from, the builder's last output, and the hint."""
    for each in getattr(error, "errors", (error,)):
        tail = getattr(each, "tail", ())
        notes = [*getattr(each, "__notes__", ()), *(["the builder's last output:"] if tail else [])]
        print_error(str(each), each.hint, [*notes, *(f"> {line}" for line in tail)])


def report_end(error: BaseException) -> int | None:
    """Report on stderr what ended the run, and return the exit code; None if *error* is a bug in kernix."""
    if isinstance(error, Error):
        report_error(error)
        return error.exit_code
    if isinstance(error, click.ClickException):
        if isinstance(error, click.exceptions.NoArgsIsHelpError):
            click.echo(error.format_message(), err=True)
        else:
            print_error(*usage_sentence(error))
        return error.exit_code
    if isinstance(error, (click.Abort, KeyboardInterrupt)):
        code: int = getattr(error.__cause__ or error, "exit_code", INTERRUPTED)
        if code == INTERRUPTED:
            print_error("interrupted")
        return code
    if isinstance(error, (PipeBroken, BrokenPipeError, SystemExit)) and _is_unread(sys.stdout):
        _discard(sys.stdout)
        return 0  # as with `kernix list | head`: everything that was wanted has been printed
    if isinstance(error, PipeBroken):
        error = error.reason
    if isinstance(error, OSError):
        print_error(*system_sentence(error))
        return FAILED
    return None


def usage_sentence(error: click.ClickException) -> tuple[str, str | None]:
    """Return click's complaint about the command line as a sentence and a hint."""
    if isinstance(error, click.NoSuchOption):
        return f"unknown option `{error.option_name}`", _meant(error.possibilities) or _help(error)
    if isinstance(error, click.NoSuchCommand):
        return f"unknown verb `{error.command_name}`", _meant(error.possibilities) or _help(error)
    text = error.format_message().removesuffix(".")
    return text[:1].lower() + text[1:], _help(error) if isinstance(error, click.UsageError) else None


def system_sentence(error: OSError) -> tuple[str, str | None]:
    """Return an error of the operating system as a sentence and a hint."""
    reason = reason_of(error)
    place = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, (str, bytes)) else ""
    full = "`kernix gc` deletes what is no longer needed, and works on a full disk"
    return f"{place}{reason}", full if error.errno in _FULL else None


def _indented(text: str) -> Iterator[str]:
    """Yield the lines of *text*, indented except for the first."""
    for number, line in enumerate(text.split("\n")):
        yield f"  {line}" if number and line and not line.startswith((" ", "\t")) else line


def _meant(words: list[str] | None) -> str | None:
    return f"did you mean {' or '.join(f'`{word}`' for word in words)}?" if words else None


def _help(error: click.ClickException) -> str | None:
    context = getattr(error, "ctx", None)
    return f"`{context.command_path} --help` lists what is available" if context is not None else None


@contextlib.contextmanager
def prints_to_stderr() -> Iterator[None]:
    """Redirect to stderr whatever a definition, or a program that it runs, prints inside the block."""
    if sys.stdout is None or sys.stderr is None:
        yield
        return
    sys.stdout.flush()
    with contextlib.redirect_stdout(sys.stderr), contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):  # one of the two is closed
            stdout = os.dup(_STDOUT)
            stack.callback(os.close, stdout)
            os.dup2(_STDERR, _STDOUT)
            stack.callback(os.dup2, stdout, _STDOUT)
        yield


def _is_unread(stream: TextIO) -> bool:
    """Return whether *stream* is a pipe or a socket that its reader has closed."""
    try:
        descriptor = stream.fileno()
    except OSError:  # it is not a file at all
        return False
    poll = select.poll()
    poll.register(descriptor, 0)  # errors are always reported
    return bool(poll.poll(0))


def _discard(stream: TextIO) -> None:
    """Discard what is written to *stream* from now on; otherwise Python complains when it flushes at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _color() -> bool | None:
    """Return False if the user wants no colours (https://no-color.org), None to let the terminal decide."""
    return False if os.environ.get("NO_COLOR") else None
