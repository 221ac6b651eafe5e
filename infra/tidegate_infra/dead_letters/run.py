"""What the commands about dead letters do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import orjson
import typer
from clickhouse_connect.driver.client import Client

from tidegate.publish import KafkaPublisher, seal_of
from tidegate_infra.dead_letters.command import Narrowed
from tidegate_infra.dead_letters.gateway import poster
from tidegate_infra.dead_letters.letters import Letter, Wanted, find
from tidegate_infra.dead_letters.opening import Opener, as_text
from tidegate_infra.dead_letters.replay import Replayed, Replayer
from tidegate_infra.errors import DeadLetterError
from tidegate_infra.keys import ensure_edge_key, ensure_keys
from tidegate_infra.privacy.keys import sealing_keys
from tidegate_infra.provision import provide_registry
from tidegate_infra.rebuild.command import moment
from tidegate_infra.runtime import addresses
from tidegate_infra.settings import Settings
from tidegate_sinks import clickhouse

__all__ = ["discard", "fix", "list_letters", "replay", "show"]

PERSONAL = "This is personal data as it was sent. Close what you opened, and delete what you saved."
MOST = 100_000
"""Letters that one command deals with."""
_SHOWN = ("source", "reason", "detail", "fingerprint", "size_bytes", "producer_id", "sequence", "resolution")


def list_letters(settings: Settings, narrowed: Narrowed, *, resolved: bool, limit: int) -> None:
    """Print a line for each letter."""
    letters = find(_client(settings), _wanted(narrowed, resolved=resolved, limit=limit))
    typer.echo(f"{'id':<36} {'at (UTC)':<19} {'project':<12} {'source':<16} {'reason':<18} {'bytes':>8}  what")
    for each in letters:
        what = f"[{each.resolution}] {each.detail}" if each.resolution else each.detail
        typer.echo(
            f"{each.dead_letter_id:<36} {each.occurred_at:%Y-%m-%d %H:%M:%S} {each.project:<12} {each.source:<16} "
            f"{each.reason:<18} {each.size_bytes:>8}  {what}"
        )
    typer.echo(f"{len(letters)} letters" + (f", the newest {limit} only" if len(letters) == limit else ""))


def show(settings: Settings, letter_id: str, *, opened: bool, out: Path | None) -> None:
    """Print one letter, and its payload if it is to be opened, or write that to a file for its owner only."""
    letter = _one(settings, letter_id)
    for name in _SHOWN:
        typer.echo(f"{name:<12} {getattr(letter, name)}")
    typer.echo(f"{'excerpt':<12} {letter.excerpt or '(nothing that could be decoded)'}")
    if not opened:
        return
    opener = Opener(settings.keys_dir, provide_registry(settings), sealing_keys(settings))
    text = as_text(opener, letter, opener.payload(letter))
    typer.echo(PERSONAL, err=True)
    if out is None:
        typer.echo(text)
        return
    try:
        out.touch(mode=0o600, exist_ok=False)
    except FileExistsError:
        raise DeadLetterError(f"{out} exists; name a file that doesn't") from None
    out.write_text(text, encoding="utf-8")
    typer.echo(f"written to {out}", err=True)


def fix(settings: Settings, letter_id: str, file: Path) -> bool:
    """Send a letter as it was edited; whether that went well."""
    try:
        edited = orjson.loads(file.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise DeadLetterError(f"{file} holds no JSON: {type(error).__name__}") from error
    if not isinstance(edited, dict):
        raise DeadLetterError(f"{file} must hold a JSON object")
    letter = _one(settings, letter_id)
    with _replayer(settings) as replayer:
        return _told([letter], lambda each: replayer.replay(each, edited), "replayed")


def replay(settings: Settings, narrowed: Narrowed) -> bool:
    """Send letters as they are; whether all went well."""
    letters = _chosen(settings, narrowed)
    with _replayer(settings) as replayer:
        return _told(letters, replayer.replay, "replayed")


def discard(settings: Settings, narrowed: Narrowed) -> bool:
    """Let letters go; whether all went well."""
    letters = _chosen(settings, narrowed)
    with _replayer(settings) as replayer:
        return _told(letters, replayer.discard, "discarded")


def _client(settings: Settings) -> Client:
    password = ensure_keys(settings).clickhouse_password
    return clickhouse.connect(clickhouse.Address(addresses(settings).clickhouse_url, "writer", password))


def _wanted(narrowed: Narrowed, *, resolved: bool, limit: int = MOST) -> Wanted:
    first = moment(narrowed.begin, "--from") if narrowed.begin else datetime(1970, 1, 1, tzinfo=UTC)
    last = moment(narrowed.end, "--to") if narrowed.end else datetime(2100, 1, 1, tzinfo=UTC)
    stretch = int(first.timestamp() * 1e6), int(last.timestamp() * 1e6)
    return Wanted(narrowed.ids, narrowed.reason, narrowed.project, *stretch, resolved, limit)


def _chosen(settings: Settings, narrowed: Narrowed) -> list[Letter]:
    if not (
        narrowed.everything or any((*narrowed.ids, narrowed.reason, narrowed.project, narrowed.begin, narrowed.end))
    ):
        raise DeadLetterError("name letters by id, narrow them by --reason, --project, --from or --to, or say --all")
    letters = find(_client(settings), _wanted(narrowed, resolved=bool(narrowed.ids)))
    if missing := set(narrowed.ids) - {letter.dead_letter_id for letter in letters}:
        raise DeadLetterError(f"there is no dead letter {', '.join(sorted(missing))}; see `tidegate dead-letters list`")
    return letters


def _one(settings: Settings, letter_id: str) -> Letter:
    return _chosen(settings, Narrowed((letter_id,), "", "", None, None))[0]


@contextmanager
def _replayer(settings: Settings) -> Iterator[Replayer]:
    where, registry = addresses(settings), provide_registry(settings)
    edge_key = ensure_edge_key(settings)
    publisher = KafkaPublisher(
        where.brokers,
        client_id="tidegate-dead-letters",
        registry=registry,
        generation=settings.generation,
        seal=None if edge_key is None else seal_of(edge_key),
    )
    opener = Opener(settings.keys_dir, registry, sealing_keys(settings))
    post = poster(where.gateway_url, ensure_keys(settings))
    try:
        yield Replayer(opener, publisher, where.brokers, post, registry)
    finally:
        publisher.close()


def _told(letters: Sequence[Letter], deal: Callable[[Letter], Replayed], done: str) -> bool:
    """Deal with each, and say how it went; whether none is as before."""
    problems = 0
    for letter in letters:
        result = deal(letter)
        problems += bool(result.problem)
        typer.echo(f"{letter.dead_letter_id}  {result.problem or done}")
    typer.echo(f"{len(letters) - problems} {done}, {problems} not")
    return not problems
