"""The derivations below a kernel: its tree, its configuration, the build itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from derivations.derivation import Derivation, Hints, Output, canonical_json
from derivations.fetch import ANY_SYSTEM
from derivations.kconfig.fragment import Request, line, merge, text
from derivations.kconfig.values import NO
from derivations.linux.patch import options, patched
from derivations.linux.script import SHELL, script
from derivations.linux.version import Version
from derivations.source import text_file
from derivations.unpack import is_archive, unpack


if TYPE_CHECKING:
    from derivations.frozen_map import FrozenMap
    from derivations.linux.arguments import Arguments
    from derivations.toolchain import Toolchain


OUTPUTS = ("out", "modules", "dev", "debug")

# Nothing of time, place or chance gets into the image (Documentation/kbuild/reproducible-builds.rst).
_ENVIRONMENT = {
    "KBUILD_BUILD_TIMESTAMP": "Thu Jan  1 00:00:01 UTC 1970",
    "KBUILD_BUILD_USER": "kernix",
    "KBUILD_BUILD_HOST": "kernix",
    "KBUILD_BUILD_VERSION": "1",
    "KCONFIG_NOTIMESTAMP": "1",
    "LC_ALL": "C",
    "SOURCE_DATE_EPOCH": "1",
    "TZ": "UTC",
}

REPRODUCIBLE = {
    # `git describe` of whatever repository the tree lies in is no part of a kernel.
    "LOCALVERSION_AUTO": Request(NO, optional=True),
    # The default key is generated anew by every build and its certificate linked into the image.
    "MODULE_SIG_KEY": Request("", optional=True),
}
"""What every kernel asks for, below everything else that is asked for."""


@attrs.frozen(kw_only=True)
class Parts:
    """What a kernel is built from and into."""

    tree: Output
    requests: FrozenMap[Request]
    configuration: Derivation
    build: Derivation
    release: str


def parts(arguments: Arguments, toolchain: Toolchain) -> Parts:
    """Return the derivations of the kernel that *arguments* describe, compiled by *toolchain*."""
    tree = patched(source_tree(arguments), arguments.patches, toolchain)
    wanted = merge([REPRODUCIBLE, *options(arguments.patches), arguments.extra_config])
    configuration = _configuration(arguments, toolchain, tree, wanted)
    release = arguments.mod_dir_version or release_of(arguments, wanted)
    build = Derivation(
        name=f"{arguments.name}-{arguments.version}{arguments.extra_version}",
        system=toolchain.system,
        builder=SHELL,
        args=script("build", release, toolchain.image, *_make_arguments(arguments, toolchain)),
        env={**_ENVIRONMENT, "SRCARCH": toolchain.srcarch},
        mounts={"/": toolchain.root, "/src": tree, "/config": configuration.out},
        outputs=OUTPUTS,
        hints=Hints(description=f"Linux {release}", compilations=arguments.compilations),
    )
    return Parts(tree=tree, requests=wanted, configuration=configuration, build=build, release=release)


def source_tree(arguments: Arguments) -> Output:
    """Return the unpacked source: itself, or what is in the archive that it is."""
    source = arguments.source
    return unpack(source).out if is_archive(source.derivation.name) else source


def release_of(arguments: Arguments, wanted: FrozenMap[Request]) -> str:
    """Return what the kernel should call itself: version, CONFIG_LOCALVERSION, extra version."""
    request = wanted.get("LOCALVERSION")
    local = request.value if request is not None and isinstance(request.value, str) else ""
    return f"{Version.parse(arguments.version).release}{local}{arguments.extra_version}"


def _configuration(arguments: Arguments, toolchain: Toolchain, tree: Output, wanted: FrozenMap[Request]) -> Derivation:
    """Return the checked `.config`: what Kconfig resolves, and a comparison with what was asked for."""
    name = f"{arguments.name}-{arguments.version}-config"
    target, base = (arguments.base, {}) if isinstance(arguments.base, str) else ("", {"/base": arguments.base})
    fragment = text_file(f"{name}-fragment", text(wanted))
    resolved = Derivation(
        name=f"{name}-resolved",
        system=toolchain.system,
        builder=SHELL,
        args=script("configure", target, *_make_arguments(arguments, toolchain)),
        env=_ENVIRONMENT,
        mounts={"/": toolchain.root, "/src": tree, "/fragment": fragment.out, **base},
        hints=Hints(description=f"configure {arguments.name} {arguments.version}"),
    )
    asked = {name: line(name, it.value) for name, it in wanted.items() if not it.optional}
    return Derivation(
        name=name,
        system=ANY_SYSTEM,
        builder="builtin:check-config",
        env={"requests": canonical_json(asked).decode()},
        mounts={"/config": resolved.out},
        hints=Hints(description=f"check the configuration of {arguments.name} {arguments.version}"),
    )


def _make_arguments(arguments: Arguments, toolchain: Toolchain) -> tuple[str, ...]:
    # LOCALVERSION is given even when it is empty: unset, a git tree would append a `+` to the release.
    return (*toolchain.make_flags, f"LOCALVERSION={arguments.extra_version}", *arguments.make_flags)
