"""Apply the commits of a patch to a tree.

A commit is applied as `git apply` does: all of its changes refer to the tree before it, so files may
swap names; only a second change of the same file continues the first. Before that, kernix checks
whether the tree already has the commit, that is, whether it fits better reverted than forward. Otherwise,
where context repeats, as in tables, the same lines would be inserted twice.
"""

from __future__ import annotations

import itertools

from typing import TYPE_CHECKING

import attrs

from derivations.patching.binary import Damaged, apply_delta, blob_digest
from derivations.patching.change import EXECUTABLE, LINK
from derivations.patching.errors import AlreadyApplied, DoesNotApply, Malformed
from derivations.patching.fit import Fuzzy, HunkMisfit, fit, fitting
from derivations.patching.messages import lines_of
from derivations.patching.tree import TreeEntry, parents


if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from derivations.patching.change import Commit, FileChange
    from derivations.patching.tree import PatchedTree


@attrs.frozen(kw_only=True)
class Rules:
    """How to apply a patch.

    Attributes:
        name: Its name.
        strip: How many leading directories to strip from the names in it.
        max_fuzz: How many lines of context may be ignored at either end of a hunk.
        drop_applied: Whether to skip commits that the tree already has, instead of failing.
    """

    name: str
    strip: int = 1
    max_fuzz: int = 2
    drop_applied: bool = False


@attrs.define
class _Attempt:
    """The result of one commit on a tree.

    Attributes:
        state: The tree before.
        leaving: The paths that the commit removes or renames.
        made: The new entries, by path.
        gone: The paths that become free, unless something new is made there.
        displacement: By how many lines hunks were off.
        fuzzy: The hunks that fit only with fuzz, with their paths.
        problems: What does not fit.
        misfits: The hunks that do not fit, with their paths.
    """

    state: PatchedTree
    leaving: frozenset[str]
    made: dict[str, TreeEntry] = attrs.field(factory=dict)
    gone: set[str] = attrs.field(factory=set)
    displacement: int = 0
    fuzzy: list[tuple[str, Fuzzy]] = attrs.field(factory=list)
    problems: list[str] = attrs.field(factory=list)
    misfits: list[tuple[str, HunkMisfit]] = attrs.field(factory=list)

    @property
    def result(self) -> PatchedTree:
        """Return the tree after."""
        return self.state.having({**dict.fromkeys(self.gone), **self.made})

    def take(self, change: FileChange, fuzz: int) -> None:
        """Apply *change*."""
        if change.may_create and self._here(change.old) is None:
            change = attrs.evolve(change, verb="create")
        old = TreeEntry(b"") if change.verb == "create" else self._source(change)
        if old is None or not self._has_room(change):
            return
        data = self._changed(change, old, fuzz)
        if data is None:
            return
        if change.verb == "delete":
            self._delete(change, data)
            return
        if change.verb == "rename":
            self.gone.add(change.old)
        self.made[change.new] = _with_mode(change, old, data)

    def _source(self, change: FileChange) -> TreeEntry | None:
        """Return the entry that *change* changes."""
        renames = change.verb in {"rename", "copy"}
        entry = self.state.entry(change.old) if renames else self._here(change.old)
        if entry is None:
            above = self.state.above(change.old)
            kind = "a symbolic link" if above and (it := self.state.entry(above)) and it.link else "a file"
            reason = f"{above} is {kind}" if above is not None else "not in the tree"
            self._refuse(change, f"{change.old}: {reason}")
        elif change.old_mode is not None and entry.link != _is_link(change.old_mode):
            self._refuse(change, f"{change.old}: {'a' if entry.link else 'not a'} symbolic link")
            return None
        elif not change.hunks and change.binary is None and _has_mode_already(change, entry):
            self._refuse(change, f"{change.old}: has that mode already")
            return None
        return entry

    def _here(self, path: str) -> TreeEntry | None:
        return self.made.get(path) or (None if path in self.gone else self.state.entry(path))

    def _has_room(self, change: FileChange) -> bool:
        """Return whether *change* can create its entry at its path."""
        path = change.new
        if change.verb in {"modify", "delete"} or path in self.gone:
            return True
        above = self.state.above(path)
        taken = path in self.made or (path not in self.leaving and self.state.entry(path) is not None)
        if taken:
            self._refuse(change, f"{path}: already in the tree")
        elif above is not None and above not in self.leaving:
            self._refuse(change, f"{path}: {above} is not a directory")
        elif self.state.is_directory(path) and not self._is_left(path):
            self._refuse(change, f"{path}: a directory")
        else:
            return True
        return False

    def _is_left(self, directory: str) -> bool:
        """Return whether the commit may empty *directory*, which is certain only after all of its changes."""
        return any(path.startswith(f"{directory}/") for path in self.leaving)

    def _changed(self, change: FileChange, old: TreeEntry, fuzz: int) -> bytes | None:
        """Return the new content of the file."""
        if change.binary is not None:
            binary = change.binary[0]
            if change.verb != "create" and blob_digest(old.data, len(change.blobs[0])) != change.blobs[0]:
                self._refuse(change, f"{change.path}: not the binary file that the patch is for")
                return None
            try:
                return binary.data if binary.form == "literal" else apply_delta(binary.data, old.data)
            except Damaged as error:
                self._refuse(change, f"{change.path}: {error}")
                return None
        found = fit(lines_of(old.data), change.hunks, fuzz)
        if found.misfits and change.crlf:  # the file may have CR LF, too
            hunks = [hunk.with_line_ends(b"\r\n") for hunk in change.hunks]
            other = fit(lines_of(old.data), hunks, fuzz)
            found = found if other.misfits else other
        self.displacement += found.displacement
        self.fuzzy += [(change.path, it) for it in found.fuzzy]
        for misfit in found.misfits:
            hunk = misfit.hunk
            self.problems.append(
                f"{change.path} hunk {misfit.number} at line {hunk.old} (line {hunk.line} of the patch)"
            )
            self.misfits.append((change.path, misfit))
        return None if found.misfits else b"".join(found.lines)

    def _delete(self, change: FileChange, left: bytes) -> None:
        if left:
            self._refuse(change, f"{change.old}: has more in it than the patch deletes")
            return
        self.made.pop(change.old, None)
        self.gone.add(change.old)

    def _refuse(self, change: FileChange, reason: str) -> None:
        self.problems.append(f"{reason} (line {change.line} of the patch)")


