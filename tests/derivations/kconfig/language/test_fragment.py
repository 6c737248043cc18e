"""Fragments: named requests, from Python and from text, each with its origin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hypothesis import given
from hypothesis import strategies as st

from derivations.kconfig.language.condition import Condition
from derivations.kconfig.language.fragment import (
    Clause,
    Fragment,
    InvalidFragment,
    Origin,
    Request,
    as_fragments,
    followed_by,
)
from derivations.kconfig.language.values import (
    MODULE,
    NO,
    UNSET,
    YES,
    Asked,
    Hex,
    Priority,
    default,
    force,
    optional,
    when_arch,
    when_at_least,
    when_older,
)
from derivations.version import Version
from tests import strategies


VERSION = Version(6, 12)


def asked(fragment: Fragment, version: Version = VERSION, arch: str = "x86_64") -> dict[str, object]:
    """Return the values that *fragment* requests."""
    return {name: it.value for name, it in fragment.requests(version, arch)}


def test_mapping_and_text_are_equal() -> None:
    """A mapping, with or without CONFIG_, and the text of a `.config` make equal fragments, wherever they are."""
    source = (
        'CONFIG_KGDB=y\nCONFIG_NET_9P=m\n# CONFIG_FOO is not set\nCONFIG_BITS=17\nCONFIG_START=0x10\nCONFIG_NAME="-x"'
    )
    options: dict[str, Asked] = {
        "KGDB": YES,
        "CONFIG_NET_9P": MODULE,
        "FOO": NO,
        "BITS": 17,
        "START": Hex(0x10),
        "NAME": "-x",
    }

    assert Fragment("a", options) == Fragment("a", source)
    assert hash(Fragment("a", options)) == hash(Fragment("a", source))


def test_names_tell_fragments_apart() -> None:
    """A fragment is its name and its options; the description does not count."""
    assert Fragment("a", {"A": YES}) != Fragment("b", {"A": YES})
    assert Fragment("a", {"A": YES}) != Fragment("a", {"A": optional(YES)})
    assert Fragment("a", {"A": YES}, description="x") == Fragment("a", {"A": YES})


def test_origins_do_not_count() -> None:
    """Equal requests from different places are equal."""
    assert Request(YES, origin=Origin("a", "a.py:1")) == Request(YES, origin=Origin("b", "b.py:2"))
    assert hash(Request(YES, origin=Origin("a"))) == hash(Request(YES))


def test_origins_as_text() -> None:
    """An origin is written as fragment and place, and parsed again."""
    origins = [Origin("a", "a.py:1"), Origin("of two, words", "a.py:1"), Origin("a"), Origin("a.config", "a.config:1")]

    assert [str(it) for it in origins] == ["a, a.py:1", "of two, words, a.py:1", "a", "a.config:1"]
    assert [Origin.parse(str(it)) for it in origins] == origins


def test_conditions() -> None:
    """An option may have several requests, each for other kernels."""
    fragment = Fragment(
        "a",
        {"A": [when_older("6.7", YES), when_at_least("6.7", MODULE)], "B": when_arch("arm64", optional(NO)), "C": 1},
    )

    assert asked(fragment) == {"A": MODULE, "C": 1}
    assert asked(fragment, Version(6, 6), "arm64") == {"A": YES, "B": NO, "C": 1}


def test_priorities() -> None:
    """A fragment's priority applies to requests without one of their own."""
    fragment = Fragment("a", {"A": YES, "B": force(YES), "C": [default(NO)], "D": UNSET}, priority=Priority.DEFAULT)
    priorities = {name: it.priority for name, it in fragment.requests(VERSION, "x86_64")}

    assert priorities == {"A": 1000, "B": 50, "C": 1000, "D": 1000}


def test_a_text_may_be_indented_as_a_whole() -> None:
    """A text in triple quotation marks may have the indentation of its Python file."""
    fragment = Fragment(
        "a",
        """
        CONFIG_A=y
        # CONFIG_B is not set
    """,
    )

    assert asked(fragment) == {"A": YES, "B": NO}


def test_requests_can_be_reused() -> None:
    """A fragment's options can be spread into another mapping, and keep their origins."""
    old = Fragment("a", {"A": optional(YES), "B": UNSET, "C": when_arch("arm64", YES)})
    new = Fragment("b", {**old.options, "D": NO})

    assert {name: clauses for name, clauses in new.options.items() if name != "D"} == dict(old.options)
    assert {clauses[0].request.origin.fragment for clauses in new.options.values()} == {"a", "b"}


def test_without() -> None:
    """Options can be removed, by either form of their names."""
    fragment = Fragment("a", {"A": YES, "B": YES, "C": YES}, description="x")

    assert fragment.without("A", "CONFIG_B") == Fragment("a", {"C": YES})
    assert fragment.without("A").description == "x"


# Putting one over another


def test_over() -> None:
    """Fragments on top replace requests for the same options, whatever their priority."""
    old = (Fragment("a", {"A": force(YES), "B": YES}), Fragment("b", {"C": YES}))
    new = followed_by([{"A": default(NO)}, Fragment("c", {"C": UNSET})], old, "x")

    assert new == (Fragment("a", {"B": YES}), Fragment("x", {"A": default(NO)}), Fragment("c", {"C": UNSET}))


def test_over_under_a_condition() -> None:
    """Where a fragment on top does not apply, the old request stays."""
    old = (Fragment("a", {"A": YES}),)
    one, other = followed_by({"A": when_arch("arm64", NO)}, old, "x")

    assert asked(one, arch="arm64") == {}
    assert asked(other, arch="arm64") == {"A": NO}
    assert asked(one) == {"A": YES}
    assert asked(other) == {}


