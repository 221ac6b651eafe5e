"""Reads just enough of a SQL statement to route it: its kind, its FORMAT clause, where insert data begins.

Works on bytes, because an INSERT's data may be binary and follow the statement in the same body.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    rb"""(?P<skip>\s+|--[^\n]*|\#[\ !][^\n]*|/\*.*?\*/)
    |(?P<quoted>'(?:[^'\\]|\\.|'')*'|`(?:[^`\\]|\\.|``)*`|"(?:[^"\\]|\\.|"")*"
        |\xe2\x80\x98.*?\xe2\x80\x99|\xe2\x80\x9c.*?\xe2\x80\x9d|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)
    |(?P<word>[A-Za-z_]\w*)|(?P<number>[0-9][\w.]*)|(?P<other>.)""",
    re.S | re.X,
)
READS = frozenset({"SELECT", "WITH", "FROM", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "EXISTS", "CHECK", "("})
SESSION_CHANGES = frozenset({"SET", "USE", "CREATE", "DROP", "ATTACH", "DETACH", "ALTER", "RENAME"})


@dataclass(frozen=True)
class Token:
    """A word, a quoted text, a number or a sign."""

    kind: str
    text: bytes
    start: int
    end: int

    @property
    def upper(self) -> str:
        """Upper case, for comparing keywords."""
        return self.text.decode("latin-1").upper()


@dataclass(frozen=True)
class Statement:
    """`head` is the statement without its FORMAT clause, `tail` what followed it (SETTINGS …)."""

    kind: str
    head: bytes
    format: str | None = None
    tail: bytes = b""
    data: bytes | None = None  # what follows INSERT … FORMAT X; None when the statement takes no data
    complete: bool = True  # False: more bytes may move the boundaries


def tokens(sql: bytes) -> Iterator[Token]:
    """The statement's tokens, without blanks and comments."""
    for match in _TOKEN.finditer(sql):
        kind = match.lastgroup or "other"
        if kind == "tag":
            kind = "quoted"
        if kind != "skip":
            yield Token(kind, match.group(), match.start(), match.end())


def parse(sql: bytes) -> Statement:  # noqa: C901 - one pass over the tokens, one branch a case
    """Kind and parts of a statement, which may still lack its end."""
    stream = tokens(sql)
    first = next(stream, None)
    if first is None:
        return Statement("", b"", complete=False)
    if first.upper == "INSERT":
        return _parse_insert(sql, stream)
    depth, previous, cut = (1 if first.text == b"(" else 0), first, None
    last = first
    for token in stream:
        if token.text in b"([{" and token.kind == "other":
            depth += 1
        elif token.text in b")]}" and token.kind == "other":
            depth -= 1
        elif depth == 0 and token.kind == "word":
            if token.upper == "INTO" and previous.upper == "INSERT" and previous.kind == "word":  # WITH … INSERT INTO …
                return _parse_insert(sql, stream)
            if previous.upper == "FORMAT" and previous.kind == "word" and token.upper not in {"AS", "FROM"}:
                cut = (previous, token)
            elif cut and token.upper != "SETTINGS" and last is cut[1]:
                cut = None  # `format` was a column name
        previous = last = token
    end = last.start if last.text == b";" else len(sql)
    if cut is None:
        return Statement(first.upper, sql[:end])
    return Statement(first.upper, sql[: cut[0].start], cut[1].text.decode(), sql[cut[1].end : end])


def _parse_insert(sql: bytes, stream: Iterator[Token]) -> Statement:
    previous = None
    for token in stream:
        if token.kind == "word":
            if previous is not None and previous.upper == "FORMAT":
                if token.end == len(sql):
                    return Statement("INSERT", sql[: previous.start], token.text.decode(), data=b"", complete=False)
                data = re.sub(rb"\A[ \t\r\f]*;?[ \t\r\f]*\n?", b"", sql[token.end :], count=1)
                return Statement("INSERT", sql[: previous.start], token.text.decode(), data=data)
            if token.upper == "VALUES":
                return Statement("INSERT VALUES", sql)
            if token.upper in {"SELECT", "WITH"} and (previous is None or previous.text != b"."):
                return Statement("INSERT SELECT", sql)
        previous = token
    return Statement("INSERT", sql, complete=False)


# What readonly=1 does not stop in chDB (tried on 26.9): client-side INTO OUTFILE writes any file, the scalar
# file() reads any file, python() reads objects of this process, KILL QUERY ends anybody's query.
_READER_KINDS = READS - {"CHECK"}
_FILE_CLAUSES = frozenset({("INTO", "OUTFILE"), ("FROM", "INFILE")})
_READER_FUNCTIONS = frozenset({"file", "python", "executable", "filesystem", "catboostevaluate"})


def reader_violation(canonical: str) -> str | None:
    """Why a reader may not run this statement, given as the engine's own parser prints it; None if it may."""
    previous: Token | None = None
    for token in tokens(canonical.encode()):
        if previous is None and token.upper not in _READER_KINDS:
            return f"{token.upper} is not a reading statement; allowed: {', '.join(sorted(_READER_KINDS))}"
        if token.kind == "word" and previous is not None and (previous.upper, token.upper) in _FILE_CLAUSES:
            return f"{previous.upper} {token.upper} is not allowed over HTTP"
        if token.text == b"(" and previous is not None and previous.kind in {"word", "quoted"}:
            name = previous.text.strip(b'`"').decode("latin-1").lower()
            if name in _READER_FUNCTIONS:
                return f"function {name}() is not allowed for readers"
        previous = token
    return None


def sql_text(sql: bytes) -> str | bytes:
    """The statement as text where it is UTF-8, as bytes where it isn't."""
    try:
        return sql.decode()
    except UnicodeDecodeError:
        return sql


def format_word(name: str) -> str:
    """A format's name that is safe to put into a statement."""
    if not re.fullmatch(r"\w+", name):
        raise ValueError(f"Unknown format {name!r}")
    return name
