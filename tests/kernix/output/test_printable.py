"""Text from outside never reaches a terminal unescaped, whichever verb prints it."""

from __future__ import annotations

import io
import json
import os
import re
import sys

from typing import TYPE_CHECKING, cast

import attrs
import pytest

from hypothesis import given
from hypothesis import strategies as st

from kernix.output.printable import Printable, below, guarded, one_line, printable
from tests.derivations.realise.scripted_server import Answer, ScriptedServer
from tests.kernix.conftest import PROJECT, CommandLine, Ran
from tests.terminal import User


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import TextIO


EVIL = "a\x1b]52;c;ZXZpbA==\x07b\x1b]8;;http://evil\x1b\\c\x9b31md\re\x08f\x7fg\u202eh\u2066i\u200fj"
"""Sets the clipboard, makes a link, changes the colour, moves back, overwrites, reverses the direction."""

OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")
"""An independent list of what controls terminals, from ECMA-48 and Unicode's bidirectional algorithm."""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("plain → ü 文", "plain → ü 文", id="plain"),
        pytest.param("two\n\tlines\n", "two\n\tlines\n", id="layout"),
        pytest.param("\x1b[31m", r"\u001b[31m", id="colour"),
        pytest.param("100 %\rdone", r"100 %\u000ddone", id="carriage-return"),
        pytest.param("\x7f\x9b", r"\u007f\u009b", id="delete-and-c1"),
        pytest.param("x\u202ecod.exe", r"x\u202ecod.exe", id="bidi"),
        pytest.param(os.fsdecode(b"caf\xe9"), r"caf\xe9", id="not-utf-8"),
        pytest.param("\ud800", r"\ud800", id="lone-surrogate"),
        pytest.param("\U000e0041", r"\U000e0041", id="tag"),
    ],
)
def test_printable(text: str, shown: str) -> None:
    """Characters that control a terminal are escaped, all others are unchanged."""
    assert shown == printable(text)


@given(st.text(st.characters(), max_size=200))
def test_nothing_is_obeyed(text: str) -> None:
    """No text keeps a character that controls a terminal, and one line stays one line."""
    assert not OBEYED.search(printable(text))
    assert len(one_line(text).splitlines()) <= 1


@given(st.text(st.characters(codec="utf-8"), max_size=200))
def test_printable_json_keeps_its_meaning(text: str) -> None:
    """A JSON text that is made printable has the same content."""
    assert text == json.loads(printable(json.dumps(text)))


def test_a_guarded_stream_lets_nothing_through() -> None:
    """Text and bytes both come out printable; only the underlying stream takes them unchanged."""
    stream = io.StringIO()
    guard = Printable(cast("TextIO", stream))
    guard.write(EVIL)
    guard.buffer.write(EVIL.encode() + b"\xff")
    assert not OBEYED.search(stream.getvalue())
    below(cast("TextIO", guard)).write("\x1b[0m")
    assert stream.getvalue().endswith("\x1b[0m")


