"""Tests of derivations.linux.request_test and its builtin."""

from __future__ import annotations

import json

from typing import TYPE_CHECKING, Any

import pytest

from derivations.image.initramfs import File
from derivations.linux.arguments import InvalidArgument
from derivations.linux.boot import is_boot_test
from derivations.linux.module_closure import LIST, module_closure
from derivations.linux.request_test import CLOSURE, CONSOLE, MODULES, request_test
from derivations.modules.trace import RequestsUnserved, ScriptFailed
from derivations.source import text_file
from tests.derivations.linux.test_module_closure import kernel
from tests.derivations.modules.made_up import tree
from tests.derivations.realise.builtins.conftest import run
from tests.derivations.realise.builtins.test_module_closure import made


if TYPE_CHECKING:
    from tests.derivations.realise.builtins.conftest import Runner

__all__ = ["run"]


def test_what_is_booted() -> None:
    """The guest has the closure and the script, and the check compares with the modules that the closure was chosen from."""
    linux, more = kernel(), text_file("more", "")
    closure = module_closure(linux, ["vfat"], tree=more)
    test = request_test(linux, closure, "mount it", files={"data": File(text="x")})
    booted = test.mounts[CONSOLE].derivation
    initramfs = booted.mounts["/initramfs"].derivation
    entries = json.loads(initramfs.env["entries"])

    assert is_boot_test(booted)
    assert (test.mounts[MODULES], test.mounts[CLOSURE]) == (more.out, closure.out)
    assert (entries["script"]["text"], entries["data"]["text"]) == ("mount it", "x")
    assert initramfs.mounts[entries["lib/modules"]["from"]] == closure.out


@pytest.mark.parametrize("closure", [None, text_file("modules", ""), "modules"])
def test_not_a_closure(closure: Any) -> None:  # noqa: ANN401 -- what a user might write
    """Only what `module_closure` returns can be proved."""
    with pytest.raises(InvalidArgument):
        request_test(kernel(), closure, "")


@pytest.mark.parametrize(
    ("names", "status", "error"),
    [
        (["vfat", "fat"], 0, None),
        (["vfat", "fat"], 1, ScriptFailed),
        (["fat"], 0, RequestsUnserved),
        (["fat"], 1, RequestsUnserved),
    ],
)
def test_check(run: Runner, names: list[str], status: int, error: type[Exception] | None) -> None:
    """The output lists who served each request; it fails for what the closure lacks, or else for the script."""
    console = f"KERNIX-REQUEST fs-vfat\nKERNIX-REQUEST nothing\nKERNIX-SCRIPT status={status}\n"
    closure = json.dumps({"modules": [{"name": it} for it in names]})
    inputs = {
        CONSOLE: made(run, "console", {"console.log": console.encode()}),
        MODULES: made(run, "modules", tree()),
        CLOSURE: made(run, "closure", {LIST: closure.encode()}),
    }
    linux = kernel()
    test = request_test(linux, module_closure(linux, ["vfat"]), "")
    if error is None:
        assert run(test, inputs).read_text() == "fs-vfat: vfat\nnothing:\n"
    else:
        with pytest.raises(error):
            run(test, inputs)
