"""The options that a Python file mentions, found by its syntax alone."""

from __future__ import annotations

import ast
import functools

from pathlib import Path
from typing import TYPE_CHECKING

import attrs


if TYPE_CHECKING:
    from collections.abc import Iterator


@attrs.frozen
class OptionLine:
    """What looks like an option somewhere in a Python file.

    Attributes:
        name: Without CONFIG_.
        line: The line number.
        is_constant: Whether it is outside of any call.
        in_text: Whether it is a line of a string, rather than a key or keyword.
        variable: The variable that the surrounding expression is assigned to; empty if there is none.
    """

    name: str
    line: int
    is_constant: bool
    in_text: bool = False
    variable: str = ""


@functools.cache
def option_lines_in(file: str) -> tuple[OptionLine, ...]:
    """Return what may be options in the Python *file*: keys of mappings, keywords, lines of strings."""
    try:
        tree = ast.parse(Path(file).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return ()
    return tuple(_found(tree, in_call=False, variable=""))


def _found(node: ast.AST, *, in_call: bool, variable: str) -> Iterator[OptionLine]:
    variable = _assigned(node) or variable
    if isinstance(node, ast.Dict):
        for key in node.keys:
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                yield OptionLine(key.value.removeprefix("CONFIG_"), key.lineno, not in_call, variable=variable)
    elif isinstance(node, ast.keyword) and node.arg is not None:
        yield OptionLine(node.arg, node.lineno, is_constant=False, variable=variable)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and "CONFIG_" in node.value:
        for number, line in enumerate(node.value.split("\n"), node.lineno):
            name = line.strip().removeprefix("# ").partition("=")[0].removesuffix(" is not set")
            yield OptionLine(name.removeprefix("CONFIG_"), number, not in_call, in_text=True, variable=variable)
    for child in ast.iter_child_nodes(node):
        yield from _found(child, in_call=in_call or isinstance(node, ast.Call), variable=variable)


def _assigned(node: ast.AST) -> str:
    """Return the variable that *node* assigns to; empty if *node* is not an assignment to a variable."""
    match node:
        case ast.Assign(targets=[ast.Name(name)]) | ast.AnnAssign(target=ast.Name(name)):
            return name
    return ""
