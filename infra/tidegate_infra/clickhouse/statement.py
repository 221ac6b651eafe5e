"""Reads just enough of a SQL statement to route it: its kind, its FORMAT clause, where insert data begins.

Works on bytes, because an INSERT's data may be binary and follow the statement in the same body.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

_TOKEN = re.compile(
    rb"""(?P<skip>(?:\s|\xc2[\x85\xa0]|\xe1\xa0\x8e|\xe2(?:\x80[\x80-\x8d\xa8\xa9\xaf]|\x81[\x9f\xa0])|\xe3\x80\x80
        |\xef\xbb\xbf)++|(?:--|//|\#[\ !])[^\n]*+)
    |(?P<comment>/\*)
    |(?P<quoted>'(?:[^'\\]++|\\.|'')*+(?:'|\\?\Z)|`(?:[^`\\]++|\\.|``)*+(?:`|\\?\Z)
        |"(?:[^"\\]++|\\.|"")*+(?:"|\\?\Z)|\xe2\x80\x98.*?(?:\xe2\x80\x99|\Z)|\xe2\x80\x9c.*?(?:\xe2\x80\x9d|\Z))
    |(?P<tag>\$\w*\$)
    |(?P<word>[A-Za-z_][\w$]*+|\$\w[\w$]*+)
    |(?P<number>[0-9]++\.[0-9]*+(?:[Ee][+-]?[0-9]++)?|[0-9]\w*+)|(?P<other>.)""",
    re.S | re.X,
)
_COMMENT_EDGE = re.compile(rb"/\*|\*/")
_TAG = re.compile(rb"(?=(\$\w*\$))")
_NO_TAG = re.compile(rb"\$\w[\w$]*+|\$")
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
    many: bool = False  # another statement follows


def tokens(sql: bytes) -> Iterator[Token]:
    """The statement's tokens, without blanks and comments, cut as the engine's own lexer cuts; linear in time."""
    at, tags = 0, None
    while match := _TOKEN.match(sql, at):
        kind, text, start, at = match.lastgroup or "other", match.group(), match.start(), match.end()
        if kind == "comment":
            at = _comment_end(sql, at)
            continue
        if kind == "tag":
            tags = _last_tags(sql) if tags is None else tags
            if tags[text] >= at:  # a heredoc
                kind, at = "quoted", sql.index(text, at) + len(text)
            elif word := _NO_TAG.match(sql, start):
                kind, at = "word" if len(word.group()) > 1 else "other", word.end()
            text = sql[start:at]
        if kind != "skip":
            yield Token(kind, text, start, at)


def _comment_end(sql: bytes, at: int) -> int:
    """Where a comment that was opened before `at` ends: comments nest."""
    depth = 1
    while depth and (edge := _COMMENT_EDGE.search(sql, at)):
        depth += 1 if edge.group() == b"/*" else -1
        at = edge.end()
    return len(sql) if depth else at


def _last_tags(sql: bytes) -> dict[bytes, int]:
    """The last place of each heredoc tag, so that one that isn't closed costs no search to the end."""
    return {match.group(1): match.start() for match in _TAG.finditer(sql)}


def parse(sql: bytes) -> Statement:  # noqa: C901 - one pass over the tokens, one branch a case
    """Kind and parts of a statement, which may still lack its end."""
    stream = tokens(sql)
    first = next(stream, None)
    if first is None:
        return Statement("", b"", complete=False)
    if first.upper == "INSERT":
        return _parse_insert(sql, stream)
    depth, previous, cut, many = (1 if first.text == b"(" else 0), first, None, False
    last = first
    for token in stream:
        many = many or (last.text == b";" and token.text != b";")
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
        return Statement(first.upper, sql[:end], many=many)
    return Statement(first.upper, sql[: cut[0].start], cut[1].text.decode(), sql[cut[1].end : end], many=many)


def _parse_insert(sql: bytes, stream: Iterator[Token]) -> Statement:
    previous, depth = None, 0
    for token in stream:
        depth += (token.text in {b"(", b"{", b"["}) - (token.text in {b")", b"}", b"]"})
        if token.kind == "word" and depth == 0:  # inside brackets such words are columns
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


def split_settings(sql: bytes) -> tuple[bytes, bytes]:
    """An INSERT's head without and from its clause SETTINGS, which may be absent."""
    depth = 0
    for token in tokens(sql):
        depth += (token.text in {b"(", b"{", b"["}) - (token.text in {b")", b"}", b"]"})
        if depth == 0 and token.kind == "word" and token.upper == "SETTINGS":
            return sql[: token.start], sql[token.start :]
    return sql, b""


def writes_file(sql: bytes) -> bool:
    """Whether a reading statement has a clause INTO OUTFILE '…'."""
    if b"outfile" not in sql.lower():
        return False
    words = [b"", b""]
    for token in tokens(sql):
        if token.kind == "quoted" and words == [b"INTO", b"OUTFILE"]:
            return True
        words = [words[1], token.text.upper() if token.kind == "word" else b""]
    return False


# What readonly=1 does not stop in chDB (tried on 26.9): client-side INTO OUTFILE writes any file, the scalar
# file() reads any file (also as a bare name: arrayMap(file, …), APPLY(file)), python() reads objects of this process,
# KILL QUERY ends anybody's query, and a table function asks its server for columns before it is refused.
_FILE_CLAUSES = frozenset({("INTO", "OUTFILE"), ("FROM", "INFILE")})
_READER_KINDS = READS - {"CHECK"}
_READER_FUNCTIONS = frozenset({"file", "catboostevaluate"})
#: Table functions that stay inside the engine; a reader may call no other.
INSIDE = frozenset(
    {
        "dictionary",
        "format",
        "generate_series",
        "generaterandom",
        "generateseries",
        "loop",
        "merge",
        "mergetreeindex",
        "mergetreeprojection",
        "null",
        "numbers",
        "numbers_mt",
        "primes",
        "sqlstandardvalues",
        "values",
        "view",
        "viewexplain",
        "zeros",
        "zeros_mt",
    }
)


def reader_violation(canonical: str, parameters: Mapping[str, str], table_functions: Collection[str]) -> str | None:
    """Why a reader may not run this statement, given as the engine's own parser prints it; None if it may."""
    previous: Token | None = None
    named = False
    for token in tokens(canonical.encode()):
        if previous is None and token.upper not in _READER_KINDS:
            return f"{token.upper} is not a reading statement; allowed: {', '.join(sorted(_READER_KINDS))}"
        if token.kind == "word" and previous is not None and (previous.upper, token.upper) in _FILE_CLAUSES:
            return f"{previous.upper} {token.upper} is not allowed over HTTP"
        name = _name(previous) if token.text == b"(" and previous else ""
        if name in _READER_FUNCTIONS or (name in table_functions and name not in INSIDE):
            return f"function {name}() is not allowed for readers"
        if _name(token) in _READER_FUNCTIONS and (previous is None or previous.upper not in {".", "AS"}):
            return (
                f"the name {_name(token)} is not allowed for readers; a column of that name needs its table's before it"
            )
        named = named or (token.upper == "IDENTIFIER" and previous is not None and previous.text == b":")
        previous = token
    if named:
        for value in parameters.values():
            if value.lower() in _READER_FUNCTIONS or not re.fullmatch(r"[A-Za-z0-9_.]+", value):
                return f"{value!r} is not allowed for readers beside a parameter of type Identifier"
    return None


def _name(token: Token) -> str:
    bare = token.kind == "word" or (token.kind == "quoted" and token.text[:1] in b'`"')
    return token.text.strip(b'`"').decode("latin-1").lower() if bare else ""


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
