"""The derivations below a kernel: its tree, its configuration, the build itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from derivations.derivation import Derivation, Hints, Output
from derivations.kconfig.language.values import MODULE, YES
from derivations.linux.configuration import ConfigSteps, configuration
from derivations.linux.patch import patched
from derivations.linux.requested import SIGNING_KEY, merged_requests
from derivations.linux.script import SHELL, script, text_of
from derivations.source import text_file
from derivations.unpack import is_archive, unpack
from derivations.version import Version


if TYPE_CHECKING:
    from derivations.frozen_map import FrozenMap
    from derivations.kconfig.language.fragment import Request
    from derivations.kconfig.language.merge import Merged
    from derivations.linux.arguments import Arguments
    from derivations.toolchain import Toolchain


OUTPUTS = ("out", "modules", "build", "debug")

ENVIRONMENT = {
    "KBUILD_BUILD_TIMESTAMP": "Thu Jan  1 00:00:01 UTC 1970",
    "KBUILD_BUILD_USER": "kernix",
    "KBUILD_BUILD_HOST": "kernix",
    "KBUILD_BUILD_VERSION": "1",
    "KCONFIG_NOTIMESTAMP": "1",
    "LC_ALL": "C",
    "SOURCE_DATE_EPOCH": "1",
    "TZ": "UTC",
}
"""Keeps time, place and chance out of the image (Documentation/kbuild/reproducible-builds.rst)."""


@attrs.frozen(kw_only=True)
class Parts:
    """The parts of a kernel's build: what it is built from, and the build."""

    tree: Output
    merged_requests: Merged
    configuration: ConfigSteps
    build: Derivation
    release: str
    hardware: Output | None
    trim: Output | None


def parts(arguments: Arguments, toolchain: Toolchain) -> Parts:
    """Return the derivations of the kernel that *arguments* describe, compiled by *toolchain*."""
    arguments = arguments.on(toolchain.arch)
    tree = patched(source_tree(arguments), arguments.patches)
    merged = merged_requests(arguments, toolchain.arch)
    configured = configuration(arguments, toolchain, tree, merged)
    fragment = trim = None
    if arguments.hardware is not None:
        from derivations.linux.hardware_options import hardware_fragment, trim_fragment  # noqa: PLC0415 -- start-up: few kernels are for one machine

        fragment = hardware_fragment(arguments.hardware, tree, toolchain.srcarch, configured)
        configured = configuration(arguments, toolchain, tree, merged, fragments=[fragment])
        if arguments.only_hardware:
            asked = [option for option, request in merged.requests.items() if request.value in (YES, MODULE)]
            trim = trim_fragment(
                fragment, tree, toolchain.srcarch, configured, needed=asked, keep=arguments.keep_modules
            )
            configured = configuration(arguments, toolchain, tree, merged, fragments=[fragment], trim=trim)
    release = arguments.mod_dir_version or release_of(arguments, merged.requests)
    build = Derivation(
        name=f"{arguments.name}-{arguments.version}{arguments.extra_version}",
        system=toolchain.system,
        builder=SHELL,
        args=script("build", release, toolchain.image, *make_arguments(arguments, toolchain)),
        env={**ENVIRONMENT, **_seed(arguments), "SRCARCH": toolchain.srcarch},
        mounts={
            "/": toolchain.root,
            "/src": tree,
            "/config": configured.checked.out,
            **chance(),
            **_key(arguments),
            **_firmware(arguments),
        },
        outputs=OUTPUTS,
        hints=Hints(description=f"Linux {release}", compilations=arguments.compilations, object_tree=toolchain.srcarch),
    )
    return Parts(
        tree=tree,
        merged_requests=merged,
        configuration=configured,
        build=build,
        release=release,
        hardware=fragment,
        trim=trim,
    )


def headers(tree: Output, release: str, toolchain: Toolchain) -> Derivation:
    """Return what external modules need of the source *tree*, as `lib/modules/<release>/source`."""
    return Derivation(
        name="linux-headers",
        system=toolchain.system,
        builder=SHELL,
        args=script("headers", release),
        env={"SRCARCH": toolchain.srcarch},
        mounts={"/": toolchain.root, "/src": tree},
        hints=Hints(description=f"headers and makefiles of Linux {release}"),
    )


def chance() -> dict[str, Output]:
    """Return the mount of the script that gives a build what it would take from chance."""
    return {"/kernix/chance.sh": text_file("chance.sh", text_of("chance")).out}


def _seed(arguments: Arguments) -> dict[str, str]:
    return {} if arguments.randstruct_seed is None else {"KERNIX_RANDSTRUCT_SEED": arguments.randstruct_seed}


def _key(arguments: Arguments) -> dict[str, Output]:
    return {} if arguments.signing_key is None else {SIGNING_KEY: arguments.signing_key}


def _firmware(arguments: Arguments) -> dict[str, Output]:
    return {} if arguments.firmware is None else arguments.firmware.mounts


def source_tree(arguments: Arguments) -> Output:
    """Return the source, unpacked if it is an archive."""
    source = arguments.source
    return unpack(source).out if is_archive(source.derivation.name) else source


def release_of(arguments: Arguments, wanted: FrozenMap[Request]) -> str:
    """Return the expected release of the kernel: version, CONFIG_LOCALVERSION, extra version."""
    request = wanted.get("LOCALVERSION")
    local = request.value if request is not None and isinstance(request.value, str) else ""
    return f"{Version.parse(arguments.version).release}{local}{arguments.extra_version}"


def make_arguments(arguments: Arguments, toolchain: Toolchain) -> tuple[str, ...]:
    """Return the arguments of every run of `make` for the kernel that *arguments* describe."""
    # LOCALVERSION is passed even if it is empty: if it were unset, a git tree would append a `+` to the release.
    return (*toolchain.make_flags, f"LOCALVERSION={arguments.extra_version}", *arguments.make_flags)
