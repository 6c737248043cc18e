"""builtin:fetch-git: the tree of one commit, without its history.

Environment: `url`, `rev`. Git fetches only the commit if the server allows that, and otherwise all branches and
tags. Its objects are named by their hashes, so the commit's name determines the tree.

The user's and the machine's configuration do not apply, nor do the attributes in the tree: files come out as
they are in the repository, without filters, converted line endings or replaced keywords.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
import select
import selectors
import signal
import subprocess
import tempfile
import time

from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from derivations.fetch import without_credentials
from derivations.realise.archives.extract import extract
from derivations.realise.job import Cancelled
from derivations.realise.network.download import Offline
from derivations.realise.network.retry import Backoff
from derivations.realise.supervised import guarded
from derivations.realise.unpack_budget import allowed_size
from store.errors import Error


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from derivations.realise.job import Job
    from store.trees.content import Content


# Variables of the user's shell that would redirect git (`git rev-parse --local-env-vars`).
_UNSET = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_ASKPASS", "GIT_ATTR_SOURCE", "GIT_COMMON_DIR", "GIT_CONFIG",
    "GIT_CONFIG_COUNT", "GIT_CONFIG_PARAMETERS", "GIT_DIR", "GIT_INDEX_FILE", "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY", "GIT_PROXY_COMMAND", "GIT_REPLACE_REF_BASE", "GIT_SHALLOW_FILE",
    "GIT_SSL_NO_VERIFY", "GIT_TEMPLATE_DIR", "GIT_TRACE", "GIT_WORK_TREE", "SSH_ASKPASS",
)  # fmt: skip
_SET = (
    "GIT_CONFIG_NOSYSTEM=1",
    "GIT_CONFIG_GLOBAL=/dev/null",
    "GIT_ATTR_NOSYSTEM=1",
    "GIT_NO_REPLACE_OBJECTS=1",
    "GIT_TERMINAL_PROMPT=0",
    "GIT_SSH_COMMAND=ssh -oBatchMode=yes",
    "LC_ALL=C",
)
_OPTIONS = (
    "-c", "core.hooksPath=/dev/null",
    "-c", "gc.auto=0",
    "-c", "fetch.unpackLimit=1",  # git reports bytes only for what it keeps as a pack
    "-c", "maintenance.auto=false",
    "-c", "protocol.allow=never",
    *(word for name in ("file", "git", "http", "https", "ssh") for word in ("-c", f"protocol.{name}.allow=always")),
    "-c", "tar.umask=0022",
)  # fmt: skip
_ATTRIBUTES = "* -text !eol -ident -filter -working-tree-encoding -export-ignore -export-subst\n"

_REFUSED = re.compile(r"unadvertised object|not our ref|shallow capabilities|no such remote ref|find remote ref")
_TRANSIENT = re.compile(
    r"Could not resolve host|Connection (?:refused|reset|timed out)|Operation timed out|early EOF|hung up|"
    r"unexpected disconnect|returned error: (?:408|429|5\d\d)|RPC failed|Network is unreachable",
    re.IGNORECASE,
)
_RECEIVED = re.compile(rb"Receiving objects:.*?, ([0-9]{1,9}(?:\.[0-9]{1,9})?) ([KMG])iB")
_UNITS = {b"K": 1 << 10, b"M": 1 << 20, b"G": 1 << 30}
_DEPTHS = (64, 1024, (1 << 31) - 1)
"""How many commits of a history to fetch, step by step, until they include the base.

