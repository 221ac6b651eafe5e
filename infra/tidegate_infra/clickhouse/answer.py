"""Status lines, headers and bodies as ClickHouse's server sends them."""

from __future__ import annotations

import json
from collections.abc import MutableMapping
from typing import Any

from tidegate_infra.clickhouse.call import Call
from tidegate_infra.clickhouse.engine import Engine, EngineError, Statistics

#: HTTP status by error code; anything else is 500.
_STATUS = {
    **dict.fromkeys((192, 193, 497, 516), 403),
    194: 401,
    **dict.fromkeys((46, 47, 50, 56, 60, 81, 115, 372), 404),
    48: 501,
    **dict.fromkeys((6, 26, 27, 33, 36, 37, 38, 41, 42, 43, 44, 53, 62, 63, 69, 70, 72, 73, 386, 456, 457), 400),
    158: 413,
    159: 408,
    164: 403,
    202: 503,
    209: 408,
    223: 413,
    373: 409,
}
_CONTENT_TYPES = {
    "JSON": "application/json",
    "JSONCompact": "application/json",
    "JSONEachRow": "application/x-ndjson",
    "CSV": "text/csv",
    "CSVWithNames": "text/csv",
    "TabSeparated": "text/tab-separated-values",
    "XML": "application/xml",
}


class Answers:
    """Answers in one engine's name."""

    def __init__(self, engine: Engine, name: str) -> None:
        self._engine, self._name = engine, name

    async def whole(
        self,
        call: Call,
        status: int,
        body: bytes,
        *,
        statistics: Statistics | None = None,
        format_name: str = "",
        encoding: str = "",
        extra: dict[str, str] | None = None,
    ) -> None:
        """A whole answer, sent when the session is free again."""
        more = {"Content-Length": str(len(body)), **(extra or {})}
        if statistics:
            more["X-ClickHouse-Summary"] = _summary(statistics)
        call.last.append(self.head(call, status, format_name=format_name, encoding=encoding, extra=more))
        await self.more(call, body, last=True)

    async def failure(self, call: Call, error: EngineError) -> None:
        """An error, with its code's status."""
        body = self.error_text(error).encode("utf-8", "replace")
        status = _STATUS.get(error.code, 500)
        await self.whole(call, status, body, extra={"X-ClickHouse-Exception-Code": str(error.code)})

    def error_text(self, error: EngineError) -> str:
        """The text, with the engine's version where it isn't there yet."""
        version = f"(version {self._engine.version} (chDB))"
        return f"{error.text}\n" if "(version" in error.text[-60:] else f"{error.text} {version}\n"

    def head(
        self,
        call: Call,
        status: int,
        *,
        format_name: str = "",
        encoding: str = "",
        extra: dict[str, str] | None = None,
    ) -> MutableMapping[str, Any]:
        """The start of an answer."""
        plain = "application/octet-stream" if format_name else "text/plain; charset=UTF-8"
        headers = {
            "Content-Type": _CONTENT_TYPES.get(format_name, plain),
            "X-ClickHouse-Server-Display-Name": self._name,
            "X-ClickHouse-Query-Id": call.query_id,
            "X-ClickHouse-Timezone": self._engine.timezone,
            **(extra or {}),
        }
        if format_name:
            headers["X-ClickHouse-Format"] = format_name
        if encoding:
            headers["Content-Encoding"] = encoding
        encoded = [(name.lower().encode(), value.encode("latin-1", "replace")) for name, value in headers.items()]
        return {"type": "http.response.start", "status": status, "headers": encoded}

    async def more(self, call: Call, body: bytes, *, last: bool = False) -> None:
        """A piece of the body; the last one waits until the session is free."""
        message = {"type": "http.response.body", "body": body, "more_body": not last}
        if last:
            call.last.append(message)
        elif body:
            await call.send(message)


def _summary(done: Statistics) -> str:
    return json.dumps(
        {
            "read_rows": str(done.read_rows),
            "read_bytes": str(done.read_bytes),
            "written_rows": str(done.written_rows),
            "written_bytes": str(done.written_bytes),
            "total_rows_to_read": "0",
            "result_rows": str(done.written_rows),
            "result_bytes": str(done.written_bytes),
            "elapsed_ns": str(int(done.elapsed_seconds * 1e9)),
        },
        separators=(",", ":"),
    )
