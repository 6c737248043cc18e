"""Boot tests of users: a script that runs on a kernel, and what it must print.

    boot_test(kernel, script="uname -r", expect="6.12.117")

    kernel, disks, initramfs with the script ──boot──▶ console.log ──compare──▶ output, facts.json

The boot and the comparison are two derivations, so a test whose expectation is changed does not boot again.
"""

from __future__ import annotations

import re
import string

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol

from derivations.derivation import Derivation, Hints, Output, canonical_json
from derivations.fetch import ANY_SYSTEM, fetch_deb
from derivations.image.disk import make_module_disk, make_root_disk
from derivations.image.initramfs import Copy, Device, Directory, File, Link, make_initramfs
from derivations.image.kernel import is_kernel
from derivations.linux import module_closure
from derivations.linux.arguments import InvalidArgument
from derivations.linux.boot import EMULATED, MEMORY, boot
from derivations.linux.expectation import written
from derivations.linux.script import text_of
from derivations.union import UnionLayout, union


if TYPE_CHECKING:
    from derivations.context import Context
    from derivations.forms import ListOf
    from derivations.image.initramfs import Entry
    from derivations.linux.expectation import Expected


CONSOLE, KERNEL = "/console", "/kernel"
"""The mount points of the comparison."""

OUTPUT: Final = "output"
FACTS: Final = "facts.json"
"""The files that a test leaves, beside `console.log`."""

MODULE_PLACE: Final = "/lib/modules"
DISK_MODULES: Final = ("virtio_pci", "virtio_blk", "ext4")
"""What a distribution's kernel loads for its disks, by default."""

_PLACE = re.compile(r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._+-]+)+", re.ASCII)
_APPEND = re.compile(r"[ -~]*", re.ASCII)
_LETTERS = string.ascii_lowercase
_FEWEST, _MOST = 16, 1 << 20  # MiB

_INIT = text_of("boot-test")

_TRY_MODULES = """set -e
cd /lib/modules/$(uname -r)
# Of those that need no other module and no hardware, the first that loads.
for file in $(sed -n 's/^\\(kernel\\/\\(lib\\|crypto\\|fs\\|net\\)\\/.*\\): *$/\\1/p' modules.dep | head -n 100); do
    if insmod $file 2>/dev/null; then
        name=${file##*/}
        name=$(echo ${name%%.ko*} | tr - _)
        grep -q "^$name " /proc/modules
        echo "module=loaded"
        break
    fi
done
cat /mnt/greeting
"""
_GREETING = "hello from the root disk"


class Kernel(module_closure.Kernel, Protocol):
    """The part of a kernel that a boot test needs."""

    @property
    def context(self) -> Context:
        """Return the context with its lock and its system."""
        ...

    @property
    def is_prebuilt(self) -> bool:
        """Return whether a distribution has compiled it, with drivers as modules."""
        ...


def boot_test(
    kernel: Kernel,
    *,
    script: str,
    expect: Expected = None,
    modules: ListOf[str] | None = None,
    disks: Mapping[str, Derivation | Output] | None = None,
    files: Mapping[str, Entry] | None = None,
    append: str = "",
    memory: int = MEMORY,
    timeout: int = EMULATED.whole,
    name: str | None = None,
) -> Derivation:
    """Return the test that runs *script* on *kernel* in QEMU, and compares what it prints with *expect*.

    The guest's root is an initramfs with BusyBox. The test fails unless the script ends with status 0, every line of
    *expect* holds, and the guest's release, command line and, if it can tell, configuration are the kernel's. Its output
    has `console.log`, `output` and `facts.json`.

    Args:
        kernel: The kernel; it needs a serial console and an initramfs, see `derivations.linux.boot.needed_options`.
        script: Commands for BusyBox' shell.
        expect: A text: all of the script's output. A pattern of `re.compile`: it is found in it. A mapping: facts by name,
            those of the guest (`release`, `cmdline`, `modules`, `config`) and lines `name=value` of the output. A list:
            each text is one of its lines, and patterns and mappings are as above.
        modules: Modules that are loaded before the script, with all that they need. By default, what a distribution's
            kernel needs for disks, if there are any.
        disks: Place -> a disk that is mounted there, read-only, such as `make_module_disk` makes. They are `/dev/vda` and so on.
        files: Further entries of the initramfs, path to entry.
        append: Further words of the kernel's command line.
        memory: The guest's memory, in MiB.
        timeout: How long the guest may take under emulation, in seconds.
        name: The name of the test.

    Raises:
        InvalidArgument: a value is invalid.
        InvalidDerivation: a path in *files* is invalid.
    """
    given: Any = kernel
    if not is_kernel(given):
        raise InvalidArgument("kernel", f"{kernel!r} is not a kernel")
    given = script
    if not isinstance(given, str) or not given.strip():
        raise InvalidArgument("script", f"it must be commands for a shell, not {script!r}")
    _check_numbers(memory, timeout)
    given = append
    if not isinstance(given, str) or not _APPEND.fullmatch(append):
        raise InvalidArgument("append", f"{append!r} is not a command line of printable characters")
    mounted = _disks(disks)
    label = f"{kernel.name}-test" if name is None else name
    if modules is None:
        modules = DISK_MODULES if mounted and kernel.is_prebuilt else ()
    booted = boot(
        f"{label}-boot",
        kernel.out,
        kernel.release,
        first=_initramfs(kernel, label, script=script, modules=modules, places=list(mounted), files=files or {}).out,
        toolchain=kernel.toolchain,
        lock=kernel.context.lock(),
        append=append,
        memory=memory,
        disks=mounted.values(),
        timeout=timeout,
    )
    return Derivation(
        name=label,
        system=ANY_SYSTEM,
        builder="builtin:boot-test",
        env={"expect": canonical_json(written(expect)).decode(), "release": kernel.release, "append": append},
        mounts={CONSOLE: booted.out, KERNEL: kernel.out},
        hints=Hints(description=f"compare what the guest of {label} printed"),
    )