def apply(rules: Rules, commits: Sequence[Commit], state: PatchedTree, remark: Callable[[str], None]) -> PatchedTree:
    """Apply *commits* to *state*, in order; *remark* is called for anything not applied exactly as written.

    Raises:
        Malformed: the names in one of them seem to need another `strip`.
        DoesNotApply: one of them does not fit the tree.
        AlreadyApplied: the tree already has one of them, and the rules do not drop such commits.
    """
    at = 0
    while at < len(commits):
        commit = commits[at]
        for text in commit.remarks:
            remark(f"patch {rules.name!r}: {text}")
        _check_strip(rules, commit, state)
        present = _present(commits, at, state)
        if present:
            for known in commits[at : at + present]:
                if not rules.drop_applied:
                    raise AlreadyApplied(rules.name, known.title)
                shown = f": {known.title}" if known.title else ""
                remark(f"patch {rules.name!r} is already in the tree, and left out{shown}")
            at += present
            continue
        after = _applied(rules, commit, state, remark)
        state = attrs.evolve(after, applied=after.applied | {commit.identity})
        at += 1
    return state


def _check_strip(rules: Rules, commit: Commit, state: PatchedTree) -> None:
    """Check that *commit* does not create files at wrong paths because its names have no directory to strip."""
    for change in commit.changes:
        if rules.strip == 0 or not change.raw or change.prefixed or state.entry(change.path) is not None:
            continue
        if _depth(change.raw, state) > _depth(change.path, state):
            top = change.raw.partition("/")[0]
            reason = f"{change.raw} would be {change.path} in the tree, which has a directory {top} itself"
            raise Malformed(
                rules.name, change.line, reason, "made with `-p0` or `--no-prefix`? give `Patch(…, strip=0)`"
            )


def _depth(path: str, state: PatchedTree) -> int:
    """Return how many of the directories above *path* exist in the tree."""
    return sum(1 for _ in itertools.takewhile(state.is_directory, parents(path)))


def _applied(rules: Rules, commit: Commit, state: PatchedTree, remark: Callable[[str], None]) -> PatchedTree:
    """Return *state* after *commit*, with fuzz if necessary."""
    exact = _attempt(commit, state)
    attempt = _attempt(commit, state, rules.max_fuzz) if exact.problems and rules.max_fuzz else exact
    if attempt.problems:
        advice = _half_there(commit, exact) or _other_strip(rules, commit, state) or _advice(rules, exact, attempt)
        raise DoesNotApply(rules.name, commit.title, tuple(exact.problems), advice)
    for path, it in attempt.fuzzy:
        lines = f"{it.fuzz} line{'' if it.fuzz == 1 else 's'} of its context left out"
        remark(
            f"patch {rules.name!r}: {path} hunk {it.number} was applied at line {it.line} with fuzz {it.fuzz}: {lines}"
        )
    return attempt.result


def _present(commits: Sequence[Commit], at: int, state: PatchedTree) -> int:
    """Return how many of *commits*, from *at* on, the tree already has.

    The first one alone is in the tree if it can be reverted and fits better that way than forward, or as well and it was
    applied before: then all lines around it are equal. If a later one changed its lines again, it can only be reverted after that one: then the tree has all up to there.
    """
    forward, back = _attempt(commits[at], state), _taken_back(commits[at : at + 1], state)
    if back is not None:
        again = commits[at].identity in state.applied and back == forward.displacement
        return int(bool(forward.problems) or back < forward.displacement or again)
    if not forward.problems:
        return 0
    ends = range(at + 2, min(len(commits), at + _FAR) + 1)
    return next((end - at for end in ends if _taken_back(commits[at:end], state) is not None), 0)


