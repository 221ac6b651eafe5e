"""The ASGI application: HTTP as ClickHouse's server speaks it, in front of `Engine`."""

from __future__ import annotations

import asyncio
import json
import uuid
import zlib
from collections.abc import AsyncIterator, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl

from backports import zstd
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request

from tidegate_infra.clickhouse.answer import Answers
from tidegate_infra.clickhouse.call import Call, Receive, Scope, Send, User, authenticate, session_spec
from tidegate_infra.clickhouse.compression import Codec, block_codec, decompressor
from tidegate_infra.clickhouse.engine import Engine, EngineError, Session, quote_name
from tidegate_infra.clickhouse.metrics import INSERTED_ROWS, QUERIES, RUNNING, SECONDS
from tidegate_infra.clickhouse.pipes import Pump, Watch
from tidegate_infra.clickhouse.reading import HEAD_BYTES, Reading
from tidegate_infra.clickhouse.statement import (
    READS,
    SESSION_CHANGES,
    Statement,
    parse,
    reader_violation,
    sql_text,
    writes_file,
)

MAX_QUERY_BYTES = 256 << 20
_GET_KINDS = READS | {"SET", "USE"}


class ClickHouseHttp:
    """Serves one Engine. Statements run in threads; `queries` bounds how many at once."""

    def __init__(self, engine: Engine, users: dict[str, User], *, queries: int = 16, name: str = "tidegate") -> None:
        self._engine, self._users = engine, users
        self._threads = ThreadPoolExecutor(queries, "query")
        self._pipes = ThreadPoolExecutor(queries, "pipe")
        self._answers = Answers(engine, name)
        self._reading = Reading(engine, self._answers, self._threads, self._pipes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection's event, as ASGI says."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]}
        text = scope["query_string"].decode("latin-1")
        parameters = dict(parse_qsl(text, keep_blank_values=True, encoding="utf-8", errors="surrogateescape"))
        query_id = parameters.get("query_id") or str(uuid.uuid4())
        call = Call(parameters, headers, receive, send, query_id, scope["method"])
        if scope["path"] == "/":
            await self._guarded(call)
        else:
            await self._aside(call, scope["path"])
        for message in call.last:
            await send(message)

    async def _aside(self, call: Call, path: str) -> None:
        if path in ("/ping", "/replicas_status"):
            await self._answers.whole(call, 200, b"Ok.\n")
        elif path == "/healthz":
            body = json.dumps({"status": "ok", "engine": self._engine.version}).encode()
            await self._answers.whole(call, 200, body, extra={"Content-Type": "application/json"})
        elif path == "/metrics":
            await self._answers.whole(call, 200, generate_latest(), extra={"Content-Type": CONTENT_TYPE_LATEST})
        else:
            await self._answers.whole(call, 404, f"There is no handle {path}\n".encode())

    async def _guarded(self, call: Call) -> None:
        try:
            call.user, call.role = authenticate(call, self._users)
            if call.method == "GET" and not call.parameters.get("query"):
                await self._answers.whole(call, 200, b"Ok.\n")
                return
            await self._serve(call)
        except (EngineError, ValueError) as error:
            if call.started:  # too late for a status: cut the connection
                raise
            call.last.clear()
            if not isinstance(error, EngineError):
                error = EngineError(f"Code: 36. DB::Exception: {error}. (BAD_ARGUMENTS)")
            QUERIES.labels(call.role, "refused").inc()
            await self._answers.failure(call, error)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self._engine.kill_all()
        self._threads.shutdown(wait=True)
        self._pipes.shutdown(wait=True)
        self._engine.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _serve(self, call: Call) -> None:
        encoding = call.headers.get("content-encoding", "")
        codec = block_codec(reading=True) if call.flag("decompress") else decompressor(encoding)
        body = _body(call.receive, codec)
        if call.headers.get("content-type", "").startswith("multipart/form-data"):
            await _read_form(call, body)
            body = _nothing()
        head, statement = await _read_statement(call, body)
        if statement.kind == "":
            raise EngineError("Code: 62. DB::Exception: Syntax error: Empty query. (SYNTAX_ERROR)")
        if statement.many:
            raise EngineError("Code: 62. DB::Exception: Syntax error: Multi-statements are not allowed. (SYNTAX_ERROR)")
        if call.role == "reader":
            statement = await self._reader_statement(call, head)
        elif statement.kind in READS and writes_file(head):
            raise EngineError("Code: 205. DB::Exception: INTO OUTFILE is not allowed. (INTO_OUTFILE_NOT_ALLOWED)")
        elif call.method == "GET" and statement.kind not in _GET_KINDS:
            raise EngineError(
                "Code: 164. DB::Exception: Cannot execute query in readonly mode. For queries over HTTP, method GET "
                "implies readonly. You should use method POST for modifying queries. (READONLY)"
            )
        with RUNNING.track_inprogress(), SECONDS.labels(call.role).time():
            await self._with_session(call, statement, body)
        QUERIES.labels(call.role, "answered").inc()

    async def _reader_statement(self, call: Call, sql: bytes) -> Statement:
        """What a reader may run: the text that was checked, in which no comment hides anything."""
        canonical = await self._thread(self._engine.canonical, sql)
        if reason := reader_violation(canonical, call.query_parameters, self._engine.table_functions):
            raise EngineError(f"Code: 497. DB::Exception: Not enough privileges: {reason}. (ACCESS_DENIED)")
        return parse(canonical.encode())

    async def _with_session(self, call: Call, statement: Statement, body: AsyncIterator[bytes]) -> None:
        spec = session_spec(call, statement)
        # a reader can leave nothing in a session, so it needs none
        session_id = call.parameters.get("session_id") if call.role == "writer" else None
        if session_id:
            timeout = min(float(call.parameters.get("session_timeout", "60")), 3600.0)
            session = self._engine.named(call.user, session_id, timeout, must_exist=call.flag("session_check"))
        else:
            session = await self._thread(self._engine.lend, spec)
            session.lock.acquire()
        clean = False
        try:
            if session_id:
                await self._thread(session.prepare, spec)
            if call.tables:
                await self._thread(_load_tables, call, session)
            async with Watch(call, lambda: self._engine.kill(session.tag), active=statement.data is None):
                await self._execute(call, statement, session, body)
            clean = statement.kind not in SESSION_CHANGES and not call.tables
        finally:
            for table in call.tables if session_id else ():
                with suppress(EngineError):  # the session may have ended with the statement's error
                    await self._thread(session.run, f"DROP TEMPORARY TABLE {quote_name(table)}")
            session.lock.release()
            if not session_id:
                self._engine.take_back(session, spec, reusable=clean)

    async def _execute(self, call: Call, statement: Statement, session: Session, body: AsyncIterator[bytes]) -> None:
        if statement.data is not None and statement.format:
            pump = Pump(asyncio.get_running_loop())
            work = self._thread(session.insert, statement.head.decode(), statement.format, pump)
            task = asyncio.ensure_future(work)
            await pump.fill(statement.data, body, task)
            done = await task
            INSERTED_ROWS.inc(done.written_rows)
            await self._answers.whole(call, 200, b"", statistics=done)
        elif statement.kind in READS:
            await self._reading.run(call, statement, session)
        else:
            format_clause = b" FORMAT " + statement.format.encode() + statement.tail if statement.format else b""
            done = await self._thread(session.run, sql_text(statement.head + format_clause), call.query_parameters)
            await self._answers.whole(call, 200, done.body, statistics=done)

    async def _thread(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)


def _load_tables(call: Call, session: Session) -> None:
    for name, data in call.tables.items():
        types = call.parameters.get(f"{name}_types", "String").split(",")
        numbered = ", ".join(f"_{number} {kind}" for number, kind in enumerate(types, 1))
        structure = call.parameters.get(f"{name}_structure") or numbered
        session.run(f"CREATE TEMPORARY TABLE {quote_name(name)} ({structure})")
        format_name = call.parameters.get(f"{name}_format", "TabSeparated")
        session.insert(f"INSERT INTO {quote_name(name)}", format_name, [data])


async def _read_statement(call: Call, body: AsyncIterator[bytes]) -> tuple[bytes, Statement]:
    """The statement from URL and body; the body is left where an INSERT's data goes on."""
    head = bytearray(call.parameters.get("query", "").encode("utf-8", "surrogateescape"))
    head += b"\n" if head else b""
    statement = parse(bytes(head[:HEAD_BYTES])) if len(head) >= HEAD_BYTES else None
    async for chunk in body:
        head += chunk
        if len(head) > MAX_QUERY_BYTES:
            raise EngineError("Code: 223. DB::Exception: Query is too large. (QUERY_IS_TOO_LARGE)")
        if statement is None and len(head) >= HEAD_BYTES:
            statement = parse(bytes(head[:HEAD_BYTES]))
        if statement is not None and statement.data is not None and statement.complete:
            break
    sql = bytes(head)
    return sql, await asyncio.to_thread(parse, sql) if len(sql) > HEAD_BYTES else parse(sql)


async def _read_form(call: Call, body: AsyncIterator[bytes]) -> None:
    raw = b"".join([chunk async for chunk in body])

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": raw, "more_body": False}

    content_type = call.headers["content-type"].encode("latin-1")
    scope = {"type": "http", "method": "POST", "headers": [(b"content-type", content_type)]}
    async with Request(scope, receive).form(max_part_size=MAX_QUERY_BYTES) as form:
        for name, value in form.multi_items():
            if isinstance(value, str):
                call.parameters[name] = value
            else:
                call.tables[name] = await value.read()


async def _body(receive: Receive, codec: Codec) -> AsyncIterator[bytes]:
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise EngineError("Code: 210. DB::Exception: The client closed the connection. (NETWORK_ERROR)")
        last = not message.get("more_body")
        try:
            plain = codec.feed(message.get("body", b"")) + (codec.finish() if last else b"")
        except (ValueError, RuntimeError, OSError, zlib.error, zstd.ZstdError) as error:
            text = f"Cannot decompress the request body: {error}"
            raise EngineError(f"Code: 271. DB::Exception: {text}. (CANNOT_DECOMPRESS)") from None
        if plain:
            yield plain
        if last:
            return


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield b""
