"""What is said on stderr: errors, hints, warnings, remarks. stdout belongs to results.

What is said may hold words from outside, so it is made printable here, and a line of it that begins at the margin
is always one of kernix' own.
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
INTERRUPTED = 130

_STDOUT, _STDERR = 1, 2

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class PipeBroken(Exception):
    """A verb met a broken pipe; click would end without a word and with 1, whichever pipe it is."""

    def __init__(self, reason: BrokenPipeError) -> None:
        super().__init__(reason)
        self.reason = reason


def say(text: str, mark: str = "", color: str = "") -> None:
    """Write *text* to stderr, with a *mark* before it in a *color*; if nobody reads that, the work goes on without it."""
    said = printable("\n".join(_indented(text)))
    marked = f"{click.style(mark, fg=color, bold=True)} {said}" if mark else said
    try:
        click.echo(marked, file=below(sys.stderr), color=_color())
    except BrokenPipeError:
        _discard(below(sys.stderr))


def warn(text: str) -> None:
    """Say on stderr that *text* is worth knowing."""
    say(completed(text), "warning:", "yellow")


def show_file(data: bytes) -> None:
    """Write *data* to stdout: as it is, but printable if that is a terminal."""
    if sys.stdout.isatty():
        click.echo(data.decode(errors="backslashreplace"), nl=False)
    else:
        click.echo(data, file=below(sys.stdout), nl=False)


def warn_of_damage(files: int) -> None:
    """Say on stderr that *files* of the store do not hold what they should, and what to do about it."""
    what = "1 file of the store is" if files == 1 else f"{files} files of the store are"
    warn(f"{what} damaged; new objects do not use {'it' if files == 1 else 'them'}, older ones may")
    say("`kernix verify --contents --repair` finds and mends these objects", "hint:", "cyan")


class Remarks:
    """Says what something warns of, each sentence once, in the place of `warnings.showwarning`."""

    def __init__(self) -> None:
        """Have said nothing yet."""
        self._said: set[str] = set()

    def __call__(self, message: Warning | str, *_: object, **__: object) -> None:
        """Say *message*, if it has not been said: a file that several kernels begin with is read for each."""
        if (text := str(message)) not in self._said:
            self._said.add(text)
            warn(text)


def say_error(sentence: str, hint: str | None = None, notes: Iterable[str] = ()) -> None:
    """Say on stderr what went wrong, where, and what to do about it."""
    say(sentence, "error:", "red")
    for note in notes:
        say(f"       {note}")
    if hint:
        say(completed(hint), "hint:", "cyan")


def report(error: Error) -> None:
    """Say what *error* is: its sentence, where it comes from, what the builder said last, and what to do."""
    for each in getattr(error, "errors", (error,)):
        tail = getattr(each, "tail", ())
        notes = [*getattr(each, "__notes__", ()), *(["the builder said last:"] if tail else [])]
        say_error(str(each), each.hint, [*notes, *(f"> {line}" for line in tail)])


def tell(error: BaseException) -> int | None:
    """Say on stderr what ended the run, and return the exit code; None if *error* is a mistake of kernix' own."""
    if isinstance(error, Error):
        report(error)
        return error.exit_code
    if isinstance(error, click.ClickException):
        if isinstance(error, click.exceptions.NoArgsIsHelpError):
            click.echo(error.format_message(), err=True)
        else:
            say_error(*usage_sentence(error))
        return error.exit_code
    if isinstance(error, (click.Abort, KeyboardInterrupt)):
        code: int = getattr(error.__cause__ or error, "exit_code", INTERRUPTED)
        if code == INTERRUPTED:
            say_error("interrupted")
        return code
    if isinstance(error, (PipeBroken, BrokenPipeError, SystemExit)) and _is_unread(sys.stdout):
        _discard(sys.stdout)
        return 0  # as with `kernix list | head`: what was wanted has been printed
    if isinstance(error, PipeBroken):
        error = error.reason
    if isinstance(error, OSError):
        say_error(*system_sentence(error))
        return FAILED
    return None


def usage_sentence(error: click.ClickException) -> tuple[str, str | None]:
    """Return what click found wrong with the command line as a sentence and a hint."""
    if isinstance(error, click.NoSuchOption):
        return f"unknown option `{error.option_name}`", _meant(error.possibilities) or _help(error)
    if isinstance(error, click.NoSuchCommand):
        return f"unknown verb `{error.command_name}`", _meant(error.possibilities) or _help(error)
    text = error.format_message().removesuffix(".")
    return text[:1].lower() + text[1:], _help(error) if isinstance(error, click.UsageError) else None


def system_sentence(error: OSError) -> tuple[str, str | None]:
    """Return what the operating system refused as a sentence and a hint."""
    reason = reason_of(error)
    place = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, (str, bytes)) else ""
    full = "`kernix gc` removes what nothing needs any more, and works on a full disk"
    return f"{place}{reason}", full if error.errno in _FULL else None


def _indented(text: str) -> Iterator[str]:
    """Yield the lines of *text*, all but the first indented."""
    for number, line in enumerate(text.split("\n")):
        yield f"  {line}" if number and line and not line.startswith((" ", "\t")) else line


def _meant(words: list[str] | None) -> str | None:
    return f"did you mean {' or '.join(f'`{word}`' for word in words)}?" if words else None


def _help(error: click.ClickException) -> str | None:
    context = getattr(error, "ctx", None)
    return f"`{context.command_path} --help` tells what there is" if context is not None else None


@contextlib.contextmanager
def prints_to_stderr() -> Iterator[None]:
    """Send to stderr what a definition prints inside the block, and what programs that it runs print: stdout is for results."""
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
    except OSError:  # it is no file at all
        return False
    poll = select.poll()
    poll.register(descriptor, 0)  # errors are always reported
    return bool(poll.poll(0))


def _discard(stream: TextIO) -> None:
    """Let what is written to *stream* go nowhere; else Python complains when it flushes at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _color() -> bool | None:
    """Return False where the user wants no colours (https://no-color.org), None to let the terminal decide."""
    return False if os.environ.get("NO_COLOR") else None