_FAR = 32
"""How many commits to try for one after which an earlier one can be reverted: each try takes back all in between."""


def _taken_back(commits: Sequence[Commit], state: PatchedTree) -> int | None:
    """Return by how many lines hunks are off when *commits* are reverted, last first; None if one cannot be."""
    displacement = 0
    for commit in reversed(commits):
        if (reverse := commit.reversed()) is None:
            return None
        attempt = _attempt(reverse, state)
        if attempt.problems:
            return None
        displacement += attempt.displacement
        state = attempt.result
    return displacement


def _attempt(commit: Commit, state: PatchedTree, fuzz: int = 0) -> _Attempt:
    leaving = frozenset(it.old for it in commit.changes if it.verb in {"rename", "delete"})
    attempt = _Attempt(state, leaving)
    for change in commit.changes:
        attempt.take(change, fuzz)
    return attempt


def _with_mode(change: FileChange, old: TreeEntry, data: bytes) -> TreeEntry:
    """Return the new file or link with its mode."""
    if change.new_mode is None or (change.new_mode == change.old_mode and change.verb != "create"):
        return attrs.evolve(old, data=data)
    return TreeEntry(data, bool(change.new_mode & EXECUTABLE), _is_link(change.new_mode))


def _is_link(mode: int) -> bool:
    return mode & 0o170000 == LINK


def _has_mode_already(change: FileChange, entry: TreeEntry) -> bool:
    if change.verb != "modify" or change.new_mode is None or change.new_mode == change.old_mode:
        return False
    return entry.executable == bool(change.new_mode & EXECUTABLE)


def _advice(rules: Rules, exact: _Attempt, loose: _Attempt) -> str | None:
    """Return the likely reason why a commit does not apply."""
    if any(not misfit.hunk.leading and not misfit.hunk.trailing for _, misfit in exact.misfits):
        return "a hunk without context may be for any place: make the patch with three lines of it, as `git diff` does"
    if rules.max_fuzz == 0 and not loose.misfits:
        return None
    for path, misfit in exact.misfits:
        if misfit.differs == "ends":
            return f"the lines of {path} differ from the patch's only in how they end (CR LF or LF)"
        if misfit.differs == "blanks":
            return f"the lines of {path} differ from the patch's only in blanks: a mailer or an editor has changed tabs or spaces"
    for path, misfit in exact.misfits:
        if misfit.expected is not None:
            found = "the file ends before" if misfit.found is None else f"there is {_shown(misfit.found)}"
            return f"{path}, line {misfit.line}: the patch wants {_shown(misfit.expected)}; {found}"
    return None


def _half_there(commit: Commit, exact: _Attempt) -> str | None:
    """Return advice if some hunks of *commit* do not fit because the tree already has them."""
    there = []
    for path, group in itertools.groupby(exact.misfits, key=lambda it: it[0]):
        there += [(path, misfit) for misfit in _in_the_tree(path, [misfit for _, misfit in group], exact.state)]
    if not there:
        return None
    path, first = there[0]
    count = sum(len(change.hunks) for change in commit.changes)
    which = f"{path} hunk {first.number}" + (f" and {len(there) - 1} more" if len(there) > 1 else "")
    return f"the tree has {len(there)} of its {count} hunks already ({which}): take a newer one, or create it again without them"


def _in_the_tree(path: str, misfits: Sequence[HunkMisfit], state: PatchedTree) -> list[HunkMisfit]:
    """Return those of *misfits* in the file at *path* whose hunks the tree has already."""
    if (entry := state.entry(path)) is None:
        return []
    clear = [it for it in misfits if it.hunk.leading + it.hunk.trailing > 0 and it.hunk.before != it.hunk.after]
    found = fitting(lines_of(entry.data), [it.hunk.reversed() for it in clear])
    return [it for it, is_there in zip(clear, found, strict=True) if is_there]


def _other_strip(rules: Rules, commit: Commit, state: PatchedTree) -> str | None:
    """Return advice if another `strip` would find all files that *commit* changes, and the present one finds none."""
    changed = [it for it in commit.changes if it.raw and it.verb in {"modify", "delete"}]
    if not changed or any(state.entry(it.old) is not None for it in changed):
        return None
    for strip in range(_MOST_STRIPPED):
        paths = ["/".join(it.raw.split("/")[strip:]) for it in changed]
        if strip != rules.strip and all(path and state.entry(path) is not None for path in paths):
            return f"with `Patch(…, strip={strip})` it would be for {paths[0]}, which the tree has"
    return None


_MOST_STRIPPED = 6  # -p0 to -p5: few paths have more directories that are not the tree's


def _shown(line: bytes) -> str:
    if not line.strip():
        return "an empty line"
    text = "".join(it if it.isprintable() else " " for it in line.decode(errors="replace")).strip()
    return f"`{text if len(text) <= 60 else f'{text[:59]}…'}`"  # noqa: PLR2004 -- a line's worth
