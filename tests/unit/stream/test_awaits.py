"""Whatever is awaited between fetch and commit has a failpoint before and after it: a sweep can kill there."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path("stream/tidegate_stream")
#: What a chunk passes from its fetch to its commit, in both hops.
WAY = tuple(
    ROOT / name
    for name in (
        "app.py",
        "archive.py",
        "gate_agent.py",
        "state/agent.py",
        "state/table.py",
        "transport/app.py",
        "transport/consumer.py",
        "transport/thread.py",
    )
)
#: Waiting for these changes nothing: a kill there is a kill after the crossing before.
HARMLESS = frozenset({"self._lock", "asyncio.timeout(self._flush_deadline_seconds)"})
#: While every partition is held back: nothing is fetched, and nothing of what was hangs on it.
PAUSES = frozenset({"asyncio.sleep(timeout)"})
#: The stream of chunks itself; what its producer awaits is the crossing `fetch`.
STREAMS = frozenset({"chunks", "super().getmany(timeout)"})


def uncrossed(sources: dict[str, str]) -> list[str]:
    """Awaits that are neither a crossing nor a call of a coroutine that is itself checked."""
    trees = {name: ast.parse(text) for name, text in sources.items()}
    own = {node.name for tree in trees.values() for node in ast.walk(tree) if isinstance(node, ast.AsyncFunctionDef)}
    return [f"{name}:{found}" for name, tree in trees.items() for found in _uncrossed(tree, own)]


def _uncrossed(tree: ast.Module, own: set[str]) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Await(value=ast.Call(func=ast.Name(id="crossing"))):
                continue
            case ast.Await(value=ast.Call(func=ast.Attribute(value=of, attr=name))) if name in own:
                if "super()" not in ast.unparse(of):
                    continue
            case ast.AsyncWith(items=items) if all(ast.unparse(i.context_expr) in HARMLESS for i in items):
                continue
            case ast.AsyncFor(iter=iterated) if ast.unparse(iterated) in STREAMS:
                continue
            case ast.Await(value=pause) if ast.unparse(pause) in PAUSES:
                continue
            case ast.Await() | ast.AsyncWith() | ast.AsyncFor():
                pass
            case ast.comprehension(is_async=1):
                yield "an asynchronous comprehension"
                continue
            case _:
                continue
        yield f"{node.lineno}: {ast.unparse(node).splitlines()[0]}"


def test_every_await_between_fetch_and_commit_is_a_crossing() -> None:
    assert uncrossed({str(path): path.read_text() for path in WAY}) == []


def test_everything_asynchronous_in_the_stream_lies_on_the_way() -> None:
    asynchronous = {path for path in ROOT.rglob("*.py") if "await " in _code(path)}
    assert asynchronous - {ROOT / "failpoint.py"} <= set(WAY)


def _code(path: Path) -> str:
    return ast.unparse(ast.parse(path.read_text()))


@pytest.mark.parametrize(
    "line",
    [
        "await asyncio.to_thread(work)",
        "await super().add(chunk)",
        "async with self._sink: pass",
        "async for row in self._sink: pass",
        "found = [row async for row in self._sink]",
    ],
)
def test_control_an_await_without_a_failpoint_is_found(line: str) -> None:
    source = f"class Agent:\n    async def add(self, chunk):\n        await self.add(chunk)\n        {line}\n"
    assert len(uncrossed({"agent.py": source})) == 1
