"""The laws of the house: which module may import which, which may act, and how large one is."""

from __future__ import annotations

import ast
import functools
import graphlib

from pathlib import Path

import pytest


ROOT = Path(__file__).parents[2]

FLOORS = ["store", "derivations", "overlays", "kernels", "kernix"]
"""Each package may import itself and the packages before it."""

MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for top in FLOORS
    for path in [*ROOT.glob(f"{top}.py"), *ROOT.glob(f"{top}/**/*.py")]
}

ACTING = {
    "asyncio", "ctypes", "fcntl", "http", "multiprocessing", "pty", "requests", "selectors", "shutil", "signal",
    "socket", "sqlite3", "subprocess", "tempfile", "urllib.request",
}  # fmt: skip
"""What a module imports that changes the world or talks to it."""

PURE_OF_OS = {"PathLike", "fsdecode", "fsencode", "fspath", "path"}
"""What a recipe may use of `os`: texts and names, no calls of the system."""

OF_THE_COMMAND_LINE = {"argparse", "click", "getpass", "logging", "rich"}

SUBPACKAGES = {
    "store.osutil": {"store.errors"},
    "store.trees": {"store.base32", "store.errors", "store.path", "store.osutil"},
    "store.signing": {"store.errors", "store.osutil"},
    "store.records": {"store.errors", "store.gc.retention", "store.parsing", "store.path", "store.osutil"},
    "derivations.kconfig.language": set(),
    "derivations.kconfig.symbols": {"derivations.kconfig.language"},
    "derivations.kconfig.diagnosis": {"derivations.kconfig.language", "derivations.kconfig.symbols"},
    "derivations.kconfig.comparison": {
        "derivations.kconfig.diagnosis", "derivations.kconfig.language", "derivations.kconfig.symbols",
    },
    "derivations.kbuild": {"derivations.suggest"},
    "derivations.hardware.makefiles": set(),
    "derivations.hardware.c_source": {"derivations.hardware.makefiles"},
    "derivations.modules": {"derivations.hardware.snapshot", "derivations.proof.elf", "derivations.suggest"},
    "derivations.realise.archives": {"derivations.realise.job", "derivations.realise.unpack_budget"},
    "derivations.realise.network": {"derivations.realise.job", "derivations.realise.settings"},
    "derivations.realise.kept": {
        "derivations.realise.counted", "derivations.realise.layered", "derivations.realise.sandbox", "derivations.realise.view",
    },
    "kernix.answers": {"kernix.evaluation", "kernix.output", "kernix.places", "kernix.session"},
}  # fmt: skip
"""What each of these sub-packages may import of the package that it is in, beside itself."""

MAX_LINES = 500


@functools.cache
def tree(module: str) -> ast.Module:
    """Return the syntax of *module*."""
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


@functools.cache
def imports(module: str) -> frozenset[str]:
    """Return the absolute names that *module* imports, at any depth of nesting."""
    found: set[str] = set()
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(found)


def is_within(name: str, package: str) -> bool:
    """Return whether *name* is *package* or something in it."""
    return name == package or name.startswith(f"{package}.")


def acts(module: str) -> bool:
    """Return whether *module* acts: by itself, or by what it imports of its own package."""
    seen, todo = {module}, [module]
    while todo:
        names = imports(todo.pop())
        if any(is_within(name, effect) for name in names for effect in ACTING):
            return True
        todo += [it for it in names & MODULES.keys() if it not in seen]
        seen |= names
    return False


ACTING_STORE = {module for module in MODULES if is_within(module, "store") and acts(module)}

RECIPES = [
    module
    for module in MODULES
    if module.partition(".")[0] in {"derivations", "overlays", "kernels"}
    and not is_within(module, "derivations.realise")
]


def uses(module: str, of: str) -> set[str]:
    """Return which attributes *module* takes of the module called *of*."""
    dotted = {
        node.attr
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == of
    }
    return dotted | {name.removeprefix(f"{of}.") for name in imports(module) if name.startswith(f"{of}.")}


