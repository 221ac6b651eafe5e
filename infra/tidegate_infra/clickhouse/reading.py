"""Reading statements: the engine writes the answer, in any format, into a pipe, and it is relayed as it comes."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from tidegate_infra.clickhouse.answer import Answers
from tidegate_infra.clickhouse.call import Call
from tidegate_infra.clickhouse.compression import Codec, block_codec, compressor, negotiate
from tidegate_infra.clickhouse.engine import Engine, EngineError, Session, SessionSpec, Statistics
from tidegate_infra.clickhouse.native import RevisionLift, frame
from tidegate_infra.clickhouse.pipes import PipeReader
from tidegate_infra.clickhouse.statement import Statement, format_word, sql_text

#: An answer up to this size is sent whole, with its final summary and status.
HEAD_BYTES = 1 << 16
WHOLE_BYTES = 256 << 20


class Reading:
    """Runs reading statements of one engine."""

    def __init__(
        self, engine: Engine, answers: Answers, queries: ThreadPoolExecutor, pipes: ThreadPoolExecutor
    ) -> None:
        self._engine, self._answers, self._queries, self._pipes = engine, answers, queries, pipes

    async def run(self, call: Call, statement: Statement, session: Session) -> None:
        """Stream the answer to one statement."""
        asked = call.headers.get("x-clickhouse-format") or call.parameters.get("default_format")
        format_name = format_word(statement.format or asked or "TabSeparated")
        values = call.query_parameters
        read_end, write_end = os.pipe()
        lift = self._lift(call, statement, session, format_name, values)
        into = "" if lift else f"INTO OUTFILE '/dev/fd/{write_end}' TRUNCATE "
        sql = sql_text(statement.head + f"\n {into}FORMAT {format_name} ".encode() + statement.tail)

        def put(block: bytes) -> None:
            view = memoryview(frame(block))
            while view:
                view = view[os.write(write_end, view) :]

        def work() -> Statistics:
            try:
                return session.native_blocks(sql, values, put) if lift else session.run(sql, values)
            finally:
                os.close(write_end)

        loop = asyncio.get_running_loop()
        task = asyncio.ensure_future(loop.run_in_executor(self._queries, work))
        reader = PipeReader(read_end, self._pipes)
        try:
            await self._relay(call, format_name, reader, task, lift)
        finally:
            await asyncio.shield(self._settle(session, reader, task))

    async def _settle(self, session: Session, reader: PipeReader, task: asyncio.Future[Statistics]) -> None:
        """Return only when the engine has let go of the session and nobody reads the pipe."""
        if not task.done():  # the engine computes on after a broken pipe, so it must be told
            await asyncio.to_thread(self._engine.kill, session.tag)
        await reader.drain()
        with suppress(EngineError):  # it was answered, or the client is gone
            await task
        reader.close()

    def _lift(
        self, call: Call, statement: Statement, session: Session, format_name: str, values: dict[str, str]
    ) -> RevisionLift | None:
        revision = int(call.parameters.get("client_protocol_version", "0"))
        if format_name != "Native" or not revision:
            return None

        def zones() -> list[str]:
            if statement.kind not in ("SELECT", "WITH", "(", "FROM"):
                return []
            try:
                applied = session.applied or SessionSpec()
                spec = SessionSpec(applied.database, readonly=applied.readonly)
                return [row[1] for row in self._describe(spec, statement, values)]
            except EngineError:  # a statement that can't be described has no zones to add
                return []

        return RevisionLift(revision, zones)

    def _describe(self, spec: SessionSpec, statement: Statement, values: dict[str, str]) -> list[list[str]]:
        other = self._engine.lend(spec)
        try:
            sql = sql_text(b"DESCRIBE (" + statement.head + b"\n) FORMAT JSONCompactEachRow")
            body = other.run(sql, values).body
        finally:
            self._engine.take_back(other, spec, reusable=True)
        return [json.loads(line) for line in body.splitlines()]

    async def _relay(
        self,
        call: Call,
        format_name: str,
        reader: PipeReader,
        task: asyncio.Future[Statistics],
        lift: RevisionLift | None,
    ) -> None:
        head = bytearray()
        while len(head) < _hold(call) and (chunk := await reader.read()):
            head += chunk
        codec, encoding = _codec(call)
        convert: Callable[[bytes], bytes] = lift.feed if lift else bytes
        first = await asyncio.to_thread(convert, bytes(head))
        if reader.ended:
            statistics = await task  # raises what the engine raised, while the status can still say so
            body = codec.feed(first) + codec.finish() if first or encoding else b""
            await self._answers.whole(
                call, 200, body, statistics=statistics, format_name=format_name, encoding=encoding
            )
            return
        tag = secrets.token_hex(8)
        call.started = True
        extra = {"X-ClickHouse-Exception-Tag": tag}
        await call.send(self._answers.head(call, 200, format_name=format_name, encoding=encoding, extra=extra))
        await self._answers.more(call, codec.feed(first))
        while chunk := await reader.read():
            await self._answers.more(call, codec.feed(await asyncio.to_thread(convert, chunk) if lift else chunk))
        last = await self._late_error(task, tag)
        await self._answers.more(call, (codec.feed(last) if last else b"") + codec.finish(), last=True)

    async def _late_error(self, task: asyncio.Future[Statistics], tag: str) -> bytes:
        """What the server appends to an answer whose status is already out."""
        try:
            await task
        except EngineError as error:
            text = self._answers.error_text(error)
            return f"\r\n__exception__\r\n{tag}\r\n{text}{len(text.encode())} {tag}\r\n__exception__\r\n".encode()
        return b""


def _hold(call: Call) -> int:
    """How many bytes to hold back; an explicit wait_end_of_query=0 means: show rows as soon as there are any."""
    if call.flag("wait_end_of_query"):
        return WHOLE_BYTES
    return 1 if call.parameters.get("wait_end_of_query") == "0" else HEAD_BYTES


def _codec(call: Call) -> tuple[Codec, str]:
    if call.flag("compress"):
        return block_codec(reading=False), ""
    encoding = negotiate(call.headers.get("accept-encoding", "")) if call.flag("enable_http_compression") else ""
    return compressor(encoding), encoding