@given(
    strategies.fragments, strategies.fragments, strategies.option_bounds, st.sampled_from(["x86_64", "arm64", "s390"])
)
def test_over_keeps_exactly_the_rest(old: Fragment, new: Fragment, bound: str, arch: str) -> None:
    """For every kernel, a request is kept unless a fragment on top requests the option there."""
    version = Version.parse(bound)
    named = {name for name, _ in new.requests(version, arch)}
    left = {it for fragment in followed_by(new, (old,), "x")[:-1] for it in fragment.requests(version, arch)}

    assert {(name, it) for name, it in old.requests(version, arch) if name not in named} == left


def test_forms_of_several() -> None:
    """A mapping, a text or a fragment is accepted alone or in a list; unnamed ones get a name."""
    fragment = Fragment("a", {"A": YES})

    assert as_fragments({"A": YES}, "x") == as_fragments("CONFIG_A=y", "x") == (Fragment("x", {"A": YES}),)
    assert as_fragments(fragment, "x") == (fragment,)
    assert as_fragments([fragment, {"B": NO}, "CONFIG_C=m"], "x") == (
        fragment,
        Fragment("x", {"B": NO}),
        Fragment("x", {"C": MODULE}),
    )
    assert as_fragments([], "x") == ()


# What is wrong


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        pytest.param({"A": True}, "A: True is not a value; use YES (test_fragment.py:", id="bool"),
        pytest.param({"A": None}, "A: None is not a value", id="none"),
        pytest.param({"A": optional(None)}, "A: None is not a value", id="none-wrapped"),  # type: ignore[arg-type]
        pytest.param({"A": [YES, 1.5]}, "A: 1.5 is not a value", id="in-a-list"),
        pytest.param({"A": {"B": YES}}, "A: {'B': YES} is not a value", id="mapping-in-mapping"),
        pytest.param({"A": optional(UNSET)}, "A: UNSET requests nothing", id="optional-unset"),
        pytest.param({"A": []}, "A: no value is given; UNSET withdraws a request", id="nothing"),
        pytest.param(
            {"A": when_arch("arm64", when_arch("x86", YES))}, "A: it is never requested", id="conditions-exclude-each-other"
        ),
        pytest.param({"A": Request(True)}, "A: True is not a value", id="request"),
        pytest.param({"A": Clause(Request(True))}, "A: True is not a value", id="clause"),
        pytest.param({3: YES}, "3 is not an option name", id="number-as-name"),
        pytest.param({"kgdb": YES}, "'kgdb' is not an option name; did you mean KGDB?", id="small"),
        pytest.param({"CONFIG_CONFIG_A": YES}, "'CONFIG_CONFIG_A' has the prefix CONFIG_ twice", id="prefix-twice"),
        pytest.param({"A B": YES}, "'A B' is not an option name; did you mean A_B?", id="blank"),
        pytest.param({"A": YES, "CONFIG_A": NO}, "A is listed twice, with and without CONFIG_", id="twice"),
        pytest.param(None, "None is neither a mapping from options to values nor a string", id="is-none"),
        pytest.param([("A", YES)], "is neither a mapping", id="is-list"),
        pytest.param(3, "3 is neither a mapping", id="is-number"),
        pytest.param("efi.config", "'efi.config' is a file name; write fragment_file('efi.config')", id="name-of-a-file"),
        pytest.param(Path("configs/efi"), "write fragment_file('configs/efi')", id="path"),
    ],
)  # fmt: skip
def test_invalid_options(options: Any, problem: str) -> None:  # noqa: ANN401 -- what a user may write
    """A mapping with an invalid option or value is refused, with the option, the value and the place."""
    with pytest.raises(InvalidFragment) as caught:
        Fragment("mine", options)

    assert problem in str(caught.value)
    assert str(caught.value).startswith("invalid configuration in mine: ")


@pytest.mark.parametrize("name", ["", None, 3, "a\nb"])
def test_invalid_names(name: Any) -> None:  # noqa: ANN401 -- as above
    """A fragment needs a name that fits in a sentence."""
    with pytest.raises(InvalidFragment, match="is not a valid fragment name"):
        Fragment(name, {})


def test_all_problems_at_once() -> None:
    """All problems of a mapping are reported at once, in order, with the line of each option."""
    with pytest.raises(InvalidFragment) as caught:
        Fragment(
            "mine",
            {
                "A": True,  # type: ignore[dict-item]  # users do not check types
                "B": YES,
                "c": YES,
            },
        )
    line = test_all_problems_at_once.__code__.co_firstlineno

    assert str(caught.value) == (
        f"invalid configuration in mine:\n  A: True is not a value; use YES (test_fragment.py:{line + 6})\n  "
        f"'c' is not an option name; did you mean C? (test_fragment.py:{line + 8})"
    )


def test_problems_of_a_text() -> None:
    """The problems of a text are reported with its lines and its place, abbreviated if there are many."""
    with pytest.raises(InvalidFragment) as caught:
        Fragment("mine", "x\nCONFIG_A=y\ny\n")
    line = test_problems_of_a_text.__code__.co_firstlineno + 3

    assert str(caught.value) == (
        f"invalid configuration in mine, test_fragment.py:{line}:\n  line 1: 'x' is neither an assignment nor a comment\n  "
        "line 3: 'y' is neither an assignment nor a comment"
    )
    with pytest.raises(InvalidFragment) as caught:
        Fragment("mine", "x\n" * 1000)
    assert len(caught.value.problems) == 1000
    assert str(caught.value).endswith("\n  and 980 more")


def test_clauses_have_conditions() -> None:
    """The condition of a value is kept next to the request."""
    (clause,) = Fragment("a", {"A": force(when_arch("arm64", YES))}).options["A"]

    assert clause == Clause(Request(YES, priority=Priority.FORCE), Condition(architectures=("arm64",)))
