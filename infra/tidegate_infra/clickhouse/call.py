"""One HTTP request, as ClickHouse understands it: parameters, who asks, and what its session is prepared with."""

from __future__ import annotations

import base64
import binascii
import hmac
import re
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tidegate_infra.clickhouse.engine import EngineError, SessionSpec
from tidegate_infra.clickhouse.statement import Statement

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Role = Literal["reader", "writer"]

#: URL parameters that are no settings.
_NOT_SETTINGS = frozenset(
    {
        "add_http_cors_header",
        "buffer_size",
        "cancel_http_readonly_queries_on_client_close",
        "client_protocol_version",
        "close_session",
        "compress",
        "database",
        "decompress",
        "default_format",
        "enable_http_compression",
        "http_headers_progress_interval_ms",
        "http_zlib_compression_level",
        "log_comment",
        "network_compression_method",
        "network_zstd_compression_level",
        "password",
        "query",
        "query_id",
        "quota_key",
        "role",
        "send_progress_in_http_headers",
        "session_check",
        "session_id",
        "session_timeout",
        "stacktrace",
        "user",
        "wait_end_of_query",
    }
)
#: What one reader's query may use at most; a reader may ask for less.
_READER_LIMITS = {"max_execution_time": 60, "max_result_rows": 5_000_000, "max_memory_usage": 1 << 30, "max_threads": 4}
#: Settings are applied before readonly=1 closes the session, so a reader may ask for these only: `dialect`, say, would
#: let it past the guard, and output_format_schema names a file to write.
_READER_SETTINGS = re.compile(
    r"max_\w+|output_format_(?!schema$)\w+|date_time_output_format|(timeout|result|read|sort|group_by)_overflow_mode|join_\w+"
    r"|extremes|session_timezone|use_query_cache|query_cache_ttl|final|limit|offset|prefer_column_name_to_alias"
    r"|priority|async_insert"
)
_LOOPBACK = re.compile(r"(?i)(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?")
_WRITER_DEFAULTS = {"async_insert": "0"}


@dataclass(frozen=True)
class User:
    """Someone who may ask."""

    password: str
    role: Role


@dataclass
class Call:
    """One request, parsed."""

    parameters: dict[str, str]
    headers: dict[str, str]
    receive: Receive
    send: Send
    query_id: str
    method: str = "POST"
    role: Role = "reader"
    user: str = "default"
    tables: dict[str, bytes] = field(default_factory=dict)  # external data by table name
    started: bool = False
    last: list[MutableMapping[str, Any]] = field(default_factory=list)  # sent once the session is free again

    def flag(self, name: str) -> bool:
        """Whether a parameter is set to true."""
        return self.parameters.get(name, "0").lower() in ("1", "true")

    @property
    def query_parameters(self) -> dict[str, str]:
        """Values of `{name:Type}` in the statement."""
        return {name[6:]: value for name, value in self.parameters.items() if name.startswith("param_")}


def authenticate(call: Call, users: dict[str, User]) -> tuple[str, Role]:
    """Name and role of who asks. Raises EngineError 516.

    Who has no password must call this machine by one of its own names: a page on the internet may point its name here,
    and the browser would let it read the answers (DNS rebinding).
    """
    scheme, _, encoded = call.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            name, _, password = base64.b64decode(encoded).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise EngineError(
                "Code: 516. DB::Exception: Invalid Basic authorization header. (AUTHENTICATION_FAILED)"
            ) from None
    else:
        name = call.headers.get("x-clickhouse-user") or call.parameters.get("user", "default")
        password = call.headers.get("x-clickhouse-key") or call.parameters.get("password", "")
    name = name or "default"
    user = users.get(name)
    expected = user.password if user else secrets.token_hex()
    if not hmac.compare_digest(expected.encode(), password.encode()) or user is None:
        raise EngineError(
            f"Code: 516. DB::Exception: {name}: Authentication failed: password is incorrect, or there is "
            "no user with such name. (AUTHENTICATION_FAILED)"
        )
    if not expected and not _LOOPBACK.fullmatch(call.headers.get("host", "")):
        raise EngineError(
            "Code: 516. DB::Exception: without a password this server answers to 127.0.0.1, [::1] and localhost only; "
            "ask as the user writer. (AUTHENTICATION_FAILED)"
        )
    return name, user.role


def session_spec(call: Call, statement: Statement) -> SessionSpec:
    """What the session of this statement is prepared with. Raises EngineError on a setting that isn't allowed."""
    database = call.parameters.get("database") or call.headers.get("x-clickhouse-database", "")
    settings = {k: v for k, v in call.parameters.items() if k not in _NOT_SETTINGS and not k.startswith("param_")}
    for name in call.tables:
        for suffix in ("_structure", "_format", "_types"):
            settings.pop(name + suffix, None)
    if statement.data is not None:  # send_insert takes no parameters, so they go through the session
        settings.update({k: v for k, v in call.parameters.items() if k.startswith("param_")})
    settings = _reader_settings(settings) if call.role == "reader" else {**_WRITER_DEFAULTS, **settings}
    for name in settings:
        if not re.fullmatch(r"[A-Za-z_]\w*", name):
            raise EngineError(
                f"Code: 115. DB::Exception: Setting {name} is neither a builtin setting nor started with the prefix "
                "'SQL_'. (UNKNOWN_SETTING)"
            )
    return SessionSpec(database, tuple(sorted(settings.items())), call.role == "reader")


def _reader_settings(asked: dict[str, str]) -> dict[str, str]:
    settings = dict(asked)
    if settings.get("readonly") in ("1", "2"):
        del settings["readonly"]
    for name in settings:
        if not _READER_SETTINGS.fullmatch(name):
            raise EngineError(f"Code: 164. DB::Exception: Cannot modify '{name}' setting in readonly mode. (READONLY)")
    for name, limit in _READER_LIMITS.items():
        wish = settings.get(name, "")
        number = float(wish) if re.fullmatch(r"\d+(\.\d+)?", wish) else 0.0
        settings[name] = f"{min(number, limit) if number else limit:.17g}"
    return settings