def module_test(kernel: Kernel) -> Derivation:
    """Return the test that mounts a disk with the modules of *kernel*, loads one, and reads a file of a root disk."""
    name = f"{kernel.name}-modules-test"
    greeting = union(f"{name}-files", [], UnionLayout(files={"greeting": f"{_GREETING}\n"}))
    return boot_test(
        kernel,
        script=_TRY_MODULES,
        expect=[{"module": "loaded"}, _GREETING],
        disks={
            MODULE_PLACE: make_module_disk(kernel, format="raw"),
            "/mnt": make_root_disk(greeting, kernel=kernel, format="raw", name=f"{name}-root"),
        },
        name=name,
    )


def _initramfs(
    kernel: Kernel, label: str, *, script: str, modules: ListOf[str], places: list[str], files: Mapping[str, Entry]
) -> Derivation:
    """Return the initramfs that loads *modules*, mounts the disks at *places*, and runs *script*."""
    lock, toolchain = kernel.context.lock(), kernel.toolchain
    busybox = fetch_deb(lock.package(toolchain.busybox_set, "busybox-static"))
    entries: dict[str, Entry] = {
        "init": File(text=_INIT, mode=0o755),
        "script": File(text=script),
        "bin/busybox": Copy(busybox, "bin/busybox"),
        "bin/sh": Link("busybox"),
        "sbin/modprobe": Link("../bin/busybox"),
        "dev/console": Device("c", 5, 1),
        "dev/null": Device("c", 1, 3, 0o666),
        **{place: Directory() for place in ("etc", "mnt", "proc", "root", "run", "sys", "tmp")},
    }
    if modules:
        closure = module_closure.module_closure(kernel, modules, decompress=True, name=f"{label}-modules")
        entries["lib/modules"] = Copy(closure, "lib/modules")
        entries["load-order"] = Copy(closure, module_closure.LOAD_ORDER)
        entries["modules"] = File(text="".join(f"{it.replace('-', '_')}\n" for it in modules))
    if places:
        lines = [f"/dev/vd{letter} {place}\n" for letter, place in zip(_LETTERS, places, strict=False)]
        entries["disks"] = File(text="".join(lines))
        # A disk covers what the initramfs has at its place: of modules, those that are loaded by then.
        entries |= {it: Directory() for place in places if (it := place.strip("/")) not in entries}
    return make_initramfs({**entries, **files}, name=f"{label}-initramfs")


def _disks(given: Any) -> dict[str, Output]:  # noqa: ANN401 -- what the user wrote
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise InvalidArgument("disks", f"it must be a mapping of places to disks, not {given!r}")
    found: dict[str, Output] = {}
    for place, disk in given.items():
        if not isinstance(place, str) or not _PLACE.fullmatch(place):
            raise InvalidArgument("disks", f"{place!r} is not a place to mount a disk at, such as '/mnt'")
        if not isinstance(disk, Derivation | Output):
            raise InvalidArgument(
                "disks", f"{place}: {disk!r} is not a disk; make_root_disk and make_module_disk make one"
            )
        found[place] = disk.out if isinstance(disk, Derivation) else disk
    if len(found) > len(_LETTERS):
        raise InvalidArgument("disks", f"a guest has at most {len(_LETTERS)}, not {len(found)}")
    return found


def _check_numbers(memory: object, timeout: object) -> None:
    for argument, value, least, most in (("memory", memory, _FEWEST, _MOST), ("timeout", timeout, 1, 1 << 20)):
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            unit = "MiB" if argument == "memory" else "seconds"
            raise InvalidArgument(argument, f"it must be {least} to {most} {unit}, not {value!r}")
