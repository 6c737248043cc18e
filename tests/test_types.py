"""Editors and type checkers understand the API: with an installed wheel, they report every mistake, and nothing else."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import zipfile

from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import jedi  # type: ignore[import-untyped]
import pytest

from derivations.linux import keywords
from derivations.linux.arguments import NAMES, Arguments
from derivations.linux.kernel import make_linux
from derivations.linux.packages import DKMS, Packages
from kernels import KernelSet, kernel_set


if TYPE_CHECKING:
    from jedi.api.environment import Environment  # type: ignore[import-untyped]


ROOT = Path(__file__).parents[1]
TOOLS = Path(sys.executable).parent
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
CHECKERS = ["mypy", "pyright"]

HEAD = """
from pathlib import Path
from derivations import (
    MODULE, NO, UNSET, YES, Asked, Context, Derivation, DerivationChanges, Fragment, Hex, Hints, Patch, default, dkms_package,
    fetch_git, fetch_url, force, linux_manual_config, linux_packages_custom, local_file, local_source, make_initramfs, make_linux,
    make_linux_module, optional, text_file, union, unpack, when_arch, when_at_least, when_older,
)
from derivations.image.initramfs import Copy, Device, Directory, File, Link
from derivations.toolchain import Toolchain
from kernels import KernelSet, kernel_set
kernels = kernel_set()
kernel = kernels.linux_micro
source = fetch_url("https://mirror.example/linux.tar.xz", sha256="0" * 64)
number = 17
"""

WRONG = {
    "version-is-a-number": "make_linux(version=6.12, source=source)",
    "no-version": "make_linux(source=source)",
    "no-source": 'make_linux(version="6.12")',
    "source-is-a-url": 'make_linux(version="6.12", source="https://mirror.example/linux.tar.xz")',
    "source-is-a-path": 'make_linux(version="6.12", source=Path("linux"))',
    "by-position": 'make_linux("6.12", source)',
    "base-is-a-number": 'make_linux(version="6.12", source=source, base=3)',
    "base-is-a-mapping": 'make_linux(version="6.12", source=source, base={"KGDB": YES})',
    "systems-is-a-text": 'make_linux(version="6.12", source=source, systems="x86_64-linux")',
    "flags-are-a-text": 'make_linux(version="6.12", source=source, make_flags="V=1")',
    "flags-are-a-mapping": 'make_linux(version="6.12", source=source, make_flags={"V": "1"})',
    "kept-modules-are-a-text": 'make_linux(version="6.12", source=source, keep_modules="zram")',
    "features-are-a-list": 'make_linux(version="6.12", source=source, features=["kgdb"])',
    "feature-is-a-text": 'make_linux(version="6.12", source=source, features={"kgdb": "yes"})',
    "truth-is-a-value": 'make_linux(version="6.12", source=source, enable_common_config=YES)',
    "toolchain-is-a-list": 'make_linux(version="6.12", source=source, toolchain=["gcc"])',
    "count-is-a-truth-value": 'make_linux(version="6.12", source=source, compilations=True)',
    "hardware-is-a-mapping": 'make_linux(version="6.12", source=source, hardware={"pci": []})',
    "context-is-a-system": 'make_linux(version="6.12", source=source, context="aarch64-linux")',
    "unknown-argument": 'make_linux(version="6.12", source=source, patchs=[])',
    "argument-of-nixpkgs": 'make_linux(version="6.12", src=source)',
    "no-kernel-attribute": 'make_linux(version="6.12", source=source).image',
    "option-is-true": 'kernel.override(extra_config={"KGDB": True})',
    "option-is-false": 'kernel.override(extra_config={"KGDB": YES, "SWAP": False})',
    "option-is-a-fraction": 'kernel.override(extra_config={"LOG_BUF_SHIFT": 1.5})',
    "option-is-none": 'kernel.override(extra_config={"KGDB": None})',
    "option-is-a-set": 'kernel.override(extra_config={"KGDB": {YES}})',
    "option-is-a-number": "kernel.override(extra_config={1: YES})",
    "options-are-a-set": 'kernel.override(extra_config={"KGDB"})',
    "options-are-a-number": "kernel.override(extra_config=17)",
    "optional-true": 'kernel.override(extra_config={"KGDB": optional(True)})',
    "force-without-value": 'kernel.override(extra_config={"KGDB": force()})',
    "version-of-a-condition": 'kernel.override(extra_config={"KGDB": when_older(6.7, YES)})',
    "condition-turned-round": 'kernel.override(extra_config={"KGDB": when_at_least(YES, "6.7")})',
    "fragment-without-name": 'kernel.override(extra_config=Fragment({"KGDB": YES}))',
    "options-in-a-patch": 'Patch("a", extra_config={"KGDB": True})',
    "patches-is-a-text": 'kernel.override(patches="fix.patch")',
    "patches-are-names": 'kernel.override(patches=["fix.patch"])',
    "patches-are-one": 'kernel.override(patches=Patch("a", "a.patch"))',
    "patch-without-name": 'kernel.override(patches=[Patch(file="fix.patch")])',
    "strip-is-a-text": 'Patch("a", "a.patch", strip="1")',
    "function-without-old-value": "kernel.override(patches=lambda: [])",
    "function-returns-a-number": "kernel.override(patches=lambda old: len(old))",
    "function-of-another-type": "kernel.override(version=lambda old: old + 1)",
    "function-adds-a-name": 'kernel.override(patches=lambda old: [*old, "fix.patch"])',
    "override-unknown": 'kernel.override(extra_conifg={"KGDB": YES})',
    "override-by-position": 'kernel.override({"KGDB": YES})',
    "override-on-override": 'kernel.override(version="6.12").override(versions="6.12")',
    "override-attrs-mapping": 'kernel.override_attrs({"hints": Hints()})',
    "override-attrs-unknown": 'kernel.override_attrs(lambda old: {"hint": Hints()})',
    "override-attrs-value": 'kernel.override_attrs(lambda old: {"hints": 600})',
    "override-attrs-number": "kernel.override_attrs(lambda old: 600)",
    "override-attrs-old": "kernel.override_attrs(lambda old: {'env': old.environment})",
    "unknown-hint": "Hints(time_out=600)",
    "no-output": "kernel.devel",
    "no-output-of-item": 'kernels["linux_micro"].devel',
    "no-output-of-a-series": "kernels.linux_6_12.image",
    "no-test": "kernel.tests.bot",
    "output-of-output": "kernel.out.modules",
    "version-is-called": "kernel.version()",
    "modules-are-one-name": 'kernel.with_modules("vpoll")',
    "modules-are-numbers": "kernel.with_modules([1])",
    "module-attribute": "kernel.packages.vpoll.release",
    "no-hash": 'fetch_url("https://mirror.example/a")',
    "hash-by-position": 'fetch_url("https://mirror.example/a", "0" * 64)',
    "hash-is-called-otherwise": 'fetch_url("https://mirror.example/a", hash="0" * 64)',
    "mirrors-are-a-text": 'fetch_url("https://mirror.example/a", sha256="0" * 64, mirrors="https://mirror.example/b")',
    "no-revision": 'fetch_git("https://mirror.example/a.git")',
    "module-without-source": 'make_linux_module(kernel, name="a")',
    "module-for-no-kernel": 'make_linux_module("6.12", source, name="a")',
    "module-from-a-text": 'make_linux_module(kernel, "vpoll", name="a")',
    "module-requires-a-text": 'make_linux_module(kernel, source, name="a", requires="NET")',
    "module-flags": 'make_linux_module(kernel, dkms_package("vpoll"), make_flag=["V=1"])',
    "dkms-of-a-list": 'dkms_package(["vpoll"])',
    "initramfs-of-texts": 'make_initramfs({"init": "#!/bin/sh"})',
    "initramfs-compression": 'make_initramfs({"proc": Directory()}, compression="lzma")',
    "device-of-no-kind": 'make_initramfs({"dev/console": Device("x", 5, 1)})',
    "manual-base": 'linux_manual_config(version="6.12", source=source, config_file="a.config", base="defconfig")',
    "manual-without-file": 'linux_manual_config(version="6.12", source=source)',
    "manual-number": 'linux_manual_config(version="6.12", source=source, config_file=6)',
    "custom-unknown": 'linux_packages_custom(version="6.12", source=source, config_file="a.config", patchs=[])',
    "custom-attribute": 'linux_packages_custom(version="6.12", source=source, config_file="a.config").kernel.devel',
    "set-of-overlay": "kernel_set(lambda final, prev: {})",
    "set-of-files": 'kernel_set(overlays=["kgdb.py"])',
    "set-for-systems": 'kernel_set(system=["aarch64-linux"])',
    "overlay-of-one": "kernel_set(overlays=[lambda prev: {}])",
    "overlay-not-lazy": 'kernel_set(overlays=[lambda final, prev: {"a": prev.linux_micro}])',
    "no-such-name": "from derivations import make_linx",
    "no-such-name-of-kernels": "from kernels import kernels_set",
}
"""Wrong statements that may follow `HEAD`, by their mistake."""

RIGHT = {
    "least": 'make_linux(version="6.12", source=source)',
    "every-form-of-base": """[
    make_linux(version="6.12", source=it.out, base=base)
    for it in (source, unpack(source), local_source("linux"))
    for base in ("defconfig", Path("my.config"), text_file("config", ""), text_file("config", "").out)
]""",
    "every-form-of-option": """kernel.override(
    extra_config={
        "A": YES, "B": MODULE, "C": NO, "D": UNSET, "E": 17, "F": "-x", "G": Hex(16), "H": number, "I": optional(YES), "J": force(17),
        "K": default(optional("-x")), "L": [when_older("6.7", YES), when_at_least("6.7", MODULE)], "M": when_arch(("arm64", "x86_64"), NO),
    }
)""",
    "every-form-of-options": 'kernel.override(extra_config=[{"A": YES}, "B=y", Fragment("c", {"C": 17}), Fragment("d", "D=m")])',
    "options-in-a-variable": 'options: dict[str, Asked] = {"A": YES, "B": 17}; kernel.override(extra_config=options)',
    "tristates-in-a-variable": 'tristates = {"A": YES, "B": MODULE}; kernel.override(extra_config={**tristates, "C": 17})',
    "functions": """kernel.override(
    version=lambda old: f"{old}-custom",
    source=lambda old: old.derivation,
    systems=lambda old: [*old, "aarch64-linux"],
    extra_config=lambda old: [*(it.without("KGDB") for it in old), {"KGDB": YES}],
    patches=lambda old: [it for it in old if it.name != "a"],
    make_flags=lambda old: (*old, "V=1"),
    features=lambda old: {**old, "kgdb": True},
    mod_dir_version=lambda old: old,
    toolchain=lambda old: old if isinstance(old, Toolchain) else "clang",
    compilations=lambda old: 1 + (old or 0),
)""",
    "attributes": """kernel.override_attrs(
    lambda old: {"env": {**old.env, "A": "1"}, "args": [*old.args, "b"], "hints": Hints(timeout=600), "mounts": old.mounts}
)""",
    "attributes-by-a-function": """def slower(old: Derivation) -> DerivationChanges:
    return {"hints": Hints(timeout=600)}
