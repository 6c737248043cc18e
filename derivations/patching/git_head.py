"""Parse git's extended header, between `diff --git` and the hunks (git-diff, "Generating patch text with -p")."""

from __future__ import annotations

import re

import attrs

from derivations.patching import names
from derivations.patching.change import SUBMODULE, Verb


_MODE = re.compile(rb"[0-7]{6}")
_INDEX = re.compile(rb"([0-9a-f]{4,64})\.\.([0-9a-f]{4,64})(?: ([0-7]{6}))?")
_EMPTY = (
    "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391",
    "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813",
)
"""Git's names of the empty file, by SHA-1 and by SHA-256."""

_MODES: dict[bytes, tuple[str, Verb | None]] = {
    b"old mode ": ("old_mode", None),
    b"new mode ": ("new_mode", None),
    b"deleted file mode ": ("old_mode", "delete"),
    b"new file mode ": ("new_mode", "create"),
}
_SIDES: dict[bytes, tuple[str, Verb]] = {
    b"rename from ": ("source", "rename"),
    b"rename to ": ("target", "rename"),
    b"copy from ": ("source", "copy"),
    b"copy to ": ("target", "copy"),
}
_SIMILAR = b"similarity index "


@attrs.define
class GitHead:
    """The header of one change, read line by line.

    Attributes:
        verb: What happens to the file.
        old_mode: Its mode before.
        new_mode: Its mode after.
        source: The name that it is renamed or copied from.
        target: The name that it is renamed or copied to.
        before: The name after `---`.
        after: The name after `+++`.
        blobs: Git's digests of the old and the new content, perhaps abbreviated.
        same: Whether the content of a renamed or copied file stays the same.
    """

    verb: Verb = "modify"
    old_mode: int | None = None
    new_mode: int | None = None
    source: bytes | None = None
    target: bytes | None = None
    before: bytes | None = None
    after: bytes | None = None
    blobs: tuple[str, str] | None = None
    same: bool = True

    def take(self, line: bytes) -> bool:
        """Read *line*, given without its line ending; return whether it belongs to the header."""
        if line.startswith((b"--- ", b"+++ ")):
            self._side(line)
        elif line.startswith(_SIMILAR):
            self.same = line == _SIMILAR + b"100%"
        elif (index := _INDEX.fullmatch(line.removeprefix(b"index ").strip())) and line.startswith(b"index "):
            self._index(index)
        else:
            return line.startswith(b"dissimilarity index ") or self._mode(line) or self._name(line)
        return True

    @property
    def is_submodule(self) -> bool:
        """Return whether it is about a commit of another repository instead of a file."""
        return SUBMODULE in {self.old_mode, self.new_mode}

    @property
    def lacks_content(self) -> bool:
        """Return whether such a change requires hunks."""
        if self.verb == "create":
            return self.blobs is not None and not any(it.startswith(self.blobs[1]) for it in _EMPTY)
        if self.verb in {"rename", "copy"}:
            return not self.same
        return self.verb == "modify" and self.old_mode == self.new_mode

    def _side(self, line: bytes) -> None:
        name = names.read(line[4:])[0]
        if line.startswith(b"---"):
            self.before = name
            self.verb = "create" if name == names.ABSENT else self.verb
        else:
            self.after = name
            self.verb = "delete" if name == names.ABSENT else self.verb

    def _index(self, match: re.Match[bytes]) -> None:
        self.blobs = match[1].decode(), match[2].decode()
        if match[3] is not None and self.old_mode is self.new_mode is None:
            self.old_mode = self.new_mode = int(match[3], 8)

    def _mode(self, line: bytes) -> bool:
        for word, (side, verb) in _MODES.items():
            if line.startswith(word) and _MODE.fullmatch(mode := line[len(word) :].strip()):
                setattr(self, side, int(mode, 8))
                self.verb = verb or self.verb
                return True
        return False

    def _name(self, line: bytes) -> bool:
        for word, (side, verb) in _SIDES.items():
            if line.startswith(word):
                name = line[len(word) :]
                setattr(self, side, names.unquoted(name[1:-1]) if name.startswith(b'"') else name)
                self.verb = verb
                return True
        return False
