"""builtin:fetch-git-patches: the commits between two of a repository, one mail each, as `Patch` takes them.

Environment: `url`, `base`, `rev`. The two hashes determine the commits, and what each commit
changes. Options fix how git writes the changes down: Myers' algorithm, three lines of context, full binary
patches and digests, no renames.
"""

from __future__ import annotations

import tempfile

from pathlib import Path
from typing import TYPE_CHECKING

from derivations.fetch import without_credentials
from derivations.realise.builtins.git import Git, GitFailed
from derivations.realise.job import Cancelled
from derivations.realise.network.download import Offline


if TYPE_CHECKING:
    from derivations.realise.job import Job


_DIFF = (
    "diff-tree", "-p", "--no-commit-id", "--binary", "--full-index", "--no-renames", "--no-ext-diff", "--no-textconv",
    "--no-color", "--diff-algorithm=myers", "--unified=3", "--inter-hunk-context=0", "--src-prefix=a/", "--dst-prefix=b/",
)  # fmt: skip


def fetch_git_patches(job: Job) -> None:
    """Write the commits between the two in *job* to a mailbox.

    Raises:
        NoGit: git is not installed.
        Offline: the repository is elsewhere and nothing may be fetched.
        NoSuchCommit: the repository lacks one of the two, or the first is not an ancestor of the second.
        GitFailed: the repository cannot be reached or read, or there is a merge in between.
    """
    url, base, rev = (job.derivation.env[name] for name in ("url", "base", "rev"))
    if job.settings.offline and not url.startswith("file:"):
        raise Offline(name=job.derivation.name, urls=(without_credentials(url),))
    with tempfile.TemporaryDirectory(dir=job.out, prefix="repository-") as directory:
        git = Git(job, Path(directory))
        git.initialise()
        git.fetch_since(base)
        listed = (
            git.run_for_output("rev-list", "--reverse", "--topo-order", "--parents", f"{base}..{rev}")
            .decode()
            .splitlines()
        )
        if merges := [line.split()[0] for line in listed if len(line.split()) != _WITH_PARENT]:
            reason = f"{merges[0]} is a merge, and only a linear history can become patches"
            raise GitFailed(job.derivation.name, without_credentials(url), reason)
        mails = bytearray()
        for line in listed:
            if job.cancelled():
                raise Cancelled(job.derivation.name)
            commit = line.split()[0]
            subject = git.run_for_output("show", "-s", "--format=%s", "--no-show-signature", commit).strip()
            mails += b"From %s Mon Sep 17 00:00:00 2001\nSubject: %s\n\n" % (
                commit.encode(),
                b" ".join(subject.split()),
            )
            mails += git.run_for_output(*_DIFF, commit)
    (job.out / "out").write_bytes(mails)


_WITH_PARENT = 2  # words: a commit, and its only parent