kernel.override_attrs(slower).override(version="6.12")""",
    "outputs": "_ = [kernel.out, kernel.modules, kernel.dev, kernel.debug, kernel.configuration, kernel.tests.boot.out, kernel.tree]",
    "facts": '_ = [kernel.version.upper(), kernel.release.upper(), kernel.features.get("kgdb"), kernel.description.upper(), kernel.requests["A"]]',
    "modules": 'kernel.with_modules([kernel.packages.vpoll, "lime", kernel.packages["bbswitch"]]).out',
    "modules-in-a-variable": "modules = [kernel.packages.vpoll]; kernel.with_modules(modules); kernel.with_modules((*modules,))",
    "more-modules": """kernel.packages.extend(
    lambda final, prev: {"mine": lambda: make_linux_module(final.kernel, source, name="mine", depends=[prev.vpoll])}
).mine.out""",
    "module": 'make_linux_module(kernel, dkms_package("vpoll"), make_flags=["V=1"], patches=(Patch("a", "a.patch"),), directory=["a", "b"])',
    "initramfs": """make_initramfs(
    {"init": File(text="", mode=0o755), "bin/a": Copy(kernel.out, "a"), "bin/sh": Link("a"), "dev/console": Device("c", 5, 1)},
    compression="zstd",
).out""",
    "fetched": 'fetch_url("https://mirror.example/a", sha256="0" * 64, mirrors=["https://mirror.example/b"], executable=True).out',
    "manual": 'linux_manual_config(version="6.12", source=source, config_file="a.config", patches=[]).override(name="b").tests.boot',
    "custom": 'linux_packages_custom(version="6.12", source=source, config_file=local_file("a.config")).kernel.dev',
    "other-series": "_ = [kernels.linux_7_1.out, kernels.linux_debian_6_18.out, kernels['linux_7_1'].out]",
    "set": "[name.upper() for name in kernels]",
    "overlay": """def overlay(final: KernelSet, prev: KernelSet):
    return {"linux_kgdb": lambda: prev.linux_6_12.override(extra_config={"KGDB": YES}), "linux_latest": lambda: final.linux_kgdb}
