"""The derivations of a kernel's configuration, each with its own key.

    tree ─▶ config tree ─┬─▶ resolver ────────┐
    (what Kconfig reads) └─▶ base (defconfig) ─┴─▶ resolved ─▶ checked
                              fragments ──────────┘

The config tree is the only part of the tree that matters here, so a patch to C files changes none of the steps below
it. The resolver is the kernel's own Kconfig, linked into a program that no longer needs a compiler
and takes well under a second (`scripts/kconf/`). A kernel's build sees only the resulting `.config`:
changes that lead to the same one rebuild nothing.
"""

from __future__ import annotations

import functools

from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from derivations.derivation import Derivation, Hints, Output, canonical_json
from derivations.fetch import ANY_SYSTEM
from derivations.frozen_map import FrozenMap
from derivations.kconfig.language.text import line, write
from derivations.kconfig.language.values import Priority, Unset
from derivations.linux.script import SHELL, script
from derivations.source import text_file
from derivations.union import UnionLayout, union
from derivations.version import Version
from store.gc.retention import Retention


if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from derivations.kconfig.language.fragment import Request
    from derivations.kconfig.language.merge import Merged
    from derivations.linux.arguments import Arguments
    from derivations.linux.firmware import Firmware
    from derivations.toolchain import Toolchain


ENVIRONMENT = {"KCONFIG_NOTIMESTAMP": "1", "LC_ALL": "C", "TZ": "UTC"}
"""The environment of Kconfig's programs when they run unattended."""

RESOLVER = "/resolver/kconf"
"""The builder that resolves a configuration."""

FRAGMENT = "/fragment-"
"""How the mount points of its fragments begin."""


@attrs.frozen(kw_only=True)
class ConfigSteps:
    """The steps to a configuration.

    Attributes:
        tree: The files of the kernel's source that Kconfig reads.
        resolver: The program, the results of its probes, and the model.
        base: The configuration that requests are applied to.
        resolved: The `.config`, and as `values` the value of every option.
        checked: The `.config`, if all requests hold in it.
    """

    tree: Output
    resolver: Derivation
    base: Output
    resolved: Derivation
    checked: Derivation


def configuration(
    arguments: Arguments,
    toolchain: Toolchain,
    tree: Output,
    wanted: Merged,
    *,
    fragments: Iterable[Output] = (),
    trim: Output | None = None,
) -> ConfigSteps:
    """Return the steps that configure the kernel of *arguments*.

    The layers, from top to bottom, are the requests *wanted*, the *fragments*, which are files made by other
    derivations, the *trim*, and the base.
    """
    flags = (*toolchain.make_flags, *arguments.make_flags)
    sources = config_tree(tree)
    program = resolver(sources, toolchain, flags)
    start = base(arguments.base, sources, toolchain, flags)
    name = f"{arguments.name}-{arguments.version}-config"
    below = () if trim is None else (trim,)
    asked = _fragments(name, wanted)
    mode = "plain" if not arguments.auto_modules else "builtin" if arguments.prefer_builtin else "modules"
    found = resolved(f"{name}-resolved", program, start, (*below, *fragments, *asked), mode=mode)
    return ConfigSteps(
        tree=sources,
        resolver=program,
        base=start,
        resolved=found,
        checked=checked(
            name,
            program,
            found,
            wanted,
            lenient=arguments.ignore_config_errors,
            exact=start if arguments.exact and not arguments.ignore_config_errors else None,
            base=start if isinstance(arguments.base, Output) else None,
            strict=arguments.strict_base and not arguments.ignore_config_errors,
            version=(arguments.version, other_directory(arguments)),
            trim=trim,
            firmware=arguments.firmware,
            requires=_requirements(arguments, toolchain.arch),
        ),
    )


def _requirements(arguments: Arguments, arch: str) -> str:
    """Return the rules that a kernel of *arguments* on *arch* must meet, as `dumped` writes them; empty if none."""
    if not arguments.requires:
        return ""
    from derivations.kconfig.requirements.requirement_set import dumped  # noqa: PLC0415 -- start-up: few kernels declare sets

    version = Version.parse(arguments.version)
    return dumped(it.applying(version, arch) for it in arguments.requires)


def other_directory(arguments: Arguments) -> str:
    """Return the name given for the modules directory if it is of another version than the kernel, or else an empty string."""
    release = Version.parse(arguments.version).release
    directory = arguments.mod_dir_version or release
    return "" if directory.startswith(release) else directory


def _fragments(name: str, wanted: Merged) -> list[Output]:
    """Return the requests *wanted* as files, the defaults first: of two members of a choice, the later one wins."""
    parts: dict[bool, dict[str, Request]] = {True: {}, False: {}}
    for option, request in wanted.requests.items():
        parts[request.priority is Priority.DEFAULT][option] = request
    names = {True: f"{name}-defaults", False: f"{name}-fragment"}
    return [text_file(names[it], write(requests)).out for it, requests in parts.items() if requests]


