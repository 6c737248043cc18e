"""Tests for derivations.realise.builtins.git."""

from __future__ import annotations

import os
import subprocess

from typing import TYPE_CHECKING

import attrs
import pytest

from derivations.fetch import fetch_git, fetch_git_patches
from derivations.linux.patch import Patch, patched
from derivations.patching.apply import Rules, apply
from derivations.patching.read import commits
from derivations.patching.tree import PatchedTree, TreeEntry
from derivations.realise.builtins.git import GitFailed, NoGit, NoSuchCommit
from derivations.realise.job import Cancelled
from derivations.realise.network.download import Offline
from derivations.realise.unpack_budget import TooLarge
from derivations.source import text_file
from derivations.union import REMOVED
from tests.derivations.patching.trees import Memory
from tests.derivations.realise.builtins.conftest import Runner, listing
from tests.programs import program


if TYPE_CHECKING:
    from pathlib import Path

    from tests.derivations.realise.scripted_server import ScriptedServer


@attrs.frozen
class Repository:
    """A repository that commits the files of its directory."""

    directory: Path

    @property
    def url(self) -> str:
        """Return the URL of the repository."""
        return f"file://{self.directory}"

    def git(self, *arguments: str) -> str:
        """Run git there and return its output."""
        environment = {
            "PATH": os.environ["PATH"],
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            **{f"GIT_{who}_{what}": "x" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
        }
        command = [program("git"), "-C", str(self.directory), *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()

    def commit(self, files: dict[str, str], title: str = "x") -> str:
        """Commit exactly *files* and return the commit's id."""
        self.git("rm", "-rfq", "--ignore-unmatch", ".")
        for name, text in files.items():
            path = self.directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if text.startswith("-> "):
                path.symlink_to(text[3:])
            else:
                path.write_bytes(text.encode())
                path.chmod(0o755 if text.startswith("#!") else 0o644)
        self.git("add", "-A", "-f")
        self.git("commit", "-qm", title, "--allow-empty")
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    it = Repository(tmp_path / "repo")
    it.directory.mkdir()
    it.git("init", "-q", "-b", "main")
    return it


def test_a_commit_is_a_tree(run: Runner, repository: Repository) -> None:
    """The commit's files come without history, with executable bits and links intact."""
    files = {"a": "1", "d/run": "#!", "d/l": "-> ../a", "out": "-> /etc/x"}
    rev = repository.commit(files)
    repository.commit({"a": "2"})
    out = run(fetch_git(repository.url, rev))
    assert files == listing(out)
    assert (out / "d/run").stat().st_mode & 0o100


def test_a_commit_that_becomes_too_large(run: Runner, repository: Repository) -> None:
    """A tree that is far larger than what git receives for it is refused, unless that is wanted."""
    rev = repository.commit({"zeros": "0" * 1_000_000})
    with pytest.raises(TooLarge) as caught:
        run(fetch_git(repository.url, rev, max_size=100_000))
    assert caught.value.allowed == 100_000
    assert listing(run(fetch_git(repository.url, rev))) == {"zeros": "0" * 1_000_000}


def test_a_range_of_commits(run: Runner, repository: Repository) -> None:
    """The commits in a range come as mails in order, and applying them gives the tree of the last one."""
    first = {"a": "1\n", "d/b": "2\n", "bin": "\0old"}
    last = {"a": "one\n", "c": "#!/bin/sh\n", "bin": "\0new"}
    base = repository.commit(first)
    repository.commit({**first, "a": "one\n"})
    rev = repository.commit(last)
    out = run(fetch_git_patches(repository.url, base, rev))
    found = commits(out.read_bytes(), "range")
    assert [it.title for it in found] == ["x", "x"]
    tree = Memory({path: TreeEntry(text.encode()) for path, text in first.items()})
    made = apply(Rules(name="range"), found, PatchedTree(tree), print)
    assert {path: it.data.decode() for path in ("a", "d/b", "c", "bin") if (it := made.entry(path))} == last
    assert out.read_bytes() == run(fetch_git_patches(repository.url, base, rev)).read_bytes()


@pytest.mark.parametrize(("taken", "left_out"), [(0, []), (1, ["first"]), (3, ["first", "second", "third"])])
def test_a_range_of_which_the_tree_has_a_part(
    run: Runner, repository: Repository, taken: int, left_out: list[str]
) -> None:
    """Of a list with a range of commits, those that the tree has are left out by name, and the rest is applied."""
    text = "".join(f"{number}\n" for number in range(20))
    states = [{"a": text, "b": text}]
    states.append({**states[0], "a": text.replace("3\n", "three\n", 1)})
    states.append({"a": states[1]["a"], "c": text})
    states.append({**states[2], "a": text.replace("3\n", "III\n", 1), "c": text.replace("9\n", "nine\n", 1)})
    ids = [repository.commit(it, title) for it, title in zip(states, ("base", "first", "second", "third"), strict=True)]
    mails = fetch_git_patches(repository.url, ids[0], ids[-1])
    own = text_file("own.patch", "--- a/a\n+++ b/a\n@@ -14,5 +14,5 @@\n 13\n 14\n-15\n+own\n 16\n 17\n")
    tree = run.tree("tree", states[taken])

    joined = patched(text_file("tree", "").out, (Patch("mine", [mails, own], drop_applied=True),)).derivation
    changes = joined.mounts["/0001"].derivation
    first, second = sorted(changes.mounts.keys() - {"/src"})
    out = run(changes, {"/src": tree, first: run(mails), second: run(own)})
    made = run(joined, {"/0000": tree, "/0001": out, REMOVED: out.parent / "removed"})

    assert listing(made) == {**states[-1], "a": states[-1]["a"].replace("15\n", "own\n")}
    assert run.warnings == [f"patch 'mine' is already in the tree, and left out: {it}" for it in left_out]


def test_a_range_that_is_none(run: Runner, repository: Repository) -> None:
    """Two commits that are not one after the other, and a merge between two, are errors."""
    base = repository.commit({"a": "1"})
    rev = repository.commit({"a": "2"})
    with pytest.raises(NoSuchCommit):
        run(fetch_git_patches(repository.url, rev, base))
    repository.git("checkout", "-q", "-b", "side", base)
    repository.commit({"a": "1", "b": "1"})
    repository.git("merge", "-q", "main")
    with pytest.raises(GitFailed, match="is a merge"):
        run(fetch_git_patches(repository.url, base, repository.git("rev-parse", "HEAD")))
    assert rev


def test_files_come_as_they_are_in_the_repository(run: Runner, repository: Repository) -> None:
    """No line ending conversion, keyword, filter or export rule of the tree is applied."""
    files = {
        ".gitattributes": "* text=auto eol=crlf ident filter=upper export-subst\nignored export-ignore\n",
        "a": "line\n$Id$ $Format:%H$\n",
        "ignored": "here",
    }
    rev = repository.commit(files)
    assert files == listing(run(fetch_git(repository.url, rev)))


def test_the_users_configuration_does_not_count(
    run: Runner, repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the user's configuration nor a repository in the environment has any effect."""
    rev = repository.commit({"a": "1"})
    home = tmp_path / "home-of-the-user"
    home.mkdir()
    (home / ".gitconfig").write_text('[url "file:///no/such/"]\n\tinsteadOf = file:///\n[core]\n\tautocrlf = true\n')
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_DIR", "/no/such")
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "protocol.file.allow")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "never")
    assert listing(run(fetch_git(repository.url, rev))) == {"a": "1"}


@pytest.mark.parametrize("allowed", ["false", "true"])
def test_a_commit_that_no_branch_ends_in_is_found(run: Runner, repository: Repository, allowed: str) -> None:
    """A commit in the middle of the history is found, whether or not the server allows fetching any commit."""
    rev = repository.commit({"a": "1"})
    repository.commit({"a": "2"})
    repository.git("config", "uploadpack.allowAnySHA1InWant", allowed)
    repository.git("config", "protocol.version", "0")
    assert listing(run(fetch_git(repository.url, rev))) == {"a": "1"}


def test_a_tag_is_enough(run: Runner, repository: Repository) -> None:
    """A commit that only a tag keeps is found."""
    rev = repository.commit({"a": "1"})
    repository.git("tag", "v1")
    repository.git("checkout", "-q", "--orphan", "other")
    repository.commit({"a": "2"})
    repository.git("branch", "-D", "main")
    assert listing(run(fetch_git(repository.url, rev))) == {"a": "1"}


def test_a_missing_commit_is_named(run: Runner, repository: Repository) -> None:
    """A missing commit is named, with its repository."""
    repository.commit({"a": "1"})
    rev = "0123456789" * 4
    with pytest.raises(NoSuchCommit) as caught:
        run(fetch_git(repository.url, rev))
    assert f"{repository.url} has no commit {rev}" == str(caught.value)


def test_a_tree_is_not_a_commit(run: Runner, repository: Repository) -> None:
    """The hash of a tree is not accepted as a commit."""
    repository.commit({"a": "1"})
    with pytest.raises(NoSuchCommit):
        run(fetch_git(repository.url, repository.git("rev-parse", "HEAD^{tree}")))


def test_a_missing_repository_is_reported(run: Runner, tmp_path: Path) -> None:
    """Git's error about a missing repository is reported."""
    with pytest.raises(GitFailed) as caught:
        run(fetch_git(f"file://{tmp_path}/no", "0" * 40))
    assert f"cannot fetch no-000000000000 from file://{tmp_path}/no: " in str(caught.value)
    assert "does not appear to be a git repository" in caught.value.message


def test_a_closed_port_is_reported(run: Runner) -> None:
    """An unreachable server is reported, after the retries in the settings."""
    run.settings = attrs.evolve(run.settings, retries=0)
    with pytest.raises(GitFailed, match="unable to access"):
        run(fetch_git("http://127.0.0.1:9/x.git", "0" * 40))


def test_a_dumb_server_is_enough(run: Runner, repository: Repository, server: ScriptedServer, tmp_path: Path) -> None:
    """A repository on a plain web server, which allows no partial fetch, is fetched completely."""
    rev = repository.commit({"a": "1"})
    bare = tmp_path / "bare.git"
    repository.git("clone", "-q", "--bare", str(repository.directory), str(bare))
    Repository(bare).git("update-server-info")
    files = {f"/bare.git/{path.relative_to(bare)}": path.read_bytes() for path in bare.rglob("*") if path.is_file()}
    server.files |= files
    assert listing(run(fetch_git(server.url("/bare.git"), rev))) == {"a": "1"}


def test_offline_names_the_repository(run: Runner) -> None:
    """Offline, a remote repository is not contacted."""
    run.settings = attrs.evolve(run.settings, offline=True)
    with pytest.raises(Offline) as caught:
        run(fetch_git("https://example.org/x.git", "0" * 40))
    assert caught.value.hint == "it would come from https://example.org/x.git"


def test_without_git_the_error_says_so(run: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without git, the error says how to install it."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/env").symlink_to("/usr/bin/env")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(NoGit) as caught:
        run(fetch_git("https://example.org/x.git", "0" * 40))
    assert (
        str(caught.value),
        caught.value.hint,
    ) == ("cannot fetch x-000000000000: git is not installed", "install it, on Debian with `apt-get install git`")


def test_fetching_can_be_interrupted(run: Runner, repository: Repository) -> None:
    """An interrupt ends the fetch, and no repository stays behind."""
    rev = repository.commit({"a": "1"})
    run.cancelled = True
    with pytest.raises(Cancelled):
        run(fetch_git(repository.url, rev))
    assert list(run.directory.rglob("repository-*")) == []


def test_an_endless_repository(run: Runner, repository: Repository) -> None:
    """A repository that sends more than the limit is given up."""
    (repository.directory / "large").write_bytes(os.urandom(1 << 22))
    repository.git("add", "large")
    repository.git("commit", "-qm", "x")
    small = attrs.evolve(run, settings=attrs.evolve(run.settings, max_download_size=1 << 20))
    with pytest.raises(GitFailed, match="max_download_size"):
        small(fetch_git(repository.url, repository.git("rev-parse", "HEAD")))
