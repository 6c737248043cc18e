"""Tests for the initramfs of a kernel as `derivations.realise.builtins.initramfs` makes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from derivations.image.initramfs import Copy, Entry, File, early_microcode, join_initramfs, make_initramfs
from derivations.image.read import archives
from derivations.realise.builtins.initramfs import CannotUnpack, InvalidInitramfs
from derivations.source import text_file
from tests.derivations.image.test_kernel_initramfs import KERNEL, TREE
from tests.derivations.image.test_runnable import elf


if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from derivations.derivation import Derivation
    from derivations.image.compression import Compression
    from derivations.image.read import Archive
    from tests.derivations.realise.builtins.conftest import Runner


CONFIG = "".join(f"CONFIG_{it}=y\n" for it in ("BLK_DEV_INITRD", "BINFMT_SCRIPT", "BINFMT_ELF", "RD_XZ", "RD_ZSTD"))
TEMPLATE = {"init": "#!/bin/sh\n", "bin/sh": "#!", "mnt/root/": ""}


@pytest.fixture
def shell(tmp_path: Path) -> Path:
    """Return a program that can be the interpreter of an init."""
    file = tmp_path / "shell"
    file.write_bytes(elf())
    file.chmod(0o755)
    return file


def made(
    run: Runner,
    template: Mapping[str, str],
    shell: Path,
    *,
    config: str = CONFIG,
    entries: Mapping[str, Entry] | None = None,
    compression: Compression = "auto",
) -> list[Archive]:
    """Return the archives of the initramfs with *template* and *shell* as its `/bin/sh`."""
    file = text_file("sh", "")
    it = make_initramfs(
        KERNEL,
        template=TREE,
        entries={"bin/sh": Copy(file, mode=0o755), **(entries or {})},
        compression=compression,
    )
    inputs = {place: shell for place, output in it.mounts.items() if output == file.out}
    inputs["/template"] = run.tree("template", {path: text for path, text in template.items() if path != "bin/sh"})
    inputs["/kernel"] = run.tree("kernel", {"config": config})
    return list(archives(run(it, inputs).read_bytes(), "it"))


def test_a_template_is_copied(run: Runner, shell: Path) -> None:
    """A template is there with its empty directories, and with what every init expects."""
    (found,) = made(run, TEMPLATE, shell)
    paths = {it.path for it in found.members}
    assert {"init", "bin/sh", "mnt/root", "dev/console", "proc", "sys", "tmp"} <= paths


def test_a_merged_template(run: Runner, shell: Path) -> None:
    """Where the template's bin is a link, the programs go to where it leads."""
    (found,) = made(run, {**TEMPLATE, "bin": "-> usr/bin", "usr/bin/": ""}, shell)
    assert {"bin", "usr/bin/sh"} <= {it.path for it in found.members}
    assert "bin/sh" not in {it.path for it in found.members}


@pytest.mark.parametrize(
    ("options", "expected"), [(("RD_XZ", "RD_ZSTD"), "zstd"), (("RD_XZ",), "xz"), (("RD_GZIP",), "gzip"), ((), None)]
)
def test_the_best_compression(run: Runner, shell: Path, options: tuple[str, ...], expected: str | None) -> None:
    """The best that the kernel can unpack is chosen, or none."""
    config = "CONFIG_BLK_DEV_INITRD=y\nCONFIG_BINFMT_SCRIPT=y\nCONFIG_BINFMT_ELF=y\n"
    (found,) = made(run, TEMPLATE, shell, config=config + "".join(f"CONFIG_{it}=y\n" for it in options))
    assert found.compression == expected


@pytest.mark.parametrize(
    ("lacks", "compression"), [("RD_ZSTD", "zstd"), ("RD_XZ", "xz"), ("BLK_DEV_INITRD", "none"), ("RD_LZ4", "lz4")]
)
def test_what_the_kernel_cannot_unpack(run: Runner, lacks: str, compression: str) -> None:
    """A compression without its option is an error that names the option; also that which another builder makes."""
    config = CONFIG.replace(f"CONFIG_{lacks}=y", f"# CONFIG_{lacks} is not set")
    it = make_initramfs(KERNEL, template=TREE, compression=compression)  # type: ignore[call-overload]
    plain: Derivation = it.mounts["/archive"].derivation if compression == "lz4" else it
    inputs = {"/template": run.tree("template", TEMPLATE), "/kernel": run.tree("kernel", {"config": config})}
    with pytest.raises(CannotUnpack) as caught:
        run(plain, inputs)
    assert caught.value.option == lacks


@pytest.mark.parametrize(
    ("template", "place", "reason"),
    [
        pytest.param({"etc/x": ""}, "init", "the template has none", id="no-init"),
        pytest.param({"init": "echo"}, "init", "init is not executable", id="mode"),
        pytest.param(
            {"init": "#!/bin/zsh\n"}, "init", "the interpreter of init, /bin/zsh, is not in it", id="interpreter"
        ),
        pytest.param({**TEMPLATE, "x\ny": ""}, "x\\ny", "its name has a newline", id="newline"),
        pytest.param(
            {**TEMPLATE, "etc/x": ""}, "etc/x", "the template and the programs and entries both have it", id="twice"
        ),
        pytest.param(
            {**TEMPLATE, "lib/modules/6.1.9/x": ""}, "lib/modules/6.1.9", "these modules are not for", id="release"
        ),
    ],
)
def test_what_cannot_be_made(run: Runner, shell: Path, template: dict[str, str], place: str, reason: str) -> None:
    """What could not boot, or is not clear, is an error that names the place."""
    with pytest.raises(InvalidInitramfs) as caught:
        made(
            run,
            template,
            shell,
            entries={"etc/x": File("mine")} if "etc/x" in template and "init" in template else None,
        )
    assert (caught.value.place, caught.value.reason[: len(reason)]) == (place, reason)
    assert caught.value.hint


def test_files_are_joined(run: Runner) -> None:
    """Microcode is one file of what the vendor ships as several, in the order of their names."""
    it = early_microcode(intel=TREE)
    tree = run.tree("ucode", {"intel-ucode/06-02": "2", "intel-ucode/06-01": "1"})
    (found,) = archives(run(it, {"/0000": tree}).read_bytes(), "it")
    assert (found.members[-1].path, found.members[-1].size) == ("kernel/x86/microcode/GenuineIntel.bin", 2)
    with pytest.raises(InvalidInitramfs):
        run(it, {"/0000": run.tree("empty", {"intel-ucode/": ""})})


def test_archives_are_joined(run: Runner, tmp_path: Path) -> None:
    """Archives are joined at multiples of four bytes, whatever the lengths; anything else is refused."""
    first = run(make_initramfs({"a": File("1")}, compression="xz"))
    second = run(make_initramfs({"b": File("2")}))
    it = join_initramfs([TREE, TREE])
    (tmp_path / "odd").write_bytes(first.read_bytes() + b"\0" * (-first.stat().st_size % 4 + 1))
    joined = run(it, {"/0000": tmp_path / "odd", "/0001": second}).read_bytes()
    found = list(archives(joined, "it"))
    assert [it.members[0].path for it in found] == ["a", "b"]
    assert found[1].offset % 4 == 0
    (tmp_path / "text").write_text("hello, it is me")
    with pytest.raises(InvalidInitramfs):
        run(it, {"/0000": first, "/0001": tmp_path / "text"})
