"""What is kept of an event's surroundings: what names software, and nothing that names a person or a machine. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidegate.foreign.values import mapping, text

_PLAIN = (str, int, float)
MAX_IMAGES = 100
MAX_THREADS = 50
KEPT: Mapping[str, tuple[str, ...]] = {
    "app": ("app_name", "app_version", "app_build", "app_identifier", "in_foreground", "type"),
    "browser": ("name", "version"),
    "client_os": ("name", "version"),
    "cloud_resource": ("cloud.provider", "cloud.platform", "cloud.region"),
    "culture": ("calendar", "locale", "timezone"),
    "device": ("arch", "brand", "family", "manufacturer", "memory_size", "model", "processor_count", "simulator"),
    "os": ("name", "version", "build", "kernel_version", "rooted"),
    "react": ("version",),
    "response": ("status_code", "body_size"),
    "runtime": ("name", "version", "build"),
    "trace": ("op", "status", "origin"),
}
"""Members that are kept of each context; any other context is left out."""


def kept_contexts(contexts: Mapping[str, Any]) -> dict[str, Any]:
    """Contexts by name. Names of devices, ids, states of stores and what an application invents are left out."""
    kept = {name: members_of(contexts.get(name), members) for name, members in KEPT.items()}
    return {name: members for name, members in kept.items() if members}


def debug_images(event: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Which files the event's code came from: what source maps and symbols are found by."""
    images = mapping(event.get("debug_meta")).get("images")
    names = ("type", "debug_id", "code_file", "code_id", "debug_file", "image_addr", "image_size", "arch")
    listed = images[:MAX_IMAGES] if isinstance(images, list) else []
    return [kept for image in listed if (kept := members_of(image, names))]


def threads(event: Mapping[str, Any]) -> tuple[list[dict[str, Any]], Mapping[str, Any]]:
    """The threads without their stacks, and the stack of the one that crashed, else of the current one."""
    values = mapping(event.get("threads")).get("values")
    listed = [each for each in values if isinstance(each, dict)][:MAX_THREADS] if isinstance(values, list) else []
    marked = sorted(listed, key=lambda each: (each.get("crashed") is not True, each.get("current") is not True))
    stack = mapping(marked[0].get("stacktrace")) if marked else {}
    return [members_of(each, ("id", "name", "crashed", "current", "main", "state")) for each in listed], stack


def sdk_of(event: Mapping[str, Any]) -> dict[str, Any]:
    """Name and version of the client."""
    return members_of(event.get("sdk"), ("name", "version"))


def attachment_of(header: Mapping[str, Any], size_bytes: int) -> dict[str, Any]:
    """What is kept of an attachment; its content isn't."""
    return {
        "filename": text(header, "filename"),
        "size_bytes": size_bytes,
        "content_type": text(header, "content_type"),
        "type": text(header, "attachment_type", default="event.attachment"),
    }


def members_of(value: object, names: tuple[str, ...]) -> dict[str, Any]:
    """The members of an object that are texts, numbers or booleans, of a list of names."""
    found = mapping(value)
    if not found:
        return {}
    return {name: each for name in names if isinstance(each := found.get(name), _PLAIN)}
