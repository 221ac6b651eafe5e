"""What calls about product events become: the fields of kind `track`, properties as canonical JSON. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidegate.outbox import Event
from tidegate_schemas.canonical import canonical_object
from tidegate_schemas.errors import EncodeError


def product_fields(type_: str, name: str, properties: Mapping[str, Any] | None) -> Event:
    """A tracked action or a page. EncodeError for what is no mapping, and whatever the properties' own code raises."""
    said = mapping("properties", properties)
    fields: Event = {"type": type_, "name": name, "properties": canonical_object(said)}
    if "feature" in said:
        fields["feature"] = str(said["feature"] or "")
    if "agent" in said:
        fields["agent"] = str(said["agent"] or "")
    if said.get("failed") is True or said.get("success") is False:
        fields["failed"] = True
    return fields


def identify_fields(traits: Mapping[str, Any] | None) -> Event:
    """A device's user became known."""
    return {"type": "identify", "name": "identify", "traits": canonical_object(mapping("traits", traits))}


def alias_fields(previous_id: str) -> Event:
    """A user has another id from now on."""
    return {"type": "alias", "name": "alias", "previous_id": previous_id}


def mapping(field: str, value: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """A mapping, or an empty one for None. EncodeError for anything else."""
    if value is None:
        return {}
    if type(value) is not dict and not isinstance(value, Mapping):
        raise EncodeError(f"{field} are a {type(value).__name__}; a mapping of names to values is allowed")
    return value
