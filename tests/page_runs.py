"""Where the pages' commands are run by tests, what these prepare, and which commands no test can run."""

from __future__ import annotations

import enum

from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.pages import Command


class Run(enum.Enum):
    """How the tests run a command."""

    NEVER = "not at all, for the reason in NOT_RUN"
    QUICKLY = "without a kernel, in an empty store, with made-up packages"
    SHARED = "in the store that the tests of real kernels share"
    ALONE = "in a copy of a store with linux_micro, because something is collected there"


NOT_RUN = {
    "README.md: make demo": "makes an environment with pip and compiles a kernel; .ci/run does it on unprepared machines",
    "boot.md: kernix boot linux_micro (2)": "prints this only where KVM hangs",
    "build.md: kernix log --follow linux_micro.tests.boot": "follows a compilation that takes minutes",
    "serve.md: kernix cache token ci --write": "prints a random token",
    "serve.md: kernix serve --cache /srv/kernix": "runs until it is stopped",
    "export.md: kernix push linux_debian_cloud --to oci://127.0.0.1:5000/kernels/cloud:6.1": "needs a registry, and Debian's kernel",
    "export.md: kernix pull oci://127.0.0.1:5000/kernels/cloud:6.1": "needs a registry, and Debian's kernel",
    "cache.md: kernix challenge -f stamp.py stamp": "compares with what other machines have built",
    "develop.md: .venv/bin/python -m tests.removals.write 4.*.conf 5.*.conf linux-source-5.10 linux-source-6.1 linux-source-6.12 "
    "linux-source-7.2 linux-source-7.3": "needs five unpacked kernels, from several releases of Debian",
    "build.md: kernix build linux_6_18 --dry-run": "what remains to be built depends on the store",
    "rebuild.md: kernix build -f rebuilds.py timed --dry-run": "what remains to be built depends on the store",
    "rebuild.md: kernix build -f rebuilds.py logged --dry-run | tail -n 1": "the forecast depends on what is kept",
    "rebuild.md: kernix kept": "what is kept depends on the tests that ran before",
    "rebuild.md: kernix why-rebuild -f rebuilds.py redundant": "compares with the newest earlier build, of any test",
    "reproducibility.md: kernix build --check linux_micro": "compiles it again; tests/test_real_reproducible.py does",
    "reproducibility.md: kernix build --check -f stamp.py stamp": "the two builds may begin in one second",
    "reproducibility.md: kernix verify --reproducible -f stamp.py stamp": "shows what the check has found",
    "reproducibility.md: openssl req -new -x509 -newkey rsa:4096 -nodes -days 36500 -subj /CN=modules -keyout key.pem -out "
    "cert.pem": "makes a key of random numbers, with a program that nothing else needs",
    "reproducibility.md: cat cert.pem >> key.pem": "needs the key",
    "performance.md: sudo apt-get install nix-bin                          # Nix as a peer; without it those columns "
    "stay empty": "changes the machine",
    "performance.md: make bench                                            # everything, in $TMPDIR: some 10 GB, more "
    "than half an hour": "takes more than half an hour",
    "performance.md: .venv/bin/python -m benchmarks --rounds 3 no-op build # some of it": "takes minutes, and its files 10 GB",
    "performance.md: .venv/bin/python -m benchmarks --scratch DIR --json FILE   # keep what was fetched, and every "
    "single time": "takes more than half an hour",
}
"""The commands that no test can run, and the reasons."""

_ALONE_PAGES = {"README.md", "garbage.md"}

_QUICK_PAGES = {"export.md", "keys.md", "provenance.md", "python.md", "store.md", "systems.md", "update.md"}
_QUICK_VERBS = {"add", "completion", "help", "list", "show", "version"}
QUICK = (
    "build.md: kernix build -f fetched.py",
    "build.md: kernix gc",
    "modules.md: kernix shell linux_micro.configuration",
    "toolchain.md: kernix lock qemu",
)
SHARED = (
    "prebuilt.md: kernix build -f old.py",
    "reproducibility.md: kernix build -f signed.py",
    "initramfs.md: kernix build -f images.py wrong",
    "kernels.md: kernix show linux_micro",
    "modules.md: kernix build -f excluded.py",
    "store.md: kernix build -f redundant.py",
    "store.md: kernix instantiate",
    "store.md: kernix path-info",
    "store.md: kernix why-depends",
)
"""How commands begin that are run otherwise than others of their verb, or of their page."""

