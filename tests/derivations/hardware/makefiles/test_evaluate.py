"""Tests for derivations.hardware.makefiles.evaluate."""

from __future__ import annotations

import pytest

from derivations.hardware.makefiles.evaluate import assignments
from derivations.hardware.makefiles.gate import gate_of, without_options


def words(text: str, variable: str, **files: str) -> list[tuple[str, object]]:
    """Return the words that the makefile *text* assigns to *variable*, each with its gate as text."""
    tree = {"Makefile": text, **{name.replace("_", "/"): it for name, it in files.items()}}
    found = assignments("Makefile", tree.get, {"src": "drivers/x", "srctree": ".", "ARCH": "x86_64"})
    return [
        (without_options(word), (*each.gate, *gate_of(each.variable), *gate_of(word)))
        for each in found
        if each.variable == variable
        for word in each.words
    ]


@pytest.mark.parametrize(
    ("text", "variable", "expected"),
    [
        pytest.param("obj-$(CONFIG_A) += a.o b.o", "obj-$(CONFIG_A)", [("a.o", (("A",),)), ("b.o", (("A",),))], id="plain"),
        pytest.param("obj-$(CONFIG_A)$(CONFIG_B) += a.o", "obj-$(CONFIG_A)$(CONFIG_B)", [("a.o", (("A", "B"),))], id="either"),
        pytest.param("obj-y += a.o \\\n\tb.o # c.o", "obj-y", [("a.o", ()), ("b.o", ())], id="continued"),
        pytest.param("obj-$(subst m,y,$(CONFIG_A)) += a.o", "obj-$(CONFIG_A)", [("a.o", (("A",),))], id="subst-letters"),
        pytest.param(
            "obj-$(subst y,$(CONFIG_A),$(CONFIG_B)) += a.o", "obj-$(CONFIG_B)&$(CONFIG_A)", [("a.o", (("B",), ("A",)))],
            id="subst-option",
        ),
        pytest.param("D = x\nobj-y += $(addprefix $(D)/,a.o b.o)", "obj-y", [("x/a.o", ()), ("x/b.o", ())], id="addprefix"),
        pytest.param("L := a.c b.h\nobj-y += $(patsubst %.c,%.o,$(L))", "obj-y", [("a.o", ()), ("b.h", ())], id="patsubst"),
        pytest.param("L := a.c\nobj-y += $(L:.c=.o)", "obj-y", [("a.o", ())], id="substitution"),
        pytest.param("obj-y += $(foreach n,1 2,a$(n).o)", "obj-y", [("a1.o", ()), ("a2.o", ())], id="foreach"),
        pytest.param("obj-y += $(if $(CONFIG_A),a.o,b.o)", "obj-y", [("a.o", (("A",),)), ("b.o", ())], id="if"),
        pytest.param("L-$(CONFIG_A) += a.o\nobj-y += b.o $(L-y)", "obj-y", [("b.o", ()), ("a.o", (("A",),))], id="list-y"),
        pytest.param("obj-y += $(shell ls)", "obj-y", [("", ())], id="shell"),
        pytest.param("obj-y := $(wildcard a.o)", "obj-y", [("a.o", ())], id="wildcard"),
        pytest.param("obj-y ?= a.o\nobj-y ?= b.o", "obj-y", [("a.o", ()), ("a.o", ())], id="only-if-unset"),
    ],
)  # fmt: skip
def test_assignments(text: str, variable: str, expected: list[tuple[str, object]]) -> None:
    """Words are assigned to variables as by make, each with the options that it depends on."""
    assert expected == words(text, variable)


@pytest.mark.parametrize(
    ("condition", "then", "otherwise"),
    [
        pytest.param("ifeq ($(CONFIG_A),y)", (("A",),), (), id="is-y"),
        pytest.param("ifneq ($(CONFIG_A),)", (("A",),), (), id="is-set"),
        pytest.param("ifdef CONFIG_A", (("A",),), (), id="defined"),
        pytest.param("ifndef CONFIG_A", (), (("A",),), id="not-defined"),
        pytest.param("ifneq ($(CONFIG_A),y)", (), (("A",),), id="is-not-y"),
        pytest.param("ifeq ($(CONFIG_A)$(CONFIG_B),yy)", (("A",), ("B",)), (), id="both"),
        pytest.param("ifneq ($(filter y,$(CONFIG_A) $(CONFIG_B)),)", (("A", "B"),), (), id="one-of"),
        pytest.param("ifeq ($(call cc-option,-x),)", (), (), id="what-a-compiler-says"),
        pytest.param("ifeq ($(ARCH),x86_64)", (), None, id="known-and-true"),
        pytest.param("ifeq ($(ARCH),arm)", None, (), id="known-and-false"),
        pytest.param("ifeq '$(ARCH)' 'arm'", None, (), id="quoted"),
        pytest.param("ifdef NOTHING", None, (), id="undefined"),
    ],
)
def test_conditionals(condition: str, then: object, otherwise: object) -> None:
    """A branch depends on the options of its condition; if the condition is constant, the branch is taken or not."""
    found = dict(words(f"{condition}\nobj-y += then.o\nelse\nobj-y += else.o\nendif\n", "obj-y"))

    assert (then, otherwise) == (found.get("then.o"), found.get("else.o"))


def test_conditionals_nest() -> None:
    """Lines in nested conditionals depend on all of them, including `else ifeq`."""
    text = "ifdef CONFIG_A\nifeq ($(ARCH),arm)\nelse ifdef CONFIG_B\nobj-y += a.o\nendif\nendif\nobj-y += b.o"

    assert [("a.o", (("A",), ("B",))), ("b.o", ())] == words(text, "obj-y")


def test_includes_are_followed() -> None:
    """An included file is read at the place of the include, with the variables set up to there."""
    found = words("D := sub\ninclude $(srctree)/$(src)/more", "obj-y", drivers_x_more="obj-$(CONFIG_A) += $(D)/a.o")

    assert [] == found
    assert [("sub/a.o", (("A",),))] == words(
        "D := sub\ninclude $(srctree)/$(src)/more", "obj-$(CONFIG_A)", drivers_x_more="obj-$(CONFIG_A) += $(D)/a.o"
    )


def test_a_makefile_that_includes_itself_ends() -> None:
    """An endless include is cut off."""
    assert [("a.o", ())] == words("obj-y += a.o\ninclude Makefile", "obj-y")[:1]


@pytest.mark.parametrize(
    "text", ["endif", "else", "obj-y += $(", "obj-y += $(addprefix", "ifeq (", "a:b:c=", "$(x) :=="]
)
def test_broken_makefiles(text: str) -> None:
    """Lines that make would reject cause no failure: the rest of the file is read."""
    assert ("z.o", ()) in words(f"{text}\nendif\nobj-y += z.o", "obj-y")
