"""How a kernel comes to its configuration: derivations, each with its own key.

    tree ─▶ config tree ─┬─▶ resolver ────────┐
    (what Kconfig reads) └─▶ base (defconfig) ─┴─▶ resolved ─▶ checked
                              fragments ──────────┘

The config tree is all of the tree that counts, so a patch to C files leaves everything below it as it
is. The resolver is the kernel's own Kconfig, linked into a program that needs no compiler any more
and takes well under a second (`scripts/kconf/`). What a kernel is built with ends in the `.config`
alone: what leads to the same one builds nothing again.
"""

from __future__ import annotations

import functools

from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from derivations.derivation import Derivation, Hints, Output, canonical_json
from derivations.fetch import ANY_SYSTEM
from derivations.kconfig.language.text import line, write
from derivations.kconfig.language.values import Priority, Unset
from derivations.linux.script import SHELL, script
from derivations.source import text_file
from derivations.union import Layout, union
from derivations.version import Version
from store.gc.retention import Retention


if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from derivations.kconfig.language.fragment import Request
    from derivations.kconfig.language.merge import Merged
    from derivations.linux.arguments import Arguments
    from derivations.toolchain import Toolchain


ENVIRONMENT = {"KCONFIG_NOTIMESTAMP": "1", "LC_ALL": "C", "TZ": "UTC"}
"""What Kconfig's programs have in common where nobody looks at them."""


@attrs.frozen(kw_only=True)
class ConfigSteps:
    """The way to one configuration.

    Attributes:
        tree: What Kconfig reads of the kernel's source.
        resolver: The program, the results of its probes, and the model.
        base: The configuration that requests are put over.
        resolved: The `.config`, and as `values` what every option is.
        checked: The `.config`, if everything in it is as it was asked for.
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
    """Return how the kernel of *arguments* is configured.

    What is *wanted* is put over *fragments*, files that are made by other derivations, those over the *trim*, and that over
    the base.
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
        ),
    )


def other_directory(arguments: Arguments) -> str:
    """Return what the modules directory is to be called if that is of another version than the kernel; else nothing."""
    release = Version.parse(arguments.version).release
    directory = arguments.mod_dir_version or release
    return "" if directory.startswith(release) else directory


def _fragments(name: str, wanted: Merged) -> list[Output]:
    """Return what is *wanted* as files, the defaults below: of two members of a choice the one above counts."""
    parts: dict[bool, dict[str, Request]] = {True: {}, False: {}}
    for option, request in wanted.requests.items():
        parts[request.priority is Priority.DEFAULT][option] = request
    names = {True: f"{name}-defaults", False: f"{name}-fragment"}
    return [text_file(names[it], write(requests)).out for it, requests in parts.items() if requests]


def config_tree(tree: Output) -> Output:
    """Return what Kconfig reads of *tree*, for every architecture."""
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


def base(start: str | Output, sources: Output, toolchain: Toolchain, flags: Sequence[str] = ()) -> Output:
    """Return the configuration *start*: a file as it is, or what make's target of that name makes in *sources*."""
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
    """Return what the resolver *program* makes of the configuration *start* with *fragments* over it, the last on top.

    The *mode* says what becomes of tristates that nobody asks for: `plain` leaves them, `modules` makes
    modules of all that can be, `builtin` of those that would be off.
    """
    places = {f"/fragment-{number:02}": output for number, output in enumerate(fragments)}
    return Derivation(
        name=name,
        system=program.system,
        builder="/resolver/kconf",
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
) -> Derivation:
    """Return the `.config` that was *found*, if what is *wanted* and not optional holds in it.

    If it is *lenient*, all is optional. With *exact*, a whole `.config`, nothing that this says may be otherwise. Of
    *base*, the file it begins with, it is said what does not hold; if it is *strict*, that is an error. The tree has to
    be of the *version*, given with what its modules directory is to be called, if that was said. What gave way to a *trim*
    is as it should be.
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
    return union("kconf", [], Layout(files=texts), retention=Retention.TOOLCHAIN).out