BEFORE = {
    "build.md: kernix build -f fetched.py wrong": 'sed -i "s/8765/$PORT/g" fetched.py; : > ~/.config/kernix/config.toml',
    "configuration.md: kernix show -f cut.py whole": "sed s/whole.config/cut.config/ manual.py > cut.py",
    "configuration.md: kernix show -f other.py whole": "sed s/whole.config/other.config/ manual.py > other.py",
    "configuration.md: kernix show -f older.py whole": "sed s/whole.config/older.config/ manual.py > older.py",
    "install.md: mkdir -p esp/EFI": "rm -rf $KERNIX_HOME/profiles",
    "profiles.md: kernix profile install system linux_micro": "rm -rf $KERNIX_HOME/profiles",
    "store.md: KERNIX_HOME=~/project kernix gc": "mkdir -p ~/project/{builds,src,tests}; touch ~/project/Makefile",
    "store.md: kernix add notes": """
        cp hello.py notes/
        file=$KERNIX_HOME/store/*-hello.py
        chmod u+w $file && tr a-z A-Z < hello.py > $file && chmod a-w $file && touch -d @1 $file
        mkdir $KERNIX_HOME/builds/left && touch $KERNIX_HOME/builds/left/file""",
    "store.md: kernix build -f hello.py hello": "kernix verify --contents --repair",
    "toolchain.md: tail -n 2 kernix.lock": """sed 's/"version": [0-9]*$/"version": 4/' ~/.config/kernix/kernix.lock > kernix.lock""",
    "toolchain.md: kernix lock --update qemu": "kernix lock --update qemu",
    "update.md: kernix update --signer 5FE479490E2B6B81F3712BB372B917DE5ABA2551": "rm ~/.config/kernix/kernels.json",
    "update.md": """
        kernix() {
            if [ "$1" = update ]; then shift; set -- update --server "$SERVER" --signer "$SIGNER" "$@"; fi
            command kernix "$@"
        }""",
}
"""What is run first, unseen: by all commands of a page, or by one."""

VARIES = {
    "keys.md: kernix key generate me-1": r"^\S.*/me-1.secret$|:\S{43}=",
    "keys.md: kernix key list": r":\S{43}=",
    "boot.md: kernix log linux_micro.tests.boot | grep ^accelerator": r"(kvm|tcg)$",
    'install.md: kernix install linux_micro --esp esp --options "root=LABEL=system ro" --dry-run': r"[0-9.]+ [kMGT]?B| {2,}",
    "sandbox.md: kernix doctor": r"^(ok|--)  |(?<=\S) {2,}\S.*$",
}
"""What in the output of a command depends on the machine, as regular expressions."""


def runs(commands: Iterable[Command]) -> dict[Command, Run]:
    """Return how each of a page's *commands* is run; other programs than kernix are run with the command before them."""
    found: dict[Command, Run] = {}
    waiting: list[Command] = []
    last = None
    for command in commands:
        if str(command) in NOT_RUN:
            found[command] = Run.NEVER
        elif "kernix " in command.line or command.page in _QUICK_PAGES:
            last = _run(command)
            found |= dict.fromkeys([*waiting, command], last)
            waiting.clear()
        elif last is not None:
            found[command] = last
        else:
            waiting.append(command)
    assert not waiting, waiting
    return found


def run_so(how: Run, commands: Iterable[Command]) -> list[Command]:
    """Return those of a page's *commands* that are run as *how* says."""
    return [command for command, it in runs(commands).items() if it is how]


def _run(command: Command) -> Run:
    name = str(command)
    if command.page in _ALONE_PAGES:
        return Run.ALONE
    if name.startswith(SHARED):
        return Run.SHARED
    verb, *rest = [*command.words, ""]
    is_quick = verb in _QUICK_VERBS or (verb, rest[0]) == ("config", "import")
    if command.page in _QUICK_PAGES or name.startswith(QUICK) or is_quick:
        return Run.QUICKLY
    return Run.QUICKLY if verb == "build" and command.printed.startswith("error: ") else Run.SHARED
