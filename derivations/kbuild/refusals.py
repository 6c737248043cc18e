"""Why a build does not start from a kept tree: what Kbuild's own rules and ours cannot see through.

A refusal costs a clean build; a missing one would give a wrong kernel. So whatever is not known to be harmless refuses.
"""

from __future__ import annotations

import re

from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from derivations.kbuild.difference import Difference


LINK_TOOLS = frozenset(
    {
        "scripts/kallsyms.c",
        "scripts/sorttable.c",
        "scripts/sorttable.h",
        "scripts/mksysmap",
        "scripts/link-vmlinux.sh",
        "scripts/file-size.sh",
        "scripts/elf-parse.c",
        "scripts/elf-parse.h",
    }
)
"""What scripts/link-vmlinux.sh runs: make does not know that vmlinux depends on it."""

_HARMLESS = re.compile(
    r"(?:Documentation|samples|LICENSES|\.[^/]*)(?:/|$)"
    r"|(?:MAINTAINERS|CREDITS|COPYING|README)$"
    r"|tools/(?!objtool/|build/|lib/|arch/|include/|scripts/|bpf/resolve_btfids/)"
    r"|scripts/(?:package|gdb|coccinelle|clang-tools|tracing|ksymoops|selinux|genksyms|kconfig/tests|atomic)/"
    r"|scripts/(?:checkpatch|check-|checkstack|checkincludes|checkdeclares|checkkconfig|kernel-doc|get_maintainer|"
    r"get_feat|get_abi|bloat-o-meter|cleanfile|cleanpatch|coccicheck|decode|diffconfig|documentation|dtc/dt-extract|"
    r"extract|faddr2line|find-unused|headerdep|leaking|Lindent|markup|mkcompile|namespace|objdiff|parse-maintainers|"
    r"patch-kernel|prune|spdx|spelling|sphinx|split-man|stackdelta|stackusage|tags|ver_linux|config$|const_structs|"
    r"bootgraph|git\.|profile2linkerlist|show_delta|export_report|jobserver|tools-support|insert-sys|tracepoint|"
    r"get_dvb|rust_is|generate_rust|min-tool|nsdeps|sign-file|checkversion|checksyscalls|head-object-list|"
    r"includecheck|makelst|objdump-func|adjust_autoksyms|asn1_|bpf_doc)"
)
_HANDLED = re.compile(
    r"scripts/(?:mod/|Kconfig\.include$|dtc/|.*\.lds\.S$|module\.lds\.S$|module-common\.c$|insert-sys-cert)"
    r"|tools/(?:objtool|build|lib|arch|include|scripts|bpf/resolve_btfids)/"
)
_RULES = re.compile(
    r"scripts/(?:Makefile[^/]*|Kbuild\.include|[^/]*\.include|basic/.*|kconfig/(?!tests/).*|include/.*)$|Kbuild$|Makefile\.[^/]*$"
)
_VERSION = re.compile(rb"^(?:VERSION|PATCHLEVEL|SUBLEVEL|EXTRAVERSION|NAME) = ?.*\n", re.MULTILINE)
_RANDOM = ("RANDSTRUCT", "GCC_PLUGIN_RANDSTRUCT", "GCC_PLUGIN_LATENT_ENTROPY", "GCC_PLUGINS")
_UNTRIED = ("LTO_CLANG", "CC_IS_CLANG", "RUST")
_TRIED = frozenset({"x86"})  # directories below arch/
_OWN_KEY = '"certs/signing_key.pem"'


def is_harmless(path: str) -> bool:
    """Return whether no product of a kernel's build depends on the file *path* of the source."""
    return _HARMLESS.match(path) is not None


def of_configuration(options: Mapping[str, str], srcarch: str) -> str | None:
    """Return why no tree is kept of a kernel with *options*, and none used for it."""
    if srcarch not in _TRIED:
        return f"kept trees have not been tried for arch/{srcarch}"
    for option in _RANDOM:
        if options.get(option) == "y":
            return f"CONFIG_{option} uses a random seed or a plugin"
    for option in _UNTRIED:
        if options.get(option) == "y":
            return f"with CONFIG_{option} kept trees have not been tried"
    if options.get("MODULE_SIG_KEY") == _OWN_KEY and "y" in (
        options.get("MODULE_SIG"),
        options.get("IMA_APPRAISE_MODSIG"),
    ):
        return "the key that signs the modules is made anew in each build"
    return None


def without_version(makefile: bytes) -> bytes:
    """Return the text of the top Makefile without the lines of its version."""
    return _VERSION.sub(b"", makefile)


def of_sources(difference: Difference, options: Mapping[str, str], srcarch: str, *, same_makefile: bool) -> str | None:
    """Return why *difference* of the sources needs a clean build.

    *options* are the new ones, *same_makefile* says whether the top Makefile is the same but for its version.
    """
    for path in sorted(difference.files):
        if is_harmless(path) and not (path.startswith("scripts/genksyms/") and options.get("MODVERSIONS") == "y"):
            continue
        if path == "Makefile" and same_makefile:
            continue
        if _RULES.match(path) or re.match(rf"Makefile$|arch/(?:{re.escape(srcarch)}/)?Makefile[^/]*$", path):
            return f"{path} differs, which rules everything"
        if path.startswith("scripts/") and not (path in LINK_TOOLS or _HANDLED.match(path) or _is_documentation(path)):
            return f"{path} differs, and what it makes is not known"
    return None


def of_options(changed: Iterable[str], ruling: Collection[str]) -> str | None:
    """Return why a change of the options *changed* needs a clean build; *ruling* are those that rule everything.

    An option that one of the `is_rule` makefiles names changes the flags of every compilation, or which headers and
    tools are generated; what it leaves behind when it is switched off would get into the output `dev`.
    """
    found = sorted(set(changed).intersection(ruling))
    return f"CONFIG_{found[0]} is named in the makefiles that rule everything" if found else None


def is_rule(path: str, srcarch: str) -> bool:
    """Return whether the file *path* of the source is one of the makefiles that `of_options` needs."""
    return (
        bool(
            path in {"Makefile", "Kbuild"}
            or re.match(r"scripts/(?:.*/)?(?:Makefile[^/]*|Kbuild[^/]*)$", path)
            or re.match(rf"arch/{re.escape(srcarch)}/(?:Makefile[^/]*|Kbuild|tools/Makefile|boot/Makefile)$", path)
            or re.match(rf"(?:arch/{re.escape(srcarch)}/)?include/(?:.*/)?(?:Kbuild|Makefile)$", path)
            or re.match(rf"arch/{re.escape(srcarch)}/(?:entry|kernel)/(?:syscalls|vdso[^/]*)/Makefile$", path)
        )
        and "/package/" not in path
    )


def _is_documentation(path: str) -> bool:
    return path.endswith((".rst", ".txt", ".gitignore", ".py", "README"))
