"""The same for programs: JSON below /api/v1, and the OpenAPI 3.1 document that describes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from kernix.cli import version


if TYPE_CHECKING:
    from collections.abc import Sequence

    from kernix.serve.catalogue import Closure, Item


ROOT = "api/v1"

_TEXT = {"type": "string"}
_BYTES = {"type": "integer", "minimum": 0, "description": "bytes"}
_PATH = {"type": "string", "description": "a store path: 32 digits, a hyphen, a name", "pattern": "^[0-9a-z]{32}-.+$"}
_KERNEL = {
    "type": ["object", "null"],
    "description": "what kernel it is; null for other objects",
    "required": ["version", "arch", "options"],
    "properties": {"version": _TEXT, "arch": _TEXT, "options": {"type": "integer", "minimum": 0}},
}
_OBJECT = {
    "path": _PATH,
    "name": _TEXT,
    "size": _BYTES,
    "archive_size": _BYTES,
    "signed_by": {"type": "array", "items": _TEXT},
    "kernel": _KERNEL,
}
_MORE = {
    "digest": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
    "nodes": {"type": "integer", "minimum": 0},
    "references": {"type": "array", "items": _PATH},
    "deriver": {"anyOf": [_PATH, {"type": "null"}]},
    "closure": {
        "type": "object",
        "required": ["objects", "missing", "size", "archive_size"],
        "properties": {
            "objects": {"type": "array", "items": _PATH},
            "missing": {"type": "array", "items": _PATH},
            "size": _BYTES,
            "archive_size": _BYTES,
        },
    },
}


def listed(items: Sequence[Item]) -> dict[str, Any]:
    """Return *items* as JSON data."""
    return {"objects": [_facts(it) for it in items]}


def detailed(item: Item, closure: Closure) -> dict[str, Any]:
    """Return one object, with all that it needs, as JSON data."""
    info = item.info
    return {
        **_facts(item),
        "digest": info.digest.hex(),
        "nodes": info.nodes,
        "references": [str(it) for it in info.references],
        "deriver": None if info.deriver is None else str(info.deriver),
        "closure": {
            "objects": [str(it.path) for it in closure.objects],
            "missing": [str(it) for it in closure.missing],
            "size": closure.size,
            "archive_size": closure.packed,
        },
    }


def document() -> dict[str, Any]:
    """Return the OpenAPI document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "A kernix cache",
            "version": version(),
            "description": "What a cache has. Nothing is verified here.",
        },
        "paths": {
            f"/{ROOT}/objects": {
                "get": {
                    "summary": "The newest objects of each name, kernels first",
                    "parameters": [
                        {
                            "name": "q",
                            "in": "query",
                            "required": False,
                            "schema": _TEXT,
                            "description": "words of their store paths",
                        }
                    ],
                    "responses": {
                        "200": _answer(
                            "the objects", _object({"objects": {"type": "array", "items": _object(_OBJECT)}})
                        ),
                        "400": _answer("the query is not one", _ERROR),
                    },
                }
            },
            f"/{ROOT}/objects/{{path}}": {
                "get": {
                    "summary": "One object, and what it needs",
                    "parameters": [{"name": "path", "in": "path", "required": True, "schema": _PATH}],
                    "responses": {
                        "200": _answer("the object", _object({**_OBJECT, **_MORE})),
                        "400": _answer("the request is not one", _ERROR),
                        "404": _answer("the cache does not have it", _ERROR),
                    },
                }
            },
        },
    }


def error(text: str) -> dict[str, str]:
    """Return an error as JSON data."""
    return {"error": text}


def _facts(item: Item) -> dict[str, Any]:
    info = item.info
    return {
        "path": str(info.path),
        "name": info.path.name,
        "size": info.size,
        "archive_size": info.archive.size,
        "signed_by": sorted({it.key for it in info.signatures}),
        "kernel": None if item.kernel is None else attrs.asdict(item.kernel),
    }


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": list(properties), "properties": properties}


def _answer(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


_ERROR = _object({"error": _TEXT})
