"""What a kernel's build sees of the compile cache.

    /usr/lib/ccache   first in PATH: a script under the name of each GCC of the toolchain, and ccache.conf
    /ccache           the cache of the toolchain, writable

Kbuild runs `gcc` as always, so its command lines, and what it records of them, are those of a build without a cache. The
script gives ccache the C files alone. ccache from 4.9 on looks for few spellings of `.incbin`, whose file it does not hash
(Linux has another one in `arch/x86/realmode/rmpiggy.S`); so assembly, and C with that word, is compiled without it. Probes
of the compiler have no C file. Clang may read files that ccache does not hash (`-frandomize-layout-seed-file`), and has no
cache.
"""

from __future__ import annotations

import contextlib
import os
import re

from typing import TYPE_CHECKING

import attrs

from derivations.realise.compile_cache.caches import CompileCacheRefused, CompileCaches
from derivations.realise.sandbox.bubblewrap import ENVIRONMENT
from derivations.realise.sandbox.overlay import overlay_works
from derivations.realise.sandbox.users import is_root


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from derivations.realise.layered import Realised
    from derivations.realise.sandbox.bubblewrap import Sandbox
    from store.local import Store


TOOLS, CACHE = "/usr/lib/ccache", "/ccache"
_GCC = re.compile(r"(?:[a-z0-9_]+(?:-[a-z0-9_]+)+-)?gcc(?:-[0-9]+)?|cc", re.ASCII)
_MOST_LINES = 1 << 22  # of ccache's log, which a builder could have written; 50 times those of the largest kernel

# The mode that looks at headers instead of preprocessing (`direct_mode`) does not see that a header was added which shadows
# another. Whatever a builder leaves in the cache's own ccache.conf is not read.
_CONFIGURATION = """\
cache_dir = {cache}
compiler_check = string:{digest}
direct_mode = false
depend_mode = false
hash_dir = true
inode_cache = false
max_size = {kilobytes}k
stats_log = {cache}/{log}
temporary_dir = /tmp
"""

_SCRIPT = """\
#!/bin/sh
real=/usr/bin/${0##*/}
compile= source=
for word; do
    case $word in
        -c) compile=1 ;;
        *.c) source=$source$word ;;
    esac
done
if [ -n "$compile" ] && [ -f "$source" ] && ! grep -q incbin "$source"; then
    exec /usr/bin/ccache "$real" "$@"
fi
exec "$real" "$@"
"""


@attrs.frozen(kw_only=True)
class CompileCache:
    """The cache of one build.

    Attributes:
        cache: The host's directory for /ccache.
        tools: The host's directory for /usr/lib/ccache.
        log: ccache's log of this build.
    """

    cache: Path
    tools: Path
    log: Path

    def shown_in(self, sandbox: Sandbox) -> Sandbox:
        """Return *sandbox* with the cache."""
        path = sandbox.env.get("PATH", ENVIRONMENT["PATH"])
        return attrs.evolve(
            sandbox,
            mounts={**sandbox.mounts, TOOLS: self.tools},
            writable={**sandbox.writable, CACHE: self.cache},
            env={**sandbox.env, "PATH": f"{TOOLS}:{path}", "CCACHE_CONFIGPATH": f"{TOOLS}/ccache.conf"},
            caller_owned=sandbox.caller_owned | {self.cache},
        )

    def hits(self) -> int:
        """Return how many objects came from the cache so far."""
        with contextlib.suppress(OSError), os.fdopen(os.open(self.log, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
            lines = (line for _, line in zip(range(_MOST_LINES), file, strict=False))
            return sum(line.rstrip() == b"preprocessed_cache_hit" for line in lines)
        return 0


@contextlib.contextmanager
def compile_cache(
    store: Store, toolchain: Realised, tools: Path, max_size: int, warn: Callable[[str], None]
) -> Iterator[CompileCache | None]:
    """Give the body the cache of the *toolchain*, of at most *max_size* bytes; None, after a warning, if there can be none.

    The directory *tools* is made for what the sandbox shows.
    """
    layout = store.layout
    # A directory that belongs to each of several users of root's needs the kind of mounts that overlays do.
    shared = not is_root() or overlay_works(layout.builds, layout.cache)
    compilers = _compilers(store.path(toolchain.path))
    with contextlib.ExitStack() as held:
        cache, reason = None, f"{toolchain.path.name} does not have both ccache and GCC"
        if compilers:
            reason = "its cache is in use by another process"
            try:
                cache = held.enter_context(
                    CompileCaches(layout.compile_cache).using(str(toolchain.path), alone=not shared)
                )
            except CompileCacheRefused as error:
                reason = f"{error} ({error.hint})"
        if cache is None:
            warn(f"nothing goes through ccache: {reason}")
            yield None
            return
        log = f"log-{os.urandom(8).hex()}"
        facts = {"cache": CACHE, "digest": toolchain.digest.hex(), "kilobytes": max(1, max_size // 1000), "log": log}
        _write_tools(tools, compilers, facts)
        try:
            yield CompileCache(cache=cache, tools=tools, log=cache / log)
        finally:
            with contextlib.suppress(OSError):
                (cache / log).unlink()


def _compilers(root: Path) -> list[str]:
    """Return the names of GCC's C compilers in the toolchain *root*; none if it has Clang, or lacks ccache."""
    try:
        names = {it.name for it in (root / "usr/bin").iterdir()}
    except OSError:
        return []
    return sorted(filter(_GCC.fullmatch, names)) if "ccache" in names and "clang" not in names else []


def _write_tools(directory: Path, compilers: list[str], facts: Mapping[str, object]) -> None:
    """Write the scripts called like *compilers*, and ccache's configuration with *facts*, to the new *directory*."""
    directory.mkdir()
    first, *others = compilers
    (directory / first).write_text(_SCRIPT, encoding="ascii")
    (directory / first).chmod(0o755)
    for name in others:
        (directory / name).symlink_to(first)
    (directory / "ccache.conf").write_text(_CONFIGURATION.format(**facts), encoding="ascii")
    (directory / "ccache.conf").chmod(0o644)
    directory.chmod(0o755)


__all__ = ["CACHE", "TOOLS", "CompileCache", "compile_cache"]
