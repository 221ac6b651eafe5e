"""Owns chDB: one root connection keeps the engine alive, short-lived ones serve requests.

A connection is a session (settings, current database, temporary tables) and runs one statement at a time; opening
one takes 0.3 ms, so a connection is prepared per request and kept only while its session is still as prepared.
"""

from __future__ import annotations

import itertools
import re
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import chdb
from chdb.state.sqlitelike import Connection

from tidegate_infra.clickhouse.native import split_blocks
from tidegate_infra.clickhouse.statement import split_settings

_CODE = re.compile(r"Code: (\d+)\.")


class EngineError(Exception):
    """The engine refused or failed a statement."""

    def __init__(self, message: str, code: int = 0) -> None:
        found = _CODE.search(message)
        self.code = code or (int(found.group(1)) if found else 1002)
        self.text = (
            message[found.start() :].strip() if found else f"Code: {self.code}. DB::Exception: {message.strip()}"
        )
        super().__init__(self.text)


def _connect(path: str) -> Connection:
    connect: Any = chdb.connect  # chDB's own annotations are partial
    connection: Connection = connect(path)
    return connection


def quote(value: str) -> str:
    """An SQL text literal."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def quote_name(name: str) -> str:
    """An SQL identifier."""
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


@dataclass(frozen=True)
class SessionSpec:
    """What a fresh session is prepared with; equal specs may share idle connections."""

    database: str = ""
    settings: tuple[tuple[str, str], ...] = ()
    readonly: bool = False


@dataclass(frozen=True)
class Statistics:
    """What a statement did, and its answer."""

    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0
    elapsed_seconds: float = 0.0
    body: bytes = b""


@dataclass
class Session:
    """One chDB connection. Not thread-safe: hold `lock` around a statement."""

    connection: Connection
    tag: str
    lock: threading.Lock = field(default_factory=threading.Lock)
    applied: SessionSpec | None = None
    expires_at: float = 0.0

    def run(
        self, sql: str | bytes, parameters: Mapping[str, str] | None = None, format: str = "TabSeparated"
    ) -> Statistics:
        """Run a statement; its whole answer is held in memory."""
        started = time.perf_counter()
        try:
            result: Any = self.connection.query(sql, format, params=dict(parameters or {}))  # type: ignore[arg-type]
        except Exception as error:  # noqa: BLE001 - chDB raises bare exceptions; each becomes an EngineError
            raise EngineError(str(error)) from None
        return Statistics(
            result.rows_read(),
            result.bytes_read(),
            result.rows_written(),
            result.bytes_written(),
            time.perf_counter() - started,
            result.bytes(),
        )

    def native_blocks(
        self, sql: str | bytes, parameters: Mapping[str, str], put: Callable[[bytes], None]
    ) -> Statistics:
        """Call `put` with each block of the answer in Native: chDB streams exactly one a chunk."""
        started, rows, size = time.perf_counter(), 0, 0
        try:
            stream: Any = self.connection.send_query(sql, "Native", params=dict(parameters))  # type: ignore[arg-type]
        except Exception as error:  # noqa: BLE001 - chDB raises bare exceptions; each becomes an EngineError
            if "Streaming query is not supported" not in str(error):  # SHOW, DESCRIBE, …
                raise EngineError(str(error)) from None
            done = self.run(sql, parameters, "Native")
            for block in split_blocks(done.body):
                put(block)
            return done
        try:
            for chunk in stream:
                rows, size = rows + chunk.rows_read(), size + chunk.bytes_read()
                put(chunk.bytes())
        except RuntimeError as error:
            raise EngineError(str(error)) from None
        finally:
            stream.close()
        return Statistics(rows, size, elapsed_seconds=time.perf_counter() - started)

    def insert(self, sql: str, format: str, chunks: Iterable[bytes]) -> Statistics:
        """Insert what the chunks are when they have all come; one that fails leaves nothing behind.

        As a file, and not by chDB's `send_insert`: that reports rows as written, and no error, when the table refuses
        them (too many parts, a constraint), so that they were lost after a 200.
        """
        with tempfile.TemporaryFile() as file:
            try:
                file.writelines(chunks)
            except RuntimeError as error:
                raise EngineError(str(error)) from None
            file.flush()
            file.seek(0)
            head, settings = split_settings(sql.encode())
            source = f" FROM INFILE '/dev/fd/{file.fileno()}' COMPRESSION 'none' ".encode()
            return self.run(head + source + settings + b" FORMAT " + format.encode())

    def prepare(self, spec: SessionSpec) -> None:
        """Bring the session to `spec`."""
        if self.applied == spec:
            return
        old = self.applied or SessionSpec()
        if spec.database != old.database:
            self.run(f"USE {quote_name(spec.database or 'default')}")
        forgotten = sorted({name for name, _ in old.settings} - {name for name, _ in spec.settings})
        changes = [f"{name}=DEFAULT" for name in forgotten if not name.startswith("param_")]
        changes += [f"{name}={quote(value)}" for name, value in spec.settings] + [f"log_comment={quote(self.tag)}"]
        if spec.readonly:
            changes.append("readonly=1")
        self.run("SET " + ", ".join(changes))
        self.applied = spec


class Engine:
    """`open` → lend and take back sessions → `close`. Thread-safe."""

    def __init__(self, path: str, *, idle_sessions: int = 16) -> None:
        self._path = path
        self._root = Session(_connect(path), "root")
        self._idle: OrderedDict[SessionSpec, list[Session]] = OrderedDict()
        self._idle_limit = idle_sessions
        self._named: dict[tuple[str, str], Session] = {}
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        facts = self.ask("SELECT version(), timezone(), hostName()").decode().rstrip("\n").split("\t")
        self.version, self.timezone, self.host = facts
        names = self.ask("SELECT lower(name) FROM system.table_functions").decode()
        self.table_functions = frozenset(names.split())

    def ask(self, sql: str, parameters: Mapping[str, str] | None = None) -> bytes:
        """Ask the engine itself, outside of any session."""
        with self._root.lock:
            return self._root.run(sql, parameters).body

    def canonical(self, sql: bytes) -> str:
        """The statement as the engine's own parser prints it: one statement, no comments, no odd quoting."""
        return self.ask(
            "SELECT formatQuerySingleLine({q:String}) FORMAT TabSeparatedRaw", {"q": _escape(sql.decode())}
        ).decode()

    def lend(self, spec: SessionSpec) -> Session:
        """A session prepared as `spec` says; give it back with `take_back`."""
        with self._lock:
            idle = self._idle.get(spec)
            session = idle.pop() if idle else None
            if not idle:  # `_over_limit` takes from the oldest, which must have one
                self._idle.pop(spec, None)
        if session is None:
            session = self._open()
            try:
                session.prepare(spec)
            except EngineError:
                session.connection.close()
                raise
        return session

    def take_back(self, session: Session, spec: SessionSpec, *, reusable: bool) -> None:
        """Keep the session for reuse, or close it."""
        with self._lock:
            if reusable and session.applied == spec:
                self._idle.setdefault(spec, []).append(session)
                self._idle.move_to_end(spec)
                dropped = self._over_limit()
            else:
                dropped = [session]
        for one in dropped:
            one.connection.close()

    def named(self, user: str, session_id: str, timeout_seconds: float, *, must_exist: bool) -> Session:
        """The session a client named; 373 if it is busy, as the server answers."""
        now = time.monotonic()
        with self._lock:
            for key in [k for k, s in self._named.items() if s.expires_at < now and not s.lock.locked()]:
                self._named.pop(key).connection.close()
            session = self._named.get((user, session_id))
            if session is None:
                if must_exist:
                    raise EngineError("Code: 372. DB::Exception: Session not found. (SESSION_NOT_FOUND)")
                session = self._named[(user, session_id)] = self._open()
            if not session.lock.acquire(blocking=False):
                raise EngineError(
                    f"Code: 373. DB::Exception: Session {session_id} is locked by a concurrent client. "
                    "(SESSION_IS_LOCKED)"
                )
            session.expires_at = now + timeout_seconds
        return session

    def kill(self, tag: str) -> None:
        """End what runs under this session's tag."""
        self.ask("KILL QUERY WHERE Settings['log_comment'] = {tag:String} ASYNC", {"tag": tag})

    def kill_all(self) -> None:
        """End what runs under any session."""
        self.ask("KILL QUERY WHERE Settings['log_comment'] LIKE 'http-%' ASYNC")

    def close(self) -> None:
        """Close all sessions and the engine."""
        with self._lock:
            sessions = [s for group in self._idle.values() for s in group] + list(self._named.values())
            self._idle.clear()
            self._named.clear()
        for session in sessions:
            session.connection.close()
        self._root.connection.close()

    def _open(self) -> Session:
        return Session(_connect(self._path), f"http-{next(self._numbers)}")

    def _over_limit(self) -> list[Session]:
        dropped: list[Session] = []
        while sum(map(len, self._idle.values())) > self._idle_limit:
            oldest = next(iter(self._idle))
            dropped.append(self._idle[oldest].pop())
            if not self._idle[oldest]:
                del self._idle[oldest]
        return dropped


def _escape(value: str) -> str:
    """A parameter travels in TabSeparated escaping."""
    return value.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\0", "\\0")