kernel_set(overlays=[overlay], system="aarch64-linux").linux_kgdb.dev""",
    "overlay-without-types": """def plain(final, prev):
    return {"linux_kgdb": lambda: prev.linux_6_12.override(extra_config={"KGDB": YES})}
kernel_set([plain]).linux_kgdb.dev""",
}
"""Correct statements that may follow `HEAD`, by what they show."""

MISTAKES = {"typo.py", "typos.py"}
"""The files in the pages that show mistakes, by the names in their first lines."""


@attrs.frozen
class Installed:
    """An environment with the wheel of this tree, and the files of a user."""

    python: Path
    files: Path

    def reported(self, checker: str) -> dict[str, dict[int, str]]:
        """Return the reports of *checker*, by file and line."""
        given = {
            "mypy": ["--check-untyped-defs", "--disable-error-code=var-annotated", "--output=json", f"--cache-dir={self.files / '.mypy_cache'}", f"--python-executable={self.python}"],
            "pyright": ["--outputjson", f"--pythonpath={self.python}"],
        }  # fmt: skip
        done = subprocess.run(
            [TOOLS / checker, *given[checker], *sorted(it.name for it in self.files.glob("*.py"))],
            cwd=self.files, text=True, capture_output=True, check=False,
        )  # fmt: skip
        assert done.returncode in {0, 1}, done.stdout + done.stderr
        found: dict[str, dict[int, str]] = {}
        if checker == "mypy":
            for it in map(json.loads, done.stdout.splitlines()):
                found.setdefault(it["file"], {})[it["line"]] = it["message"]
        else:
            for it in json.loads(done.stdout)["generalDiagnostics"]:
                found.setdefault(Path(it["file"]).name, {})[it["range"]["start"]["line"] + 1] = it["message"]
        return found


def examples() -> dict[str, str]:
    """Return the Python blocks of the pages, by a name for each."""
    found: dict[str, str] = {}
    for page in PAGES:
        blocks = re.findall(r"^```python\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
        found |= {f"{page.stem}_{number}": block for number, block in enumerate(blocks, 1)}
    return found


EXAMPLES = examples()


def shown_mistakes() -> tuple[str, str]:
    """Return the file of mistakes in docs/python.md, and mypy's reports as shown in the page."""
    page = (ROOT / "docs/python.md").read_text(encoding="utf-8")
    found = re.search(r"^\$ cat mistakes.py\n(.*?)^\$ mypy mistakes.py\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1], found[2]


def arguments_table() -> list[str]:
    """Return the arguments of `make_linux` in the table of docs/kernels.md."""
    page = (ROOT / "docs/kernels.md").read_text(encoding="utf-8")
    table = page.partition("## The arguments of `make_linux`")[2].partition("\n## ")[0]
    first = re.findall(r"^\| (`[^|]*`) \|", table, re.MULTILINE)
    return [name for cell in first for name in re.findall(r"`(\w+)`", cell)]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Return an environment with the wheel of this tree installed."""
    place = tmp_path_factory.mktemp("typed")
    run = [sys.executable, "-m"]
    subprocess.run([*run, "hatchling", "build", "-t", "wheel", "-d", place], cwd=ROOT, check=True, capture_output=True)
    subprocess.run([*run, "venv", "--without-pip", place / "venv"], check=True)
    (packages,) = (place / "venv/lib").glob("python*/site-packages")
    (wheel,) = place.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(packages)
    # The dependencies of kernix are in the environment of the tests.
    packages.joinpath("tests.pth").write_text("".join(f"{it}\n" for it in sys.path if it.endswith("site-packages")))
    files = place / "files"
    files.mkdir()
    # One statement per file, so that none makes another unreachable.
    for name, code in {
        **{f"wrong_{it}": code for it, code in WRONG.items()},
        **{f"right_{it}": code for it, code in RIGHT.items()},
    }.items():
        files.joinpath(f"{name.replace('-', '_')}.py").write_text(HEAD + code + "\n", encoding="utf-8")
    files.joinpath("mistakes.py").write_text(shown_mistakes()[0], encoding="utf-8")
    for name, code in EXAMPLES.items():
        files.joinpath(f"example_{name}.py").write_text(code, encoding="utf-8")
    return Installed(place / "venv/bin/python", files)


@pytest.fixture(scope="module")
def environment(installed: Installed) -> Environment:
    """Return that environment for jedi."""
    return jedi.create_environment(installed.python.parents[1], safe=False)


@pytest.fixture(scope="module", params=CHECKERS)
def reported(request: pytest.FixtureRequest, installed: Installed) -> dict[str, dict[int, str]]:
    """Return the reports of a type checker, by file and line."""
    return installed.reported(request.param)


def test_there_is_something_to_check() -> None:
    """There are wrong calls, correct ones, and examples."""
    assert len(WRONG) > 25
    assert len(EXAMPLES) > 10


@pytest.mark.parametrize("name", WRONG)
def test_wrong_call(name: str, reported: dict[str, dict[int, str]]) -> None:
    """A wrong call is reported in its own line, and nothing else is reported."""
    found = reported.get(f"wrong_{name.replace('-', '_')}.py", {})

    assert list(found) == [HEAD.count("\n") + 1], found


@pytest.mark.parametrize("name", RIGHT)
def test_right_call(name: str, reported: dict[str, dict[int, str]]) -> None:
    """A correct call causes no report."""
    assert reported.get(f"right_{name.replace('-', '_')}.py", {}) == {}


@pytest.mark.parametrize("name", EXAMPLES)
def test_example(name: str, reported: dict[str, dict[int, str]]) -> None:
    """Only the examples that show a mistake are reported."""
    found = reported.get(f"example_{name}.py", {})

    assert bool(found) == (EXAMPLES[name].partition("\n")[0].removeprefix("# ") in MISTAKES), found


def test_shown_mistakes(reported: dict[str, dict[int, str]]) -> None:
    """The reported lines are those that docs/python.md shows."""
    shown = {int(line) for line in re.findall(r"^mistakes.py:(\d+): error: ", shown_mistakes()[1], re.MULTILINE)}

    assert len(shown) > 1
    assert reported["mistakes.py"].keys() == shown


@pytest.mark.parametrize(
    ("code", "names"),
    [
        pytest.param("make_linux(", [f"{it}=" for it in NAMES], id="make-linux"),
        pytest.param("kernels.linux_micro.override(", [f"{it}=" for it in NAMES], id="override"),
        pytest.param("kernels.linux_micro.override(version='6.12').override(pat", ["patches="], id="override-twice"),
        pytest.param("linux_manual_config(", ["config_file=", "patches=", "source=", "version="], id="manual"),
        pytest.param("fetch_url('', ", ["sha256=", "mirrors=", "name="], id="fetch-url"),
        pytest.param("make_linux_module(kernels.linux_micro, ", ["directory=", "make_flags=", "requires="], id="module"),
        pytest.param(
            "kernels.linux_micro.",
            ["configuration", "debug", "dev", "modules", "out", "override", "override_attrs", "packages", "tests", "version"],
            id="kernel",
        ),
        pytest.param("kernels['linux_7_1'].", ["configuration", "override"], id="item"),
        pytest.param("kernels.linux_micro.tests.", ["boot"], id="tests"),
        pytest.param("kernels.linux_micro.packages.", list(DKMS), id="packages"),
        pytest.param("kernels.linux_micro.out.", ["derivation", "name"], id="output"),
        pytest.param("kernels.", ["linux_micro", "linux_6_12", "linux_latest"], id="set"),
        pytest.param("make_linux(version='6.12', source=x).", ["configuration", "override"], id="made"),
    ],
)  # fmt: skip
def test_completion(code: str, names: list[str], installed: Installed, environment: Environment) -> None:
    """Jedi completes names and arguments."""
    head = "from derivations import *\nfrom kernels import kernel_set\nkernels = kernel_set()\n"

    found = {
        it.name
        for it in jedi.Script(head + code, path=installed.files / "completed.py", environment=environment).complete()
    }

    assert set(names) - found == set()


def declared(kind: type) -> set[str]:
    """Return the public attributes that *kind* declares without defining them."""
    return {it for it in kind.__annotations__ if not it.startswith("_")}


def test_kernels_are_declared() -> None:
    """The set declares the kernels that exist without a lock."""
    assert declared(KernelSet) == set(kernel_set())


def test_modules_are_declared() -> None:
    """A kernel's packages declare the modules that come with kernix."""
    assert declared(Packages) == set(DKMS)


def annotated(module: str, kind: str) -> dict[str, str]:
    """Return the annotations in the body of the class *kind* in *module*, as written."""
    tree = ast.parse((ROOT / module).read_text(encoding="utf-8"))
    (body,) = (it.body for it in ast.walk(tree) if isinstance(it, ast.ClassDef) and it.name == kind)
    return {
        it.target.id: ast.unparse(it.annotation)
        for it in body
        if isinstance(it, ast.AnnAssign) and isinstance(it.target, ast.Name)
    }


def test_the_arguments_are_written_once() -> None:
    """The arguments of `override` are those of `make_linux`, or functions of the values in `Arguments`."""
    typed = "derivations/linux/keywords.py"
    given = {
        name: it for kind in ("_Required", "_Common", "LinuxKeywords") for name, it in annotated(typed, kind).items()
    }
    held = annotated("derivations/linux/arguments.py", "Arguments")

    assert given.keys() == held.keys() == set(NAMES)
    assert annotated(typed, "OverrideKeywords") == {name: f"Changed[{given[name]}, {held[name]}]" for name in given}


def test_required_arguments() -> None:
    """The required arguments are those without a default."""
    fields = attrs.fields(Arguments)

    assert keywords.LinuxKeywords.__required_keys__ == {it.name for it in fields if it.default is attrs.NOTHING}


def test_documented() -> None:
    """`make_linux` documents each argument, and nothing else."""
    assert re.findall(r"^ {12}(\w+): ", make_linux.__doc__ or "", re.MULTILINE) == list(NAMES)


def test_table_in_the_documentation() -> None:
    """The table in docs/kernels.md has each argument once, and nothing else."""
    assert sorted(arguments_table()) == sorted(NAMES)
