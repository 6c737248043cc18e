"""Kconfig expressions: their values, names and text."""

from __future__ import annotations

from typing import Any

import pytest

from derivations.kconfig.symbols.expression import (
    And,
    Compare,
    Const,
    Expr,
    Level,
    Not,
    Or,
    Ref,
    evaluate,
    from_json,
    refs,
    show,
)
from derivations.kconfig.symbols.values_table import Values


VALUES = Values.parse(
    'YES 2 1 y\nMOD 2 1 m\nNO 2 0 n\nCOUNT 2 1 64\nMASK 2 1 0x10\nTEXT 2 1 "gcc 12\nWORD 2 1 "y\n@1 2 0 m\n'
)

Y, M, N = Ref("YES"), Ref("MOD"), Ref("NO")


@pytest.mark.parametrize(
    ("expression", "level"),
    [
        pytest.param(Const("y"), Level.Y, id="constant"),
        pytest.param(Const("m"), Level.M, id="constant-m"),
        pytest.param(Const("17"), Level.N, id="number-is-no-tristate"),
        pytest.param(M, Level.M, id="option"),
        pytest.param(Ref("@1"), Level.M, id="choice"),
        pytest.param(Ref("UNDEFINED"), Level.N, id="undefined"),
        pytest.param(Ref("WORD"), Level.N, id="a-text-y-is-no-tristate"),
        pytest.param(Not(M), Level.M, id="not-m-is-m"),
        pytest.param(Not(N), Level.Y, id="not-n"),
        pytest.param(And((Y, M)), Level.M, id="and-is-the-least"),
        pytest.param(Or((N, M, N)), Level.M, id="or-is-the-greatest"),
        pytest.param(Compare("=", M, Const("m")), Level.Y, id="equal"),
        pytest.param(Compare("!=", M, Const("m")), Level.N, id="unequal"),
        pytest.param(Compare("<", Ref("COUNT"), Const("512")), Level.Y, id="as-numbers-not-as-texts"),
        pytest.param(Compare("<=", Ref("MASK"), Const("16")), Level.Y, id="hexadecimal-and-decimal"),
        pytest.param(Compare(">", Ref("COUNT"), Const("64")), Level.N, id="greater"),
        pytest.param(Compare(">=", Ref("COUNT"), Const("64")), Level.Y, id="greater-or-equal"),
        pytest.param(Compare(">=", N, M), Level.N, id="tristates-in-their-order"),
        pytest.param(Compare("=", Ref("TEXT"), Const("gcc 12")), Level.Y, id="texts"),
        pytest.param(Compare("=", Ref("UNDEFINED"), Const("UNDEFINED")), Level.Y, id="undefined-is-its-name"),
        pytest.param(Compare("<", Const("1_0"), Const("5")), Level.Y, id="underscore-is-no-number"),
    ],
)
def test_evaluate(expression: Expr, level: Level) -> None:
    """An expression has the value that Kconfig gives it."""
    assert evaluate(expression, VALUES) is level


@pytest.mark.parametrize(
    ("json", "expression"),
    [
        pytest.param("A", Ref("A"), id="option"),
        pytest.param({"value": "0x10"}, Const("0x10"), id="constant"),
        pytest.param(["!", "A"], Not(Ref("A")), id="not"),
        pytest.param(["&&", "A", ["||", "B", "C"]], And((Ref("A"), Or((Ref("B"), Ref("C"))))), id="nested"),
        pytest.param([">=", "A", {"value": "3"}], Compare(">=", Ref("A"), Const("3")), id="comparison"),
    ],
)
def test_from_json(json: Any, expression: Expr) -> None:  # noqa: ANN401 -- JSON
    """The JSON of the model is read."""
    assert from_json(json) == expression


def test_an_unknown_operator_is_refused() -> None:
    """A model in another format is not misread."""
    with pytest.raises(ValueError, match=r"'\^' is not a Kconfig operator"):
        from_json(["^", "A", "B"])


@pytest.mark.parametrize(
    ("expression", "plain", "valued"),
    [
        pytest.param(And((Y, Not(M))), "YES && !MOD", "YES [=y] && !MOD [=m]", id="and"),
        pytest.param(And((Or((Y, N)), M)), "(YES || NO) && MOD", "(YES [=y] || NO [=n]) && MOD [=m]", id="or-in-and"),
        pytest.param(Or((And((Y, N)), M)), "YES && NO || MOD", "YES [=y] && NO [=n] || MOD [=m]", id="and-in-or"),
        pytest.param(Not(Or((Y, N))), "!(YES || NO)", "!(YES [=y] || NO [=n])", id="not-or"),
        pytest.param(Compare("=", Ref("TEXT"), Const("a")), 'TEXT = "a"', 'TEXT [=gcc 12] = "a"', id="text"),
        pytest.param(Compare(">", Ref("COUNT"), Const("8")), "COUNT > 8", "COUNT [=64] > 8", id="number"),
        pytest.param(Ref("UNDEFINED"), "UNDEFINED", "UNDEFINED [=n]", id="undefined"),
        pytest.param(Const("m"), "m", "m", id="constant"),
    ],
)
def test_show(expression: Expr, plain: str, valued: str) -> None:
    """An expression is written as in a Kconfig file, with values as in menuconfig."""
    assert (show(expression), show(expression, VALUES)) == (plain, valued)


def test_refs() -> None:
    """Each name in an expression is returned once, in order; constants are not."""
    expression = And((Ref("B"), Or((Not(Ref("A")), Ref("B"))), Compare("=", Ref("C"), Const("x"))))

    assert refs(expression) == ("B", "A", "C")