Most series are short; the last number stands for all commits (INFINITE_DEPTH of git).
"""

_TICK = 0.2  # seconds between two checks for cancellation
_SHA256_DIGITS = 64


class NoGit(Error):
    """Git is not installed."""

    name: str

    def __str__(self) -> str:
        return f"cannot fetch {self.name}: git is not installed"

    @property
    def hint(self) -> str:
        """Return how to install it."""
        return "install it, on Debian with `apt-get install git`"


class GitFailed(Error):
    """Git failed."""

    name: str
    url: str
    message: str

    def __str__(self) -> str:
        return f"cannot fetch {self.name} from {self.url}: {self.message}"


class NoSuchCommit(Error):
    """A repository lacks a commit."""

    url: str
    rev: str

    def __str__(self) -> str:
        return f"{self.url} has no commit {self.rev}"

    @property
    def hint(self) -> str:
        """Return how a commit gets lost."""
        return "rewriting a branch drops its old commits; a tag on the commit keeps it"


@attrs.frozen
class GitExited(Exception):
    """Git exited with an error; *message* is its output."""

    message: str


def fetch_git(job: Job) -> Content:
    """Fetch the commit of *job*.

    Raises:
        NoGit: git is not installed.
        Offline: the repository is elsewhere and nothing may be fetched.
        NoSuchCommit: the repository does not have it.
        GitFailed: the repository cannot be reached or read.
        TooLarge: the tree is larger than it may be.
    """
    url, rev = job.derivation.env["url"], job.derivation.env["rev"]
    if job.settings.offline and not url.startswith("file:"):
        raise Offline(name=job.derivation.name, urls=(without_credentials(url),))
    with tempfile.TemporaryDirectory(dir=job.out, prefix="repository-") as directory:
        git = Git(job, Path(directory))
        git.initialise()
        git.fetch()
        with git.archive() as archive:
            # The links in a committed tree may lead anywhere.
            limit = allowed_size(git.size, job.derivation.hints.max_size)
            return extract(job, archive, archive=f"{job.derivation.name} ({rev})", links_may_leave=True, limit=limit)


@attrs.frozen
class Git:
    """Git, in one empty repository."""

    job: Job
    directory: Path

    @property
    def url(self) -> str:
        """Return the repository's URL."""
        return self.job.derivation.env["url"]

    @property
    def rev(self) -> str:
        """Return the commit."""
        return self.job.derivation.env["rev"]

    @property
    def size(self) -> int:
        """Return how many bytes git has received."""
        return sum(file.lstat().st_size for file in self.directory.rglob("*"))

    def initialise(self) -> None:
        """Create the repository.

        Raises:
            NoGit: git is not installed.
        """
        form = ["--object-format=sha256"] if len(self.rev) == _SHA256_DIGITS else []
        try:
            self.run("init", "--quiet", "--bare", "--template=", *form)
        except GitExited as error:
            raise self.failed(error) from None
        information = self.directory / "info"
        information.mkdir(exist_ok=True)
        (information / "attributes").write_text(_ATTRIBUTES)

    def fetch(self) -> None:
        """Fetch the commit.

        Raises:
            NoSuchCommit: the repository does not have it.
            GitFailed: the repository cannot be reached or read.
        """
        try:
            self._fetch("--depth=1", "--no-tags", "--", self.url, self.rev)
        except GitExited as error:
            if not _REFUSED.search(error.message):
                raise self.failed(error) from None
            self._fetch_all()
        try:
            self.run("cat-file", "-e", f"{self.rev}^{{commit}}")
        except GitExited:
            raise NoSuchCommit(without_credentials(self.url), self.rev) from None

    def _fetch_all(self) -> None:
        try:
            self._fetch("--no-tags", "--", self.url, "+refs/*:refs/fetched/*")
        except GitExited as error:
            raise self.failed(error) from None

    def _fetch(self, *arguments: str) -> None:
        backoff = Backoff(base=1)
        for failures in range(1, self.job.settings.retries + 2):
            try:
                return self.run("fetch", "--progress", "--no-write-fetch-head", *arguments)
            except GitExited as error:
                if failures > self.job.settings.retries or not _TRANSIENT.search(error.message):
                    raise
            end = time.monotonic() + backoff.delay(failures)
            while time.monotonic() < end:
                self._check_cancelled()
                time.sleep(_TICK)
        return None

    def fetch_since(self, base: str) -> None:
        """Fetch the commit and its history back to *base*, and little more of a long history.

        Raises:
            NoSuchCommit: the repository lacks one of the two, or *base* is not an ancestor of the commit.
            GitFailed: the repository cannot be reached or read.
        """
        for depth in _DEPTHS:
            try:
                self._fetch(f"--depth={depth}", "--no-tags", "--", self.url, self.rev)
            except GitExited as error:
                if not _REFUSED.search(error.message):
                    raise self.failed(error) from None
                self._fetch_all()
            if self._is_ancestor(base):
                return
        raise NoSuchCommit(without_credentials(self.url), f"{base} that is an ancestor of {self.rev}")

    def _is_ancestor(self, base: str) -> bool:
        try:
            self.run("merge-base", "--is-ancestor", base, self.rev)
        except GitExited:
            return False
        return True

    def run_for_output(self, *arguments: str) -> bytes:
        """Return git's output.

        Raises:
            GitFailed: it failed.
        """
        with _started(self._command(*arguments), stdout=subprocess.PIPE) as process:
            assert process.stdout is not None  # noqa: S101 -- a pipe, as requested above
            data = b"".join(iter(lambda: os.read(process.stdout.fileno(), 1 << 16), b""))  # type: ignore[union-attr]
            if process.wait():
                raise self.failed(GitExited(f"fatal: git {arguments[0]} failed"))
            return data

    @contextlib.contextmanager
    def archive(self) -> Iterator[_Output]:
        """Give the body the commit's tree as a tar archive.

        Raises:
            GitFailed: git cannot read what it has fetched.
        """
        command = self._command("archive", "--format=tar", self.rev)
        with _started(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None  # noqa: S101 -- a pipe, as requested above
            yield _Output(process, process.stdout.fileno(), self._check_cancelled)

    def run(self, *arguments: str) -> None:
        """Run git to completion, reporting what it has received.

        Raises:
            GitExited: it failed.
        """
        output = bytearray()
        try:
            running = _started(self._command(*arguments), stdout=subprocess.DEVNULL)
            with running as process, selectors.DefaultSelector() as selector:
                assert process.stderr is not None  # noqa: S101 -- every command has this pipe
                selector.register(process.stderr, selectors.EVENT_READ)
                while True:
                    self._check_cancelled()
                    if not selector.select(_TICK):
                        continue
                    chunk = os.read(process.stderr.fileno(), 1 << 16)
                    if not chunk:
                        break
                    output += chunk
                    self._report(chunk)
                code = process.wait()
        except FileNotFoundError:
            raise NoGit(self.job.derivation.name) from None
        if code == _NOT_FOUND:
            raise NoGit(self.job.derivation.name)
        if code:
            raise GitExited(output.decode(errors="replace"))

    def _report(self, chunk: bytes) -> None:
        if found := _RECEIVED.findall(chunk):
            number, unit = found[-1]
            received = int(float(number) * _UNITS[unit])
            self.job.progress(received, None)
            if received > (most := self.job.settings.max_download_size):
                reason = f"it has more than {most} bytes (max_download_size)"
                raise GitFailed(self.job.derivation.name, without_credentials(self.url), reason)

    def _command(self, *arguments: str) -> list[str]:
        # env(1) passes the rest of the environment on, such as the user's proxies and keys.
        unset = [word for name in _UNSET for word in ("-u", name)]
        stalled = f"http.lowSpeedTime={math.ceil(self.job.settings.read_timeout)}"
        # Less than one byte a second is silence; a server that is preparing a pack may send little more.
        options = [*_OPTIONS, "-c", "http.lowSpeedLimit=1", "-c", stalled]
        return ["env", *unset, *_SET, "git", "--git-dir", str(self.directory), *options, *arguments]

    def _check_cancelled(self) -> None:
        if self.job.cancelled():
            raise Cancelled(self.job.derivation.name)

    def failed(self, error: GitExited) -> GitFailed:
        """Return the error for git's messages."""
        shown = without_credentials(self.url)
        lines = re.split(r"[\r\n]+", error.message.replace(self.url, shown))
        messages = [line for line in lines if line.startswith(("fatal:", "error:", "remote:", "ssh:"))]
        text = "; ".join(line.partition(": ")[2].strip() for line in messages[-3:]) or "git gave no reason"
        return GitFailed(self.job.derivation.name, shown, text)


_NOT_FOUND = 127
"""The exit code of env(1) if there is no such program."""


@attrs.frozen
class _Output:
    """The output of a process, as the source of an archive; raises at its end if the process failed."""

    process: subprocess.Popen[bytes]
    descriptor: int
    check: Callable[[], None]

    def read(self, size: int, /) -> bytes:
        """Return at most *size* bytes, empty at the end."""
        while not select.select([self.descriptor], [], [], _TICK)[0]:
            self.check()
        data = os.read(self.descriptor, size)
        if not data and self.process.wait():
            message = "git could not read what it has fetched"
            raise EOFError(message)
        return data


@contextlib.contextmanager
def _started(command: list[str], *, stdout: int) -> Iterator[subprocess.Popen[bytes]]:
    """Give the body the running *command*, and kill all of it afterwards."""
    # In its own session, git's helpers are killed with it, and none of them can prompt on the terminal.
    process = subprocess.Popen(
        guarded(command), stdin=subprocess.PIPE, stdout=stdout, stderr=subprocess.PIPE, start_new_session=True
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()
        process.wait()
