"""Modules of the kernel's own tree, built one by one against a kernel that is already built.

    tree and patches ──sources──▶ their files ──join with `dev`──▶ headers ──make M=…──▶ lib/modules/<release>/kernel/…

What the modules read is taken out of the tree first, and the map of the kernel's addresses out of `dev`: so a change
elsewhere in the kernel, which changes neither headers nor exported symbols, does not build them again.
"""

from __future__ import annotations

import re

from typing import TYPE_CHECKING, Any

from derivations.derivation import Derivation, Hints, Output
from derivations.fetch import ANY_SYSTEM
from derivations.linux.arguments import InvalidArgument
from derivations.linux.graph import make_arguments, source_tree
from derivations.linux.patch import Patch, patched
from derivations.linux.script import SHELL, script, text_of
from derivations.source import text_file
from derivations.union import CHANGES, REMOVED, UnionLayout, is_patched, union


if TYPE_CHECKING:
    from collections.abc import Iterable

    from derivations.forms import ListOf
    from derivations.linux.module import Kernel


_PATH = re.compile(r"(?!.*(?:^|/)\.\.?(?:/|$))[A-Za-z0-9][A-Za-z0-9_.+/-]*", re.ASCII)


def in_tree_modules(
    kernel: Kernel, paths: Iterable[str], patches: ListOf[Patch], name: str | None, description: str
) -> Derivation:
    """Return the modules *paths* of the tree of *kernel*, with *patches*.

    Raises:
        InvalidArgument: a value is invalid.
    """
    names = _names(paths)
    patches = _patches(patches)
    label = _label(names) if name is None else name
    if not _PATH.fullmatch(label) or "/" in label:
        raise InvalidArgument("name", f"{label!r} is not a name")
    release, toolchain = kernel.release, kernel.toolchain
    place = f"lib/modules/{release}"
    found = _sources(kernel, names, patches, label)
    checked = Derivation(
        name=f"{label}-options",
        system=toolchain.system,
        builder=SHELL,
        args=script("module-options"),
        mounts={"/": toolchain.root, "/config": kernel.configuration, "/list": found.output("list")},
        hints=Hints(description=f"what {label} needs of the kernel"),
    )
    built = f"{place}/build/build/tree"
    headers = union(
        f"{label}-kernel",
        [kernel.dev, found.out],
        UnionLayout(
            # A makefile that says $(srctree)/$(src) gets the directory in which it is built.
            links={f"{place}/source/build/tree": "/build/tree", built: "/build/tree"},
            exclude=[f"{place}/build/System.map"],
        ),
        conflicts="last",
    )
    return Derivation(
        name=f"{label}-{release}",
        system=toolchain.system,
        builder=SHELL,
        args=script("in-tree", label, release, *make_arguments(kernel.arguments, toolchain)),
        env=kernel.derivation.env,
        mounts={
            "/": toolchain.root,
            # Sorts before the inputs that take long to build, so it is built before them.
            "/checked": checked.out,
            "/kernel": headers.out,
            f"/kernel/{place}/build/scripts/mod/modpost": _modpost().out,
            "/list": found.output("list"),
            "/programs": headers.out,
            "/sources": found.out,
        },
        outputs=("out", "dev"),
        hints=Hints(description=description or f"{', '.join(names)} for Linux {release}"),
    )


def _sources(kernel: Kernel, names: tuple[str, ...], patches: tuple[Patch, ...], label: str) -> Derivation:
    """Return the files that the modules *names* are built from, and the list of them."""
    # All patches in one layer over the source, so that the patched tree need not be made.
    source = source_tree(kernel.arguments)
    tree = patched(source, (*kernel.arguments.patches, *patches))
    mounts = {"/tree": tree}
    if patches:
        mounts |= _of_patches(tree, "") | _of_patches(patched(source, kernel.arguments.patches), "-before")
    return Derivation(
        name=f"{label}-sources",
        system=ANY_SYSTEM,
        builder="builtin:module-sources",
        env={"modules": " ".join(names), "prefix": f"lib/modules/{kernel.release}/source"},
        mounts=mounts,
        outputs=("out", "list"),
        hints=Hints(description=f"sources of {', '.join(names)}"),
    )


def _of_patches(tree: Output, end: str) -> dict[str, Output]:
    """Return the mounts of what patches do to *tree*; none if there are no patches."""
    if not is_patched(tree.derivation):
        return {}
    mounts = tree.derivation.mounts
    return {f"/changes{end}": mounts[CHANGES], f"/removed{end}": mounts[REMOVED]}


def _modpost() -> Derivation:
    """Return the program in modpost's place."""
    return text_file("modpost", f"#!{SHELL}\n{text_of('modpost')}", executable=True)


def _names(paths: Iterable[Any]) -> tuple[str, ...]:  # what the user wrote
    names = tuple(paths)
    if not names:
        raise InvalidArgument("module", "name a directory such as `drivers/net/wireguard`, or a module")
    for name in names:
        if not isinstance(name, str) or not _PATH.fullmatch(name):
            raise InvalidArgument("module", f"{name!r} is neither a directory of the tree nor the name of a module")
    return names


def _patches(values: ListOf[Patch]) -> tuple[Patch, ...]:
    given: object = values
    if not isinstance(given, list | tuple):
        raise InvalidArgument("patches", f"it must be a list, not {given!r}")
    for patch in given:
        if not isinstance(patch, Patch):
            raise InvalidArgument("patches", f"{patch!r} is not a patch; write Patch(name, file)")
        if patch.extra_config:
            raise InvalidArgument("patches", f"{patch.name} sets options; give it to the kernel, with `override`")
    return tuple(given)


def _label(names: tuple[str, ...]) -> str:
    last = names[0].rstrip("/").rpartition("/")[2].removesuffix(".ko")
    return last if len(names) == 1 else f"{last}-and-{len(names) - 1}-more"
