"""Configurations that a resolver is not asked for again."""

from __future__ import annotations

import json

from typing import TYPE_CHECKING

import pytest

from derivations.derivation import Derivation
from derivations.kconfig.symbols.values_table import SETTLED
from derivations.linux.configuration import RESOLVER
from derivations.realise.events import Reused, Started
from derivations.source import text_file
from derivations.union import UnionLayout, union


if TYPE_CHECKING:
    from tests.derivations.realise.conftest import Workplace


SYMBOL = {"type": "bool", "prompts": [], "defaults": [], "selects": [], "implies": [], "ranges": [], "definitions": []}
SCRIPT = """#!/bin/sh
printf 'CONFIG_NET=y\\nCONFIG_SIZE=4\\n' > /out/out
printf 'NET 2 1 y\\nSIZE 2 1 4\\n%s' '{end}' > /out/values
"""


def _configuration(
    workplace: Workplace, *fragments: str, mode: str = "plain", end: str = f"{SETTLED}\n", base: str = ""
) -> Derivation:
    symbols, index = "", ""
    for name in ("NET", "SIZE"):
        index += f"{name} {len(symbols)}\n"
        symbols += json.dumps({"name": name, **SYMBOL}) + "\n"
    about = {"arch": "x86_64", "srcarch": "x86", "version": "6.12.1"}
    texts = {
        "about": json.dumps(about),
        "symbols": symbols,
        "index": index,
        "choices": "",
        "elsewhere": "",
        "common": "",
    }
    files = {"model/" + name: text for name, text in texts.items()}
    tree = union("model", [], UnionLayout(files=files))
    program = workplace.shell(
        "program",
        f"mkdir /out/out; cp -r /tree/model /out/out/model; cat > /out/out/kconf << 'END'\n{SCRIPT.format(end=end)}END\n"
        "chmod +x /out/out/kconf",
        mounts={"/tree": tree.out},
    )
    places = {f"/fragment-{number:02}": text_file("fragment", text).out for number, text in enumerate(fragments)}
    return Derivation(
        name="it-config-resolved",
        system="x86_64-linux",
        builder=RESOLVER,
        args=("/resolver", "resolve", mode, "/base", "/out/out", "/out/values", *places),
        mounts={"/": workplace.base.out, "/base": text_file("base", base).out, "/resolver": program.out, **places},
        outputs=("out", "values"),
    )


def _is_resolved(workplace: Workplace, derivation: Derivation) -> bool:
    """Realise *derivation*, and return whether its builder ran."""
    workplace.listener.events.clear()
    workplace.realise(derivation)
    kinds = {type(it) for it in workplace.listener.events if getattr(it, "derivation", None) == derivation}
    assert kinds & {Started, Reused}
    return Started in kinds


def test_a_redundant_request(workplace: Workplace) -> None:
    """A request for what is already so starts no builder, and has the same result, also the next time."""
    first, more = (_configuration(workplace, *it) for it in (["CONFIG_SIZE=4\n"], ["CONFIG_NET=y\nCONFIG_SIZE=4\n"]))
    assert _is_resolved(workplace, first)
    assert not _is_resolved(workplace, more)

    assert workplace.realise(more) == workplace.realise(first)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(["CONFIG_NET=y\n"], ["CONFIG_NET=y\nCONFIG_SIZE=5\n"], id="another-value"),
        pytest.param(["CONFIG_NET=y\nCONFIG_SIZE=4\n"], ["CONFIG_NET=y\n"], id="one-less"),
        pytest.param(["CONFIG_NET=y\nCONFIG_SIZE=4\n"], ["CONFIG_SIZE=4\nCONFIG_NET=y\n"], id="another-order"),
        pytest.param(["# CONFIG_NET is not set\n"], ["CONFIG_NET=y\n"], id="another-value-of-the-same"),
        pytest.param(["CONFIG_NET=y\n"], ["CONFIG_NET=y\n# CONFIG_NET is not set\n"], id="twice"),
    ],
)
def test_other_requests(workplace: Workplace, old: list[str], new: list[str]) -> None:
    """Whatever is not a request for the present value is resolved."""
    assert _is_resolved(workplace, _configuration(workplace, *old))
    assert _is_resolved(workplace, _configuration(workplace, *new))


def test_fragments_of_other_numbers(workplace: Workplace) -> None:
    """Which of the fragments has a line does not matter."""
    _is_resolved(workplace, _configuration(workplace, "CONFIG_NET=y\n"))

    assert not _is_resolved(workplace, _configuration(workplace, "CONFIG_NET=y\n", "# a comment\nCONFIG_SIZE=4\n"))


@pytest.mark.parametrize("difference", [{"mode": "modules"}, {"end": ""}])
def test_results_that_depend_on_more(workplace: Workplace, difference: dict[str, str]) -> None:
    """Where Kconfig was asked several times, or changed its own result, it is asked again."""
    _is_resolved(workplace, _configuration(workplace, "CONFIG_NET=y\n", **difference))

    assert _is_resolved(workplace, _configuration(workplace, "CONFIG_NET=y\nCONFIG_SIZE=4\n", **difference))


def test_another_base(workplace: Workplace) -> None:
    """The result with another base says nothing."""
    _is_resolved(workplace, _configuration(workplace, "CONFIG_NET=y\n"))

    assert _is_resolved(workplace, _configuration(workplace, "CONFIG_NET=y\nCONFIG_SIZE=4\n", base="CONFIG_X=y\n"))


@pytest.mark.parametrize("text", ["", "{", "[[]]", "[1]", '[["zz", []]]', '[["00", ["CONFIG_NET=y"]]]', "null"])
def test_a_damaged_record(workplace: Workplace, text: str) -> None:
    """What cannot be read, or leads nowhere, is as if it were not there, and is replaced."""
    _is_resolved(workplace, _configuration(workplace, "CONFIG_NET=y\n"))
    (place,) = (workplace.store.layout.cache / "configurations").iterdir()
    place.write_text(text)

    assert _is_resolved(workplace, _configuration(workplace, "CONFIG_NET=y\nCONFIG_SIZE=4\n"))
    assert len(json.loads(place.read_text())) >= 1
