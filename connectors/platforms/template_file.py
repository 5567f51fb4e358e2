"""A venue template as its owner writes it: JSON text, read strictly."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Self

from pydantic import ValidationError

from connectors.platforms.template_checks import problems_of
from connectors.platforms.template_model import TemplateFields


class InvalidTemplate(ValueError):
    """A template that cannot be used. ``problems``: all that is wrong with it, each beginning with its key."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(self.problems))


class VenueTemplate(TemplateFields):
    """A venue described in JSON; docs/venue_templates.md explains every key."""

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the template. Raises InvalidTemplate that names every key with which something is wrong."""
        try:
            json.loads(text, object_pairs_hook=_once_each, parse_constant=_refuse)
            template = cls.model_validate_json(text)
        except ValidationError as error:
            # Without the values: a key that was pasted into the wrong place must not get into a log.
            wrong = error.errors(include_input=False, include_context=False, include_url=False)
            raise InvalidTemplate(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in wrong) from None
        except ValueError as error:
            raise InvalidTemplate([f"no JSON that could be read: {error}"]) from None
        problems = problems_of(template)
        if problems:
            raise InvalidTemplate(problems)
        return template


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, value in pairs:
        if name in fields:
            raise ValueError(f"the key {name} stands twice in one object")
        fields[name] = value
    return fields


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number of JSON")
