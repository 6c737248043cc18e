"""Write what was changed in a workplace as a patch: who writes it, what belongs in it, where it goes."""

from __future__ import annotations

import email.utils
import posixpath
import re
import time

from pathlib import Path
from typing import TYPE_CHECKING

from derivations.patching.write import Letter, mail
from derivations.realise.develop.source import WorkSource
from derivations.realise.develop.workplace import NotAWorkplace, Workplace
from derivations.realise.kept.source import source_of
from derivations.realise.layered import Realised
from kernix.cli import version
from kernix.output.messages import print_message, show_file, warn
from store.errors import UsageError
from store.path import StorePath


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from derivations.realise.develop.workplace import Changes, State
    from kernix.session import Session
    from store.trees.manifest import Manifest


_NOT_ADDED = re.compile(
    r".*(?:~|\.orig|\.rej|\.o|\.ko|\.a|\.cmd|\.mod|\.mod\.c|\.order|\.patch|\.pyc)$|(?:tags|TAGS|cscope\..*|compile_commands\.json)$"
    r"|\.(?!gitignore$|gitattributes$|mailmap$|clang-format$|editorconfig$|rustfmt\.toml$|cocciconfig$|kunitconfig$)"
)
"""New files with such names are no part of a patch: the kernel's .gitignore has them."""


def write_patch(
    session: Session,
    attribute: str | None,
    into: Path | None,
    *,
    output: Path | None,
    message: str | None,
    author: str | None,
) -> None:
    """Write the changes in the workplace *into*, or that of *attribute* here, to *output* or standard output.

    Raises:
        UsageError: there is no such workplace, it has no changes, or the author is not known.
    """
    workplace, state = _found(attribute, into)
    who = author or identity(session.environment)
    path = StorePath.parse(state.source)
    session.store.hold_all([path])
    base = source_of(session.store, Realised(path, session.store.info(path).digest))
    source = WorkSource(base, workplace.source, state.copied)
    changes, left_out = take_out(source.changes(), base.manifest)
    if left_out:
        warn(f"left out, as git would: {', '.join(left_out[:5])}{' …' * (len(left_out) > 5)}")  # noqa: PLR2004 -- enough to see
    if not changes:
        msg = f"nothing was changed in {workplace.place}"
        raise UsageError(msg)
    data = mail(letter(who, message, list(changes), time.time()), source.nodes(changes))
    if output is None:
        show_file(data)
    else:
        output.write_bytes(data)
        print_message(f"wrote {output}: {len(changes)} file{'s' * (len(changes) != 1)} changed")


def _found(attribute: str | None, into: Path | None) -> tuple[Workplace, State]:
    """Return the workplace *into*, or else the only one here, or the only one here of *attribute*."""
    places = [Path()] if into is None else [into]
    if into is None:
        places += sorted(it for it in Path().glob("*-develop") if it.is_dir())
    found = []
    for place in places:
        workplace = Workplace(place.absolute())
        try:
            state = workplace.state()
        except NotAWorkplace:
            if into is not None:
                raise
            continue
        if state is not None and attribute in {None, state.attribute}:
            found.append((workplace, state))
    if len(found) != 1:
        of = f" of {attribute}" if attribute else ""
        where = "here" if into is None else f"in {into}"
        msg = (
            f"no directory of `kernix develop`{of} {where}"
            if not found
            else "several directories of `kernix develop` here"
        )
        raise UsageError(msg, "name it with `--into DIR`")
    return found[0]


def identity(environment: Mapping[str, str]) -> str:
    """Return the author that git would name: by its variables, or else by the user's configuration of git.

    Raises:
        UsageError: they name none.
    """
    found = dict(_configured(environment))
    name = environment.get("GIT_AUTHOR_NAME") or found.get("name")
    address = environment.get("GIT_AUTHOR_EMAIL") or found.get("email")
    if not name or not address:
        message = "the author of the patch is not known"
        raise UsageError(message, "give `--author 'Name <address>'`, or set user.name and user.email in ~/.gitconfig")
    return f"{name} <{address}>"


def _configured(environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield what the user's files say in the section `user`; later ones win."""
    home = environment.get("HOME", "")
    general = environment.get("XDG_CONFIG_HOME") or posixpath.join(home, ".config")
    for file in (Path(general, "git/config"), Path(home, ".gitconfig")):
        section = ""
        try:
            lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            continue
        for line in lines:
            text = line.strip()
            if text.startswith("["):
                section = text.partition("]")[0][1:].strip().lower()
            elif section == "user" and "=" in text:
                name, _, value = text.partition("=")
                value = value.strip()
                quoted = re.match(r'"([^"]*)"', value)
                value = quoted[1] if quoted else re.split(r"\s*[#;]", value)[0]
                yield name.strip().lower(), value


def letter(author: str, message: str | None, paths: Sequence[str], date: float) -> Letter:
    """Return what a patch of *paths* says about itself.

    Raises:
        UsageError: the author has no address.
    """
    name, address = email.utils.parseaddr(author)
    if not name or "@" not in address:
        text = f"the author {author!r} is not of the form `Name <address>`"
        raise UsageError(text)
    subject, _, body = (message or "").strip().partition("\n")
    if not subject:
        more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
        subject = f"Change {paths[0]}{more}"
    return Letter(author=author, date=date, subject=subject, body=body.strip(), version=version())


def take_out(changes: Changes, base: Manifest) -> tuple[Changes, list[str]]:
    """Return *changes* without new files that do not belong in a patch, and the paths of those."""
    left_out = [
        path
        for path, now in changes.items()
        if now is not None and base.entry(path) is None and any(_NOT_ADDED.match(part) for part in path.split("/"))
    ]
    return {path: it for path, it in changes.items() if path not in left_out}, left_out
