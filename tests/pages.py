"""The pages of the documentation: their blocks, the command lines in them, and the files that they speak of."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from tests.page_files import FILES
from tests.page_runs import BEFORE, VARIES


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

_NAMED = re.compile(r"\A# ([\w.-]+\.py)\n")
_PROGRESS = re.compile(
    r"\d+ derivations? to build|\d+ of \d+ done|"
    r"(found|reused|building|built|checked|copying|copied|patching|patched|fetching|fetched|joined|read|unpacking|unpacked|wrote|left out) |\S+ failed$"
)
_CAT = re.compile(r"cat (~/)?([\w./-]+\.(?:config|py|scm|toml|txt))")
_FAILS = re.compile(r"^(error: |Found \d+ errors)", re.MULTILINE)
_OPERATORS = {"|", "2>&1", ">", ";"}


@attrs.frozen
class Command:
    """A command line that a page shows, and what it printed, if the page shows that.

    Attributes:
        page: The name of the page.
        line: The line.
        printed: What it printed.
        number: How many times the page has shown this line so far.
    """

    page: str
    line: str
    printed: str = ""
    number: int = 1

    @property
    def words(self) -> list[str]:
        """Return the words after `kernix`, up to what belongs to the shell."""
        found = []
        for word in shlex.split(self.line)[1:]:
            if word in _OPERATORS:
                break
            found.append(word)
        return found

    def __str__(self) -> str:
        return f"{self.page}: {self.line}" + (f" ({self.number})" if self.number > 1 else "")


def text(page: Path) -> str:
    """Return the text of *page*."""
    return page.read_text(encoding="utf-8")


def blocks(page: Path, language: str) -> list[str]:
    """Return the blocks of *page* in *language*."""
    return [body for found, body in FENCE.findall(text(page)) if found == language]


def console(page: Path) -> list[Command]:
    """Return all command lines in the console blocks of *page*."""
    parts = [part for block in blocks(page, "console") for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]]
    seen: Counter[str] = Counter()
    found = []
    for line, _, printed in (part.partition("\n") for part in parts):
        seen[line] += 1
        found.append(Command(page.name, line, printed, seen[line]))
    return found


def shown() -> list[Command]:
    """Return the command lines of kernix in the pages' console blocks."""
    found = []
    for command in (it for page in PAGES for it in console(page)):
        inner = re.search(r"\$\((kernix [^)]+)\)", command.line)
        found += [Command(command.page, inner[1])] if inner else []
        found += [command] if command.line.startswith("kernix ") else []
    return found


def write_files(page: Path, directory: Path) -> list[Path]:
    """Write the files of *page* to *directory*, and return those that are its Python blocks, in their order.

    These are the Python blocks, named by their first line; what `cat` shows; and `FILES`.
    """
    for name, content in FILES.items():
        (directory / name).parent.mkdir(exist_ok=True)
        (directory / name).write_text(content, encoding="utf-8")
    for command in console(page):
        if (shows := _CAT.fullmatch(command.line)) is not None and not shows[1] and shows[2] not in FILES:
            (directory / shows[2]).write_text(command.printed, encoding="utf-8")
    found = []
    for number, block in enumerate(blocks(page, "python"), 1):
        named = _NAMED.match(block)
        path = directory / (named[1] if named else f"block_{number}.py")
        path.write_text(block, encoding="utf-8")
        found.append(path)
    return found


def shape(printed: str, *places: tuple[Path, str]) -> list[str]:
    """Return the lines of *printed* without what differs from run to run: numbers, digests, and a build's progress.

    Args:
        printed: What a command printed, or a page says that it did.
        *places: Directories and the names that pages have for them.
    """
    for place, name in places:
        printed = printed.replace(str(place), name)
    printed = "\n".join(line for line in printed.splitlines() if not _PROGRESS.match(line))
    printed = re.sub(r"\b[0-9a-z]{32}-", "DIGEST-", printed)
    printed = re.sub(r"(?<=-)[0-9a-z]{16}\b", "DIGEST", printed)  # of a boot entry
    printed = re.sub(r"\b([0-9a-f]{64}|[0-9A-F]{40})\b", "DIGEST", printed)
    printed = re.sub(r"\d[\d,.]*( [kMGT]?B\b|( min)? ?s\b)?", "N", printed)
    return [" ".join(line.split()) for line in printed.splitlines() if line.strip()]


def is_shown(shown: list[str], printed: list[str]) -> str | None:
    """Return the first line of *shown* that *printed* does not have in this order; None if all are there."""
    rest = iter(printed)
    return next((line for line in shown if not line.startswith("[…") and line not in rest), None)


@attrs.frozen
class Shell:
    """A directory in which the command lines of a page are run, one after the other.

    Attributes:
        home: The directory that pages call `~`.
        store: Where the store's home is.
        environment: The environment of the commands.
        before: What is run first, unseen, by the commands (`Command.__str__`) and the pages that need it.
        varies: What in the output of a command depends on the machine, as regular expressions.
    """

    home: Path
    store: Path
    environment: Mapping[str, str]
    before: Mapping[str, str] = attrs.field(factory=dict)
    varies: Mapping[str, str] = attrs.field(factory=dict)

    @property
    def work(self) -> Path:
        """Return the working directory, which pages call `~/demo`."""
        return self.home / "demo"

    def run_all(self, commands: Iterable[Command]) -> str:
        """Run *commands*, and return what went otherwise than is shown.

        `cat` shows files that the page defines by that: those of the home directory are written at this point.
        """
        wrong = []
        for command in commands:
            shows = _CAT.fullmatch(command.line)
            if shows is not None and shows[1]:
                (self.home / shows[2]).write_text(command.printed, encoding="utf-8")
            else:
                wrong.append(self.run(command))
        return "\n\n".join(filter(None, wrong))

    def run(self, command: Command) -> str | None:
        """Run *command*; return what it printed if that, or whether it failed, is not what the page shows."""
        first = "\n".join(filter(None, (self.before.get(key) for key in (command.page, str(command)))))
        done = subprocess.run(
            ["/bin/bash", "-c", f"exec 2>&1\n{{ :\n{first}\n}} > /dev/null\n{command.line}"],
            cwd=self.work,
            env={**self.environment, "HOME": str(self.home), "KERNIX_HOME": str(self.store), "COLUMNS": "400"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        missing = is_shown(self._shape(command, command.printed), self._shape(command, done.stdout))
        fails = _FAILS.search(command.printed) is not None
        is_known = "|" not in command.line and "[…" not in command.printed
        if missing is None and (not is_known or (done.returncode != 0) is fails):
            return None
        return f"$ {command.line}\n{done.stdout}[exit code {done.returncode}; the page shows: {missing}]"

    def _shape(self, command: Command, printed: str) -> list[str]:
        if str(command) in self.varies:
            printed = re.sub(self.varies[str(command)], "", printed, flags=re.MULTILINE)
        return shape(printed, (self.store, "~/.local/share/kernix"), (self.home, "~"))


def open_shell(page: Path, home: Path, store: Path, environment: Mapping[str, str]) -> Shell:
    """Return a shell in *home* with the files of *page*, and `kernix` on its path; pages call the store `~/.local/share/kernix`."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    shell = Shell(home, store, {**environment, "PATH": path}, BEFORE, VARIES)
    shell.work.mkdir(parents=True)
    (home / ".local/share").mkdir(parents=True)
    (home / ".local/share/kernix").symlink_to(store)
    write_files(page, shell.work)
    return shell
