"""Hypothesis strategies for the values of the language of definitions."""

from __future__ import annotations

import functools
import string

from hypothesis import strategies as st

from derivations.derivation import Derivation, Fixed, Hints, Output
from derivations.kconfig.language.fragment import Fragment
from derivations.kconfig.language.values import (
    Asked,
    Hex,
    Tristate,
    Value,
    default,
    force,
    optional,
    when_arch,
    when_at_least,
    when_between,
    when_older,
)
from store.gc.retention import Retention


LETTERS = string.ascii_letters + string.digits

names = st.from_regex(r"[a-z0-9][a-zA-Z0-9+._?=-]{0,20}", fullmatch=True)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
variables = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,10}", fullmatch=True)
places = st.from_regex(r"(/[a-z0-9]{1,5}){1,3}", fullmatch=True) | st.just("/")
output_names = st.from_regex(r"[a-z][a-z0-9_]{0,6}", fullmatch=True)

hints = st.builds(
    Hints,
    description=texts,
    retention=st.sampled_from(Retention),
    timeout=st.none() | st.floats(min_value=0, allow_infinity=False) | st.integers(0, 10**6),
    max_silent_time=st.none() | st.floats(min_value=0, allow_infinity=False),
    compilations=st.none() | st.integers(0, 10**6),
    kvm=st.booleans(),
    origins=st.dictionaries(texts, texts, max_size=2),
)


@st.composite
def fixed_outputs(draw: st.DrawFn) -> Derivation:
    """Draw a fixed-output derivation."""
    return Derivation(
        name=draw(names),
        system="builtin",
        builder="builtin:fetch-url",
        env={"urls": draw(texts)},
        fixed=Fixed("flat", draw(st.binary(min_size=32, max_size=32)).hex()),
        hints=draw(hints),
    )


@st.composite
def recipes(draw: st.DrawFn, inputs: st.SearchStrategy[Derivation]) -> Derivation:
    """Draw a derivation that mounts outputs of *inputs*."""
    mounts = {}
    for place in draw(st.lists(places, max_size=3, unique=True)):
        derivation = draw(inputs)
        mounts[place] = Output(derivation, draw(st.sampled_from(derivation.outputs)))
    return Derivation(
        name=draw(names),
        system=draw(st.sampled_from(["x86_64-linux", "aarch64-linux"])),
        builder=draw(st.sampled_from(["/bin/sh", "builtin:union"])),
        args=draw(st.lists(texts, max_size=3)),
        env=draw(st.dictionaries(variables, texts, max_size=4)),
        mounts=mounts,
        outputs=draw(st.lists(output_names, min_size=1, max_size=3, unique=True)),
        hints=draw(hints),
    )


derivations = st.recursive(fixed_outputs(), recipes, max_leaves=4)

option_names = st.from_regex(r"(?!CONFIG_)[A-Z0-9_]{1,12}", fullmatch=True)
option_texts = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="".join(map(chr, [*range(9), *range(10, 32), 127]))),
    max_size=20,
)
option_values: st.SearchStrategy[Value] = (
    st.sampled_from(Tristate)
    | st.integers(-(1 << 63), (1 << 64) - 1)
    | st.integers(0, (1 << 64) - 1).map(Hex)
    | option_texts
)
option_bounds = st.builds(
    lambda minor, patch: f"6.{minor}" + (f".{patch}" if patch else ""), st.integers(0, 12), st.integers(0, 3)
)
option_conditions = st.sampled_from(
    [
        lambda it: it,
        lambda it: when_arch("x86_64", it),
        lambda it: when_arch(("arm64", "riscv"), it),
        lambda it: when_between("5.10", "6.7", it),
    ]
) | st.builds(
    lambda bound, when: functools.partial(when, bound), option_bounds, st.sampled_from([when_at_least, when_older])
)


@st.composite
def asked_values(draw: st.DrawFn, values: st.SearchStrategy[Value] = option_values) -> Asked:
    """Draw anything that can be written for an option: a value in any wrappers, or several."""
    found: list[Asked] = []
    for _ in range(draw(st.sampled_from([1, 1, 1, 2]))):
        value: Asked = draw(values)
        for wrap in draw(st.lists(st.sampled_from([optional, force, default]), max_size=2)):
            value = wrap(value)
        found.append(draw(option_conditions)(value))
    return found if len(found) > 1 else found[0]


fragments = st.builds(
    Fragment, st.sampled_from(["one", "two", "three"]), st.dictionaries(option_names, asked_values(), max_size=6)
)