def config_tree(tree: Output) -> Output:
    """Return the files of *tree* that Kconfig reads, for every architecture."""
    return Derivation(
        name="linux-kconfig",
        system=ANY_SYSTEM,
        builder="builtin:kconfig-slice",
        mounts={"/tree": tree},
        hints=Hints(description="find what the configuration depends on", retention=Retention.SOURCE),
    ).out


def resolver(sources: Output, toolchain: Toolchain, flags: Sequence[str] = ()) -> Derivation:
    """Return the program that resolves configurations of the config tree *sources*; *flags* are make's."""
    return Derivation(
        name="linux-kconfig-resolver",
        system=toolchain.system,
        builder=SHELL,
        args=script("resolver", *flags),
        env=ENVIRONMENT,
        mounts={"/": toolchain.root, "/kconf": _program(), "/src": sources},
        hints=Hints(description="read the kernel's Kconfig", retention=Retention.TOOLCHAIN),
    )


def base(
    start: str | Output | FrozenMap[str | Output], sources: Output, toolchain: Toolchain, flags: Sequence[str] = ()
) -> Output:
    """Return the configuration *start*: a file as is, or the result of the make target of that name in *sources*."""
    assert not isinstance(start, FrozenMap)  # noqa: S101 -- `Arguments.on` chose one
    if isinstance(start, Output):
        return start
    return Derivation(
        name=f"linux-{start}",
        system=toolchain.system,
        builder=SHELL,
        args=script("base", start, *flags),
        env=ENVIRONMENT,
        mounts={"/": toolchain.root, "/src": sources},
        hints=Hints(description=f"make {start}", retention=Retention.TOOLCHAIN),
    ).out


def resolved(name: str, program: Derivation, start: Output, fragments: Sequence[Output], *, mode: str) -> Derivation:
    """Return the configuration *start* with *fragments* applied in order, as resolved by the resolver *program*.

    The *mode* determines what happens to tristates that are not requested: `plain` leaves them alone, `modules`
    builds all of them as modules if possible, `builtin` only those that would otherwise be off.
    """
    places = {f"{FRAGMENT}{number:02}": output for number, output in enumerate(fragments)}
    return Derivation(
        name=name,
        system=program.system,
        builder=RESOLVER,
        args=("/resolver", "resolve", mode, "/base", "/out/out", "/out/values", *places),
        mounts={"/base": start, "/resolver": program.out, "/src": program.mounts["/src"], **places},
        outputs=("out", "values"),
        hints=Hints(description="resolve the configuration"),
    )


def checked(
    name: str,
    program: Derivation,
    found: Derivation,
    wanted: Merged,
    *,
    lenient: bool,
    exact: Output | None,
    base: Output | None = None,
    strict: bool = False,
    version: tuple[str, str] | None = None,
    trim: Output | None = None,
    firmware: Firmware | None = None,
    requires: str = "",
) -> Derivation:
    """Return the `.config` that was *found*, if all requests *wanted* that are not optional hold in it.

    With *lenient*, all of them are optional. With *exact*, a complete `.config`, every value in that must hold. Values in
    the file *base* that do not hold are reported; with *strict*, they are errors. The tree must be of *version*, a
    pair of the version and the explicit name of its modules directory. Options that a *trim* switched off are not
    reported. The files of *firmware* must exist, and the rules of the sets *requires*, as `dumped` writes them, must hold.
    """
    asked = wanted.requests
    lines = {option: line(option, it.value) for option, it in asked.items() if not isinstance(it.value, Unset)}
    optional = [option for option in lines if lenient or asked[option].optional]
    defaults = [option for option in lines if asked[option].priority is Priority.DEFAULT]
    places = {"/config": found.out, "/resolver": program.out, "/values": found.output("values")}
    env = {
        "defaults": canonical_json(defaults).decode(),
        "optional": canonical_json(optional).decode(),
        "requests": canonical_json(lines).decode(),
    }
    if version is not None:
        env["version"], env["mod_dir_version"] = version
    if exact is not None:
        places["/base"] = exact
    elif base is not None:
        places["/base"] = base
        env["base"] = "strict" if strict else "told"
        if trim is not None:
            places["/trim"] = trim
    if firmware is not None:
        places |= firmware.mounts
        env["firmware"] = canonical_json([firmware.directory, *firmware.files]).decode()
    if requires:
        env["requires"] = requires
    return Derivation(
        name=name,
        system=ANY_SYSTEM,
        builder="builtin:check-config",
        env=env,
        mounts=places,
        hints=Hints(
            description="compare the configuration with what was asked for",
            origins={option: asked[option].origin for option in lines},
        ),
    )


@functools.cache
def _program() -> Output:
    parts = Path(__file__).with_name("scripts").joinpath("kconf").glob("*.c")
    texts = {part.name: part.read_text(encoding="utf-8") for part in parts}
    return union("kconf", [], UnionLayout(files=texts), retention=Retention.TOOLCHAIN).out
