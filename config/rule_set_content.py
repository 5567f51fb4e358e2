"""What a rule set says, as plain JSON: for its digest, for the record, and back again for a replay."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from domain.rule_set import RuleSet

DIGEST_LENGTH = 16


@cache
def _adapter() -> TypeAdapter[RuleSet]:
    return TypeAdapter(RuleSet)


def content_of(rule_set: RuleSet) -> dict[str, Any]:
    """Return everything a rule set says as JSON values; dollars and fractions as text, so that they stay exact.

    A field that has its default is left out, so that a field added later changes no digest.
    """
    plain = replace(rule_set, notes=dict(rule_set.notes))
    content: dict[str, Any] = _adapter().dump_python(plain, mode="json", exclude_defaults=True)
    return content


def rule_set_of(content: Mapping[str, Any]) -> RuleSet:
    """Return the rule set that ``content_of`` wrote down. Raises ValueError for anything else."""
    return _adapter().validate_python(content)


def digest_of(rule_set: RuleSet) -> str:
    """Return the first 16 hexadecimal digits of the SHA-256 of all that a rule set says, its own digest left out."""
    content = content_of(rule_set)
    content["ref"].pop("digest", None)
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:DIGEST_LENGTH]
