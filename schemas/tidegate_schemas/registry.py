"""Schema registries with Confluent's API, and an in-memory double.

The registry only gives our own schemas a number for the wire. No schema that it holds is ever decoded with unless it
is one of our recorded versions.
"""

import base64
import json
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import Any, Protocol

from tidegate_schemas.errors import RegistryError, RegistryUnavailableError, SchemaRefusedError
from tidegate_schemas.subjects import Schema

__all__ = ["MemoryRegistry", "RegistryClient", "SchemaRegistry"]

_CONTENT_TYPE = "application/vnd.schemaregistry.v1+json"
_MAX_ANSWER_BYTES = 4 << 20


class SchemaRegistry(Protocol):
    """What the codecs need of a registry. All calls block; RegistryUnavailableError is worth another try."""

    def register(self, schema: Schema) -> int:
        """Give the schema's id in its subject, registering it if it is new; SchemaRefusedError if incompatible."""
        ...

    def find(self, schema: Schema) -> int | None:
        """Give the id that this very schema has in its subject, None if it isn't registered."""
        ...

    def definition(self, schema_id: int) -> dict[str, Any] | None:
        """Give the definition behind an id, None if there is no such id."""
        ...


class MemoryRegistry:
    """A registry in memory, for tests and single processes; ids count from 1. Safe to call from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._texts: list[str] = []
        self._ids: dict[tuple[str, str], int] = {}

    def register(self, schema: Schema) -> int:
        """See SchemaRegistry.register; nothing is ever refused."""
        text = _text(schema)
        with self._lock:
            if text not in self._texts:
                self._texts.append(text)
            return self._ids.setdefault((schema.subject, text), self._texts.index(text) + 1)

    def find(self, schema: Schema) -> int | None:
        """See SchemaRegistry.find."""
        with self._lock:
            return self._ids.get((schema.subject, _text(schema)))

    def definition(self, schema_id: int) -> dict[str, Any] | None:
        """See SchemaRegistry.definition."""
        with self._lock:
            if not 1 <= schema_id <= len(self._texts):
                return None
            loaded: dict[str, Any] = json.loads(self._texts[schema_id - 1])
            return loaded


class RegistryClient:
    """Client of Confluent's REST API; Apicurio is reached by its base URL, http://host:port/apis/ccompat/v7."""

    def __init__(
        self, url: str, *, timeout_seconds: float = 5.0, user: str | None = None, password: str | None = None
    ) -> None:
        if urllib.parse.urlsplit(url).scheme not in {"http", "https"}:
            raise RegistryError(f"registry URL {url!r} must start with http:// or https://")
        self._url = url.rstrip("/")
        self._timeout_seconds = timeout_seconds
        self._headers = {"Accept": f"{_CONTENT_TYPE}, application/json", "Content-Type": _CONTENT_TYPE}
        if user is not None:
            token = base64.b64encode(f"{user}:{password or ''}".encode()).decode()
            self._headers["Authorization"] = f"Basic {token}"

    def register(self, schema: Schema) -> int:
        """See SchemaRegistry.register."""
        answer = self._call("POST", f"/subjects/{_quoted(schema.subject)}/versions", _body(schema))
        return self._id(answer)

    def find(self, schema: Schema) -> int | None:
        """See SchemaRegistry.find."""
        answer = self._call("POST", f"/subjects/{_quoted(schema.subject)}", _body(schema), absent_ok=True)
        return None if answer is None else self._id(answer)

    def definition(self, schema_id: int) -> dict[str, Any] | None:
        """See SchemaRegistry.definition."""
        answer = self._call("GET", f"/schemas/ids/{schema_id}", absent_ok=True)
        if answer is None:
            return None
        try:
            loaded = json.loads(answer["schema"])
        except (KeyError, TypeError, ValueError) as error:
            raise RegistryError(f"registry {self._url} answered id {schema_id} without a schema") from error
        if not isinstance(loaded, dict):
            raise RegistryError(f"registry {self._url} holds no record schema under id {schema_id}")
        return loaded

    def require_full_transitive(self, schema: Schema) -> None:
        """Make the registry refuse, in this subject, what our own evolution check would refuse."""
        self._call("PUT", f"/config/{_quoted(schema.subject)}", {"compatibility": "FULL_TRANSITIVE"})

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None, *, absent_ok: bool = False) -> Any:
        data = None if body is None else json.dumps(body).encode()
        # The scheme is checked in the constructor.
        request = urllib.request.Request(self._url + path, data, self._headers, method=method)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=self._timeout_seconds) as answer:  # noqa: S310
                return self._parsed(answer.read(_MAX_ANSWER_BYTES))
        except urllib.error.HTTPError as error:
            with error:
                if error.code == 404 and absent_ok:
                    return None
                raise self._failure(method, path, error.code, error.read(2048)) from error
        except OSError as error:
            raise RegistryUnavailableError(f"registry {self._url} can't be reached: {error}") from error

    def _failure(self, method: str, path: str, status: int, answer: bytes) -> RegistryError:
        text = f"registry {self._url} answered {status} to {method} {path}: {answer.decode('utf-8', 'replace')}"
        if status >= 500 or status == 429:
            return RegistryUnavailableError(text)
        return SchemaRefusedError(text) if status in {409, 422} else RegistryError(text)

    def _parsed(self, answer: bytes) -> Any:
        try:
            return json.loads(answer)
        except ValueError as error:
            raise RegistryError(f"registry {self._url} answered with something other than JSON") from error

    def _id(self, answer: Any) -> int:
        if not isinstance(answer, dict) or not isinstance(answer.get("id"), int):
            raise RegistryError(f"registry {self._url} answered without an id")
        found: int = answer["id"]
        return found


def _text(schema: Schema) -> str:
    # Apicurio 3.0.9 doesn't recognise a schema whose text holds "{}", as our defaults do: the same in escapes passes.
    return json.dumps(schema.definition, separators=(",", ":")).replace('"{}"', r'"\u007b\u007d"')


def _body(schema: Schema) -> dict[str, str]:
    return {"schema": _text(schema), "schemaType": "AVRO"}


def _quoted(subject: str) -> str:
    return urllib.parse.quote(subject, safe="")
