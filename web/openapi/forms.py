"""The forms of bodies and addresses, as JSON Schema, from the models that read them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from web.openapi.operation import Schema

REFERENCE = "#/components/schemas/{model}"
NULL: Schema = {"type": "null"}


class Numbers(GenerateJsonSchema):
    """Money is a JSON number in every answer."""

    def decimal_schema(self, schema: core_schema.DecimalSchema) -> JsonSchemaValue:  # noqa: ARG002 - pydantic's signature
        return {"type": "number"}


def form_of(model: type[BaseModel]) -> Schema:
    """Return a model's form, its parts under ``$defs``; no title repeats a name, no default says null."""
    plain: Schema = _plain(model.model_json_schema(ref_template=REFERENCE, schema_generator=Numbers))
    return plain


def body_form(
    model: type[BaseModel],
    spellings: Mapping[str, tuple[str, ...]],
    *,
    required: Iterable[str] = (),
    optional: Iterable[str] = (),
    without: Collection[str] = (),
    closed: bool = False,
) -> Schema:
    """Return the form of a body by the first of the accepted names of each field; others are named beside it.

    ``required``: fields that are, beside the model's own; ``optional``: those of them that are not. What is not
    required may be null, which is as if it were not there.
    ``without``: fields that no sender sets. ``closed``: a name that nobody knows is refused.
    """
    form = form_of(model)
    needed = {*form.get("required", ()), *required}.difference(optional, without)
    properties = {}
    for name, part in form["properties"].items():
        if name in without:
            continue
        first, *others = spellings.get(name, (name,))
        properties[first] = _also(_nullable(part, may_be=name not in needed), others)
    told = {"type": "object", "properties": properties, "additionalProperties": not closed}
    wanted = sorted(spellings.get(name, (name,))[0] for name in needed)
    return {**form, **told, "required": wanted}


def query_form(model: type[BaseModel]) -> dict[str, Schema]:
    """Return the forms of an address's parameters by name; one that is not wanted is left out, never null."""
    form = form_of(model)
    parts = form.get("$defs", {})
    return {name: _within(_nullable(part, may_be=False), parts) for name, part in form["properties"].items()}


def _within(part: Schema, parts: Mapping[str, Schema]) -> Schema:
    """Return a form with the parts that it refers to put in their places."""
    if "$ref" not in part:
        return part
    rest = {key: value for key, value in part.items() if key != "$ref"}
    return {**parts[part["$ref"].rpartition("/")[2]], **rest}


def _nullable(part: Schema, *, may_be: bool) -> Schema:
    about: Schema = {key: part[key] for key in ("description", "default") if key in part}
    choices = part["anyOf"] if "anyOf" in part else [{key: part[key] for key in part if key not in about}]
    choices = [choice for choice in choices if choice != NULL] + ([NULL] if may_be else [])
    return {**about, **choices[0]} if len(choices) == 1 else {**about, "anyOf": choices}


def _also(part: Schema, others: Iterable[str]) -> Schema:
    names = ", ".join(f"`{name}`" for name in others)
    return {**part, "description": f"{part.get('description', '')} (also: {names})".strip()} if names else part


def _plain(value: Any, *, named: bool = False) -> Any:
    """Return a form without its titles; ``named``: its keys are names of fields, one of which may be ``title``."""
    if isinstance(value, list):
        return [_plain(part) for part in value]
    if not isinstance(value, dict):
        return value
    kept = {key: part for key, part in value.items() if named or not _says_nothing(key, part)}
    return {key: _plain(part, named=not named and key in {"properties", "$defs"}) for key, part in kept.items()}


def _says_nothing(key: str, part: Any) -> bool:
    return (key == "title" and isinstance(part, str)) or (key == "default" and part is None)
