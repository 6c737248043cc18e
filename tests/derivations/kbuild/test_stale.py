"""What has to go from a kept tree: each rule, with a small index."""

from __future__ import annotations

import pytest

from derivations.kbuild.commands import Command
from derivations.kbuild.difference import Difference
from derivations.kbuild.index import Index
from derivations.kbuild.stale import RULES, Kept, is_program, made_at_each_link, stale


def compiled(target: str, *files: str, options: str = "") -> Command:
    """Return the command of an object."""
    source = f"{target[:-2]}.c"
    return Command(target, source, frozenset({source, *files}), frozenset(options.split()), True)


def made(target: str, *files: str) -> Command:
    """Return the command of another product."""
    return Command(target, None, frozenset(files), frozenset(), False)


COMMANDS = [
    compiled("kernel/panic.o", "include/linux/bug.h", "O:include/generated/autoconf.h", options="SMP PANIC_TIMEOUT"),
    compiled("kernel/fork.o", "include/uapi/linux/sched.h", options="SMP"),
    compiled("lib/find.o", "lib/optional.h"),
    compiled("lib/crc32.o", "O:lib/crc32table.h"),
    made("lib/crc32table.h", "O:lib/gen_crc32table"),
    Command("lib/gen_crc32table", "lib/gen_crc32table.c", frozenset({"lib/gen_crc32table.c"}), frozenset(), True),
    made("vmlinux", "scripts/link-vmlinux.sh", "O:vmlinux.o"),
    made("kernel/built-in.a", "O:kernel/panic.o"),
    compiled("tools/objtool/check.o", "tools/objtool/check.h"),
]
PRODUCTS = frozenset(
    {
        *(it.target for it in COMMANDS), "kernel/.panic.o.cmd", "kernel/config_data", "lib/inat-tables.c",
        "tools/objtool/objtool", "certs/x509.genkey", "include/generated/autoconf.h",
    }
)  # fmt: skip
KEPT = Kept(index=Index.of(COMMANDS), products=PRODUCTS, searching=frozenset({"lib/optional.h"}))

CASES = [
    pytest.param("readers", {"changed": "kernel/panic.c"}, {"kernel/panic.o"}, id="source"),
    pytest.param("readers", {"removed": "include/linux/bug.h"}, {"kernel/panic.o"}, id="removed-header"),
    pytest.param("shadows", {"added": "include/linux/sched.h"}, {"kernel/fork.o"}, id="shadow"),
    pytest.param("searches", {"added": "include/linux/may-be.h"}, {"lib/find.o"}, id="has-include"),
    pytest.param("searches", {"removed": "include/linux/may-be.h"}, {"lib/find.o"}, id="has-include-no-more"),
    pytest.param("readers_of_options", {"options": "PANIC_TIMEOUT"}, {"kernel/panic.o"}, id="option"),
    pytest.param("readers_of_options", {"options": "SMP"}, {"kernel/panic.o", "kernel/fork.o"}, id="two"),
    pytest.param("sources_now", {"added": "lib/inat-tables.c"}, {"lib/inat-tables.c"}, id="product-is-a-source"),
    pytest.param("uncompared", {"changed": "kernel/Makefile"}, {"kernel/config_data"}, id="recipe"),
    pytest.param("scripts", {"changed": "lib/table.awk"}, {"lib/inat-tables.c", "lib/crc32table.h"}, id="script"),
    pytest.param("link_tools", {"changed": "scripts/kallsyms.c"}, {"vmlinux"}, id="tool-of-the-link"),
    pytest.param("tools", {"changed": "tools/lib/string.c"}, {"tools/objtool/objtool", "tools/objtool/check.o"}, id="tools"),
    pytest.param("scripts", {"changed": "certs/default_x509.genkey"}, {"certs/x509.genkey"}, id="certificate"),
]  # fmt: skip


def difference(change: dict[str, str]) -> Difference:
    """Return a difference of one thing."""
    return Difference(**{kind: frozenset({name}) for kind, name in change.items()})


@pytest.mark.parametrize(("rule", "change", "gone"), CASES)
def test_each_rule(rule: str, change: dict[str, str], gone: set[str]) -> None:
    """A rule finds what it is there for, and without it that would stay."""
    alone = [it for it in RULES if it.__name__ == rule]
    others = [it for it in RULES if it.__name__ != rule]

    assert set(alone[0](KEPT, difference(change))) == gone
    assert gone <= set(stale(KEPT, difference(change)))
    assert not gone <= set(stale(KEPT, difference(change), others))


def test_every_rule_has_a_case() -> None:
    """No rule is untried."""
    assert {it.values[0] for it in CASES} == {it.__name__ for it in RULES}


def test_what_programs_made() -> None:
    """When a program goes, what it made goes, too."""
    assert stale(KEPT, difference({"changed": "lib/gen_crc32table.c"})) == {
        "lib/gen_crc32table": "lib/gen_crc32table.c",
        "lib/crc32table.h": "lib/gen_crc32table",
    }


@pytest.mark.parametrize("path", ["Documentation/a.rst", "samples/a.c", "tools/testing/a.c", "scripts/checkpatch.pl"])
@pytest.mark.parametrize("kind", ["added", "removed", "changed"])
def test_harmless_files(kind: str, path: str) -> None:
    """Documentation, samples and tests cost nothing but what asks `__has_include`."""
    assert set(stale(KEPT, difference({kind: path}))) <= {"lib/find.o"}


def test_nothing_differs() -> None:
    """Without a difference nothing goes."""
    assert stale(KEPT, Difference()) == {}


@pytest.mark.parametrize(
    ("product", "is_one"),
    [
        ("lib/gen_crc32table", True),
        ("tools/objtool/objtool", True),
        ("vmlinux", False),
        ("a.o", False),
        ("arch/x86/boot/bzImage", False),
    ],
)
def test_programs(product: str, is_one: bool) -> None:
    """What has no ending and is no image may be a program."""
    assert is_program(product) == is_one


def test_what_each_link_compiles() -> None:
    """Objects with the time of the link, or with vmlinux itself in them, are compiled whenever it is linked."""
    index = Index.of(
        [
            *COMMANDS,
            compiled("init/version-timestamp.o", "O:include/generated/utsversion.h"),
            compiled("arch/x86/boot/header.o", "O:arch/x86/boot/zoffset.h"),
        ]
    )

    assert made_at_each_link(index) == {"init/version-timestamp.o", "arch/x86/boot/header.o"}
