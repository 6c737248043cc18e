"""The golden messages: the errors that users meet most, and a build with nothing to do, as they see them on stderr.

A reworded message changes its file in `tests/golden/messages`, and no test: `python -m tests.golden.write`, run in
the project's directory, writes them again. Durations, and the places of a user's own files, are replaced.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import subprocess
import sys
import tempfile

from pathlib import Path
from typing import TYPE_CHECKING

from derivations.kconfig.language.merge import merge
from derivations.kconfig.language.text import read
from derivations.kconfig.language.values import YES
from derivations.realise.builtins.check_config import ConfigMismatch
from derivations.realise.network.download import HashMismatch
from derivations.version import Version
from kernix.evaluation import selection
from kernix.output import messages
from store.errors import Error
from store.osutil.space import DiskFull
from tests.derivations.patching.trees import files, patched
from tests.fakes import fake_lock
from tests.roots import add_tools
from tests.small_kconfig import diagnoses, model, option


if TYPE_CHECKING:
    from collections.abc import Callable


ROOT = Path(__file__).parents[2]

_DEFINITIONS = """
from derivations.derivation import Derivation
from derivations.source import local_source

root = local_source({root!r})

def script(name, text, **mounts):
    at = {{"/": root.out, **{{f"/{{name}}": it.out for name, it in mounts.items()}}}}
    return Derivation(name=name, system="x86_64-linux", builder="/bin/sh", args=["-c", text], mounts=at)

broken = script("linux-6.12.64", '''
echo "  CC      drivers/net/mine.o"
echo "drivers/net/mine.c:7:9: error: 'struct net_device' has no member named 'mine'"
echo "make[3]: *** [scripts/Makefile.build:229: drivers/net/mine.o] Error 1"
exit 2
''')
endless = script("linux-6.12.64", "while :; do :; done")
tree = script("tree", "echo int main > /out/out")
other_tree = script("tree", "echo int other > /out/out")
same_tree = script("tree", "echo int main > /out/out; :")
linux = script("linux-6.12.64", "echo linux > /out/out", tree=tree)
same_linux = script("linux-6.12.64", "echo linux > /out/out", tree=same_tree)
other_linux = script("linux-6.12.64", "echo other linux > /out/out", tree=other_tree)
"""

_PATCH = """\
diff --git a/kernel/fork.c b/kernel/fork.c
--- a/kernel/fork.c
+++ b/kernel/fork.c
@@ -1,3 +1,3 @@
 int one;
-int two;
+int three;
 int four;
"""


def _dropped_option() -> str:
    options = model(
        [
            option("TTY", prompt="Terminals"),
            option("VT", prompt="Virtual terminals", depends="TTY"),
            option("KGDB", prompt="Debugger"),
            option("KGDB_SERIAL_CONSOLE", prompt="Debugger on a serial line", depends="KGDB && TTY && VT"),
        ]
    )
    failed = [it for it in diagnoses(options, {"KGDB_SERIAL_CONSOLE": YES, "KGBD": YES}).values() if it.fails]
    return _reported(lambda: _raise(ConfigMismatch("linux-6.12.64-config", tuple(failed))))


def _failed_patch() -> str:
    return _reported(lambda: patched(files(kernel__fork_c="int one;\nint 2;\nint four;\n"), _PATCH))


def _hash_mismatch() -> str:
    name = "linux-6.12.64.tar.xz"
    url = f"https://cdn.kernel.org/pub/linux/kernel/v6.x/{name}"
    kept = Path(f"/home/user/.local/share/kernix/downloads/{name}")
    return _reported(lambda: _raise(HashMismatch(name=name, expected="d1" * 32, got="e2" * 32, url=url, kept=kept)))


def _missing_package() -> str:
    return _reported(lambda: fake_lock().package("gcc", "gdb"))


def _contradiction() -> str:
    fragments = [
        read("CONFIG_KGDB=y\n", "/home/user/debug.config"),
        read("# CONFIG_KGDB is not set\n", "/home/user/small.config"),
    ]
    return _reported(lambda: merge(fragments, version=Version.parse("6.12"), arch="x86_64"))


def _full_disk() -> str:
    return _reported(lambda: _raise(DiskFull("/home/user/.local/share/kernix/store")))


def _raise(error: Error) -> None:
    raise error


def _reported(fails: Callable[[], object]) -> str:
    """Return what the command line writes to stderr about the error that *fails* raises."""
    selection.forget()  # what another test selected would be part of the commands in hints
    stderr = io.StringIO()
    try:
        fails()
    except Error as error:
        with contextlib.redirect_stderr(stderr):
            messages.report_end(error)
    return stderr.getvalue()


def _built(*commands: str) -> str:
    """Return what the last of *commands*, each the words after `kernix`, writes in a home of its own."""
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder).resolve()
        (top / "work").mkdir()
        add_tools(top / "root", ["sh"])
        (top / "work" / "mine.py").write_text(_DEFINITIONS.format(root=str(top / "root")))
        text = ""
        for command in commands:
            text = _kernix(command, top)
        return text


def _kernix(command: str, top: Path) -> str:
    environment = {
        "HOME": str(top),
        "KERNIX_HOME": str(top / "home"),
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
    }
    program = [sys.executable, "-m", "kernix", *command.split()]
    done = subprocess.run(program, cwd=top / "work", env=environment, text=True, capture_output=True, check=False)
    text = re.sub(r"\d+\.\d+ s\b", "N s", done.stderr or done.stdout)
    text = re.sub(r"/[0-9a-z]{32}-", "/DIGEST-", re.sub(r"\d{4}-\d\d-\d\d", "YYYY-MM-DD", text))
    return text.replace(str(top / "home"), "/home/user/.local/share/kernix").replace(str(top), "/home/user")


_BUILD = "build --no-link -f mine.py"

MESSAGES: dict[str, Callable[[], str]] = {
    "contradiction": _contradiction,
    "dropped_option": _dropped_option,
    "dry_run": lambda: _built(f"{_BUILD} linux", f"{_BUILD} --dry-run other_linux"),
    "failed_compile": lambda: _built(f"{_BUILD} broken"),
    "failed_patch": _failed_patch,
    "full_disk": _full_disk,
    "hash_mismatch": _hash_mismatch,
    "missing_package": _missing_package,
    "nothing_to_do": lambda: _built(f"{_BUILD} linux", f"{_BUILD} --dry-run linux"),
    "reused": lambda: _built(f"{_BUILD} linux", f"{_BUILD} same_linux"),
    "timed_out": lambda: _built(f"{_BUILD} --timeout 0.2s endless"),
    "why_nothing": lambda: _built(f"{_BUILD} linux", f"{_BUILD} same_linux", "why-rebuild -f mine.py same_linux"),
    "why_rebuild": lambda: _built(f"{_BUILD} linux", f"{_BUILD} other_tree", "why-rebuild -f mine.py other_linux"),
    "why_unknown": lambda: _built(f"{_BUILD} linux", "why-rebuild -f mine.py other_linux linux"),
    "unknown_attribute": lambda: _built("build --no-link linux_6_13"),
}
"""How each message is made."""


def file_of(name: str) -> Path:
    """Return the golden file of the message *name*."""
    return Path(__file__).with_name("messages") / f"{name}.txt"