def test_there_is_a_house() -> None:
    """Every floor has modules, and some of the store acts: the laws below are about something."""
    assert {module.partition(".")[0] for module in MODULES} == set(FLOORS)
    assert {"store.records.database", "store.osutil.locks"} <= ACTING_STORE
    assert not {"store.path", "store.trees.content", "store.trees.walk"} & ACTING_STORE


@pytest.mark.parametrize("module", MODULES)
def test_imports_only_lower_floors(module: str) -> None:
    """A package imports itself and the floors below it, never one above."""
    above = set(FLOORS[FLOORS.index(module.partition(".")[0]) + 1 :])

    assert {name for name in imports(module) if name.partition(".")[0] in above} == set()


@pytest.mark.parametrize("package", SUBPACKAGES)
def test_subpackages(package: str) -> None:
    """A sub-package imports of the package that it is in only what is said above."""
    around = package.rpartition(".")[0]
    inside = [module for module in MODULES if is_within(module, package)]
    known = {name for module in inside for name in imports(module) & MODULES.keys() if is_within(name, around)}

    assert inside
    assert {it for it in known if not any(is_within(it, allowed) for allowed in {package, *SUBPACKAGES[package]})} <= {
        around
    }


@pytest.mark.parametrize("module", RECIPES)
def test_recipes_import_nothing_that_acts(module: str) -> None:
    """A recipe is a pure function: it imports neither the realiser, nor what acts in the store or the library."""
    effects = {"derivations.realise", *ACTING, *ACTING_STORE}

    assert {name for name in imports(module) for effect in effects if is_within(name, effect)} == set()


@pytest.mark.parametrize("module", RECIPES)
def test_recipes_make_no_system_calls(module: str) -> None:
    """A recipe takes of `os` what is about names, and nothing that changes the world."""
    assert uses(module, "os") - PURE_OF_OS == set()


@pytest.mark.parametrize("module", [it for it in MODULES if not is_within(it, "kernix")])
def test_only_the_command_line_speaks(module: str) -> None:
    """Below the command line nothing prints, exits, or reads the environment."""
    called = {
        node.func.id
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }

    assert called & {"breakpoint", "exit", "input", "print", "quit"} == set()
    assert uses(module, "sys") & {"argv", "exit", "stderr", "stdin", "stdout"} == set()
    assert uses(module, "os") & {"environ", "environb", "getenv", "getenvb", "putenv"} == set()
    assert {name.partition(".")[0] for name in imports(module)} & OF_THE_COMMAND_LINE == set()


@pytest.mark.parametrize("module", MODULES)
def test_no_relative_imports(module: str) -> None:
    """Every import names the module in full."""
    assert [node.lineno for node in ast.walk(tree(module)) if isinstance(node, ast.ImportFrom) and node.level] == []


def test_no_cycles() -> None:
    """No module needs, by way of others, itself."""
    graph = {module: (imports(module) & MODULES.keys()) - {module} for module in MODULES}

    assert len(list(graphlib.TopologicalSorter(graph).static_order())) == len(MODULES)


@pytest.mark.parametrize("module", MODULES)
def test_module_size(module: str) -> None:
    """A module that outgrows 500 lines is split."""
    assert len(MODULES[module].read_text(encoding="utf-8").splitlines()) <= MAX_LINES


@pytest.mark.parametrize("module", MODULES)
def test_every_module_says_what_it_is(module: str) -> None:
    """Every module, and every package by its `__init__`, opens with a docstring."""
    assert (ast.get_docstring(tree(module)) or "").strip()


def test_every_directory_is_a_package() -> None:
    """Every directory of modules has an `__init__.py`, so that it is installed."""
    directories = {path.parent for module, path in MODULES.items() if "." in module}

    assert [it for it in sorted(directories) if not (it / "__init__.py").is_file()] == []