def test_a_stream_of_few_characters_takes_all() -> None:
    """Characters that the locale lacks are escaped, and nothing fails."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    Printable(stream).write("a → b")
    stream.flush()
    assert raw.getvalue() == rb"a \u2192 b"


def test_the_guard_is_taken_away(capsys: pytest.CaptureFixture[str]) -> None:
    """After the body stdout and stderr are restored."""
    before = sys.stdout, sys.stderr
    with guarded():
        sys.stderr.write("\x1b[1m")
    assert (before, "\\u001b[1m") == ((sys.stdout, sys.stderr), capsys.readouterr().err)


@attrs.frozen
class Stage:
    """The environment of the cases below."""

    kernix: CommandLine
    scripts: Path
    server: ScriptedServer


def _no_such_verb(stage: Stage) -> Ran:
    return stage.kernix(EVIL)


def _no_such_option(stage: Stage) -> Ran:
    return stage.kernix("list", f"--{EVIL}")


def _no_such_attribute(stage: Stage) -> Ran:
    return stage.kernix("build", "-f", stage.scripts, EVIL)


def _no_such_file(stage: Stage) -> Ran:
    return stage.kernix("build", "-f", EVIL, "x")


def _added(stage: Stage) -> Ran:
    (stage.kernix.work / EVIL.replace("/", "")).write_text("")
    return stage.kernix("add", EVIL.replace("/", ""))


def _linked(stage: Stage) -> Ran:
    added = stage.kernix("add", stage.kernix.write("plain", ""))
    link = stage.kernix.work / f"{EVIL.replace('/', '')}\nnext"
    link.symlink_to(added.lines[0])
    made = stage.kernix("roots", "add", link)
    listed = stage.kernix("roots", "list")
    as_json = stage.kernix("roots", "list", "--json")
    assert [str(link)] == [it["link"] for it in as_json.json if it["link"]]
    assert len(listed.lines) == 1
    return Ran(made.code, made.out + listed.out + as_json.out, made.err + listed.err)


def _complained(stage: Stage) -> Ran:
    return stage.kernix("build", "-f", stage.scripts, "complains")


def _last_lines(stage: Stage) -> Ran:
    return stage.kernix("build", "-f", stage.scripts, "shouts")


def _logged(stage: Stage) -> Ran:
    _last_lines(stage)
    return stage.kernix("log", "-f", stage.scripts, "shouts")


def _described(stage: Stage) -> Ran:
    shown = [stage.kernix(*words, "-f", stage.scripts) for words in (["list"], ["list", "--json"])]
    shown += [stage.kernix("show", *more, "-f", stage.scripts, "described") for more in ([], ["--json"])]
    return Ran(0, "".join(it.out for it in shown), "".join(it.err for it in shown))


def _printed(stage: Stage) -> Ran:
    file = stage.kernix.write("prints.py", f"print({EVIL!r})\n")
    return stage.kernix("list", "-f", file)


def _raised(stage: Stage) -> Ran:
    file = stage.kernix.write("raises.py", f"raise ValueError({EVIL!r})\n")
    return stage.kernix("build", "-f", file, "x")


def _reason(stage: Stage) -> Ran:
    reason = EVIL.encode("latin-1", "ignore").decode("latin-1").replace("\r", "")
    stage.server.files["/file"] = b""
    stage.server.answers["/file"] = [Answer(status=404, reason=reason)]
    file = stage.kernix.write(
        "fetches.py",
        f"from derivations import fetch_url\nfile = fetch_url({stage.server.url('/file')!r}, sha256={'0' * 64!r})\n",
    )
    return stage.kernix("build", "-f", file, "file")


def _git(stage: Stage) -> Ran:
    remote = f"ext::sh -c 'printf \"\\033]52;c;x\\007 fatal: \\033[31m\" >&2'{EVIL}"
    text = f"from derivations import fetch_git\nfile = fetch_git({remote!r}, rev={'0' * 40!r}, sha256={'0' * 64!r})\n"
    return stage.kernix("build", "-f", stage.kernix.write("gits.py", text), "file")


def _unknown_setting(stage: Stage) -> Ran:
    stage.kernix.configure(f"{json.dumps(EVIL, ensure_ascii=True)} = 1\n")
    return stage.kernix("gc")


def _lock(stage: Stage) -> Ran:
    text = json.dumps({"version": 1, "packages": {EVIL: {}}, "sets": {EVIL: 3}, EVIL: 1}, ensure_ascii=False)
    return stage.kernix("lock", "--lock", stage.kernix.write("kernix.lock", text))


def _options(stage: Stage) -> Ran:
    (stage.kernix.work / "evil.config").write_bytes(f"CONFIG_A=y\nCONFIG_{EVIL}=y\n{EVIL}\n".encode())
    return stage.kernix("config", "import", "evil.config")


def _listing(stage: Stage) -> Ran:
    return stage.kernix("detect", stage.kernix.write(EVIL.replace("/", ""), "nothing of the kind\n"))


def _patch(stage: Stage) -> Ran:
    text = f"from derivations import Patch\nfrom kernels import kernel_set\nx = Patch('p', {EVIL!r})\n"
    return stage.kernix("build", "-f", stage.kernix.write("patches.py", text), "x")


def _planned(stage: Stage) -> Ran:
    return stage.kernix("build", "--dry-run", "-f", stage.scripts, "described")


CASES: tuple[Callable[[Stage], Ran], ...] = (
    _no_such_verb,
    _no_such_option,
    _no_such_attribute,
    _no_such_file,
    _added,
    _linked,
    _complained,
    _last_lines,
    _logged,
    _described,
    _printed,
    _raised,
    _reason,
    _git,
    _unknown_setting,
    _lock,
    _options,
    _listing,
    _patch,
    _planned,
)

MORE = """
complains = script("complains", {complains!r})
shouts = script("shouts", {shouts!r})
described = Derivation(
    name="described", system="x86_64-linux", builder="/bin/sh", mounts={{"/": root.out}},
    hints=Hints(description={evil!r}),
)
"""


@pytest.fixture
def stage(kernix: CommandLine, scripts: Path) -> Iterator[Stage]:
    """Return a user's file with hostile builders, and a server."""
    octal = "".join(f"\\0{byte:03o}" for byte in EVIL.encode())
    error = json.dumps({"error": EVIL, "hint": f"{EVIL}\nhint: more"})
    complains = f"printf '%s\\n' '@kernix {error}'; exit 1"
    shouts = f"printf '%b\\n' '{octal}' '{octal}' >&2; exit 1"
    text = scripts.read_text() + MORE.format(complains=complains, shouts=shouts, evil=EVIL)
    scripts.write_text("from derivations.derivation import Hints\n" + text)
    with ScriptedServer() as server:
        yield Stage(kernix, scripts, server)


@pytest.mark.parametrize("case", CASES, ids=lambda it: it.__name__.strip("_"))
def test_no_verb_prints_control_characters(case: Callable[[Stage], Ran], stage: Stage) -> None:
    """Both streams of every verb are printable, and one of them shows the hostile words escaped."""
    ran = case(stage)
    assert not OBEYED.search(ran.out + ran.err)
    assert re.search(r"\\[ux][0-9a-f]{2}", ran.out + ran.err), ran


def test_a_terminal_is_given_nothing_to_obey(stage: Stage) -> None:
    """On a terminal, where kernix itself draws, a builder's words are escaped."""
    words = (sys.executable, "-m", "kernix", "build", "-f", stage.scripts, "complains", "shouts", "--keep-going")
    user = User.sit_down(words, {**os.environ, "TERM": "xterm", "PYTHONPATH": str(PROJECT)}, cwd=stage.kernix.work)
    try:
        shown = user.see("(?s).*hint:.*hint:")[0]
    finally:
        user.leave()
    assert not re.search("\x1b[]P^_]|[\x80-\x9f\u202e\u2066]", shown)
    assert r"\u202e" in shown
