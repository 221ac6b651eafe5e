"""What the commands about people's rights do."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import typer
from clickhouse_connect.driver.client import Client

from tidegate_infra.broker.topics import tidegate_topics
from tidegate_infra.errors import RightsError
from tidegate_infra.keys import ensure_keys
from tidegate_infra.privacy.keys import open_keys
from tidegate_infra.privacy.rights.erase import Eraser, new_receipt
from tidegate_infra.privacy.rights.expiry import let_expire
from tidegate_infra.privacy.rights.lines import line
from tidegate_infra.privacy.rights.office import ReceiptsOffice, Row
from tidegate_infra.privacy.rights.receipts import (
    EXPORTED,
    EXPORTS,
    LOGICALLY,
    PHYSICALLY,
    REFUSED,
    WAITING,
    Receipt,
    Receipts,
)
from tidegate_infra.privacy.rights.scan import scan
from tidegate_infra.privacy.rights.store import Store
from tidegate_infra.privacy.rights.stream import Stream
from tidegate_infra.privacy.rights.subject import marks_of_id, with_what_is_linked
from tidegate_infra.privacy.withdrawals import asked_for, carry_out
from tidegate_infra.provision import provide_registry
from tidegate_infra.runtime import addresses
from tidegate_infra.settings import Settings
from tidegate_sinks import clickhouse
from tidegate_stream.changelogs import COMPACTED_WITHIN
from tidegate_stream.gate.erasures import KnownErasures
from tidegate_stream.gate.keys import DirectoryKeys

__all__ = ["Whom", "carry_on", "erase", "erase_withdrawn", "export", "office_of", "retained", "status"]

_MARGIN = timedelta(minutes=10)
"""Kafka looks for what has had its time every few minutes."""
_PARTS_SECONDS = 5.0


@dataclass(frozen=True)
class Whom:
    """A person as somebody named them: by one of the two ids."""

    project: str
    user_id: str | None
    anonymous_id: str | None

    @property
    def value(self) -> str:
        """The id. Raises RightsError unless there is just one."""
        given = [each for each in (self.user_id, self.anonymous_id) if each]
        if len(given) != 1:
            raise RightsError("name one person, by --user-id or by --anonymous-id")
        if given[0] != "-":
            return given[0]
        piped = "" if sys.stdin.isatty() else sys.stdin.readline().strip()
        return piped or str(typer.prompt("id", hide_input=True))


def retained(settings: Settings) -> timedelta:
    """How long Kafka's log keeps events: the longest of all topics that expire, with the segment that it is in."""
    topics = tidegate_topics(settings.partitions, settings.raw_retention_hours, settings.clean_retention_days)
    expiring = [topic.config for topic in topics if topic.config["cleanup.policy"] == "delete"]
    timed = [config for config in expiring if int(config["retention.ms"]) > 0]
    longest = max(int(config["retention.ms"]) + int(config["segment.ms"]) for config in timed)
    return max(timedelta(milliseconds=longest), COMPACTED_WITHIN) + _MARGIN


def erase(settings: Settings, whom: Whom, receipt_id: str | None, *, cut: bool) -> None:
    """Erase a person, or go on with an erasure that was cut short; print the receipt."""
    value = None if receipt_id else whom.value
    client = _client(settings)
    receipts, store = Receipts(client), Store(client)
    if value is None:
        receipt = goes_on(_one(receipts, receipt_id or ""))
    else:
        receipt = new_receipt(whom.project, marks_of_id(_keys(settings), whom.project, value), _now())
    stream = Stream(addresses(settings).brokers, settings.generation, provide_registry(settings))
    eraser = Eraser(store, stream, receipts, retained(settings), typer.echo)
    receipt = eraser.erase(receipt, _now)
    if cut:
        stream.cut(receipt.positions)
        typer.echo(
            "Kafka gives nobody what was stored before; the bytes go when their segments do, a day later at most"
        )
    if value is not None:
        receipt = _looked_through(settings, receipts, receipt, value)
    _show(receipt)


def goes_on(receipt: Receipt) -> Receipt:
    """The receipt, if its erasure may go on. Raises RightsError."""
    if receipt.stage in EXPORTS:
        raise RightsError(f"{receipt.receipt_id} is of an export: it erases nothing")
    if receipt.stage == WAITING:
        raise RightsError(f"{receipt.receipt_id} waits for a second operator: confirm it at /privacy of the dashboard")
    if receipt.stage == REFUSED:
        raise RightsError(f"{receipt.receipt_id} was refused by {receipt.confirmed_by}: ask anew")
    return receipt


def office_of(settings: Settings, begin: Callable[[Receipt], object]) -> ReceiptsOffice:
    """What the dashboard's operators ask, with the keys of this home. Raises KeyFileError."""
    client, keys = _client(settings), _keys(settings)
    receipts, store = Receipts(client), Store(client)

    def held(project: str, marks: Iterable[str]) -> tuple[Iterator[Row], int]:
        found = with_what_is_linked(store, project, marks)
        return store.export(project, found.marks), found.shared

    def settled() -> list[Receipt]:
        waiting = [each for each in receipts.find() if each.stage == LOGICALLY]
        looked = [_settled(settings, client, each) for each in waiting]
        return [each for each in looked if each.stage == PHYSICALLY]

    return ReceiptsOffice(receipts, partial(marks_of_id, keys), begin, held, settled, _now)


def carry_on(settings: Settings, receipt: Receipt) -> Receipt:
    """Erase what a receipt asks for. Raises as `Eraser.erase`."""
    client = _client(settings)
    stream = Stream(addresses(settings).brokers, settings.generation, provide_registry(settings))
    return Eraser(Store(client), stream, Receipts(client), retained(settings)).erase(receipt, _now)


def erase_withdrawn(settings: Settings) -> None:
    """Carry out the erasures that withdrawals of consent asked for, and print their receipts.

    Exports that nobody decided or fetched in time lose their marks with it.
    """
    client = _client(settings)
    receipts = Receipts(client)
    let_expire(receipts, _now())  # needs neither Kafka nor a worker; and this is what runs by itself
    brokers, registry = addresses(settings).brokers, provide_registry(settings)
    stream = Stream(brokers, settings.generation, registry)
    eraser = Eraser(Store(client), stream, receipts, retained(settings), typer.echo)
    known = KnownErasures(brokers, registry)
    receipt = None
    try:
        for receipt in carry_out(asked_for(known, receipts), lambda one: eraser.erase(one, _now)):
            _show(receipt)
    finally:
        known.close()
    if receipt is None:
        typer.echo("no withdrawal asked for an erasure that is not done")


def export(settings: Settings, whom: Whom, out: Path) -> None:
    """Write all that is held on a person to a new file, for its owner only; its receipt says that it was done."""
    value = whom.value
    client = _client(settings)
    store = Store(client)
    marks = marks_of_id(_keys(settings), whom.project, value)
    found = with_what_is_linked(store, whom.project, marks)
    written = _write(out, store.export(whom.project, found.marks))
    receipt = replace(new_receipt(whom.project, (), _now()), stage=EXPORTED, row_counts=written)
    Receipts(client).write(receipt)
    if not written:
        typer.echo(f"nothing is held on this person in project {whom.project}: no file was written")
        return
    for table, rows in written.items():
        typer.echo(f"{table:<16} {rows:>9}")
    typer.echo(f"{sum(written.values())} rows written to {out}, readable by you only. This is personal data.")
    typer.echo(f"receipt {receipt.receipt_id}")
    if found.shared:
        typer.echo(f"{found.shared} of the devices were used by others too: look before you hand the file out.")


def _write(out: Path, rows: Iterable[Row]) -> dict[str, int]:
    """Write rows to a new file, which goes again if there are none; how many by table."""
    try:
        handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise RightsError(f"{out} exists; name a file that doesn't") from None
    except OSError as error:
        raise RightsError(f"{out} can't be written ({error.strerror}); name a file in a folder that you own") from None
    written: dict[str, int] = {}
    with os.fdopen(handle, "wb") as file:
        for table, row in rows:
            file.write(line(table, row))
            written[table] = written.get(table, 0) + 1
    if not written:
        out.unlink()
    return written


def status(settings: Settings, receipt_id: str | None) -> None:
    """Print one receipt, or a line for each; see first whether what waited for its time is gone, or has expired."""
    client = _client(settings)
    receipts = Receipts(client)
    let_expire(receipts, _now())
    if receipt_id:
        _show(_settled(settings, client, _one(receipts, receipt_id)))
        return
    found = [_settled(settings, client, each) for each in receipts.find()]
    for each in found:
        when = f"{each.requested_at:%Y-%m-%d %H:%M:%S}"
        typer.echo(f"{each.receipt_id}  {when}  {each.project:<12} {each.stage:<18} {each.erased_events:>9} events")
    said = "1 receipt" if len(found) == 1 else f"{len(found)} receipts"
    typer.echo(said if found else "nobody has asked for anything")


def _settled(settings: Settings, client: Client, receipt: Receipt) -> Receipt:
    """The receipt, physically erased if nothing is left: in tables, on their disk, in the log."""
    if receipt.stage != LOGICALLY or receipt.expected_by is None:
        return receipt
    store = Store(client)
    if not store.drop_old_parts(_PARTS_SECONDS) or _now() < receipt.expected_by:
        return receipt
    stream = Stream(addresses(settings).brokers, settings.generation, provide_registry(settings))
    if stream.still_holds(receipt.positions) or store.left(receipt.erasure()):
        return receipt
    scanned = receipt.bytes_scanned + store.bytes_scanned
    gone = replace(receipt, stage=PHYSICALLY, physically_erased_at=_now(), bytes_scanned=scanned)
    return Receipts(client).write(gone)


def _looked_through(settings: Settings, receipts: Receipts, receipt: Receipt, value: str) -> Receipt:
    """Look through the files of this machine for the id and its pseudonyms, if they are here."""
    if not settings.data_dir.is_dir():
        return receipt
    named = [value, *_keys(settings).every_pseudonym(receipt.project, value)]
    scanned = scan(settings.data_dir, [word.encode() for word in named])
    typer.echo(f"{scanned.bytes} bytes of {settings.data_dir} looked through for the id and its pseudonyms:")
    for name, files in scanned.stores().items():
        typer.echo(f"  {name}: in {files} files, until their time is over")
    if not scanned.files:
        typer.echo("  nothing")
    return receipts.write(replace(receipt, bytes_scanned=receipt.bytes_scanned + scanned.bytes))


def _show(receipt: Receipt) -> None:
    rows = ", ".join(f"{table} {rows}" for table, rows in sorted(receipt.row_counts.items())) or "none"
    if receipt.stage in EXPORTS:
        _print({**_head(receipt), "rows": rows})
        return
    expected = f" (expected by {receipt.expected_by:%F %T} UTC)" if receipt.expected_by else ""
    lines = {
        **_head(receipt),
        "logically erased at": _time(receipt.logically_erased_at),
        "physically erased at": _time(receipt.physically_erased_at)
        + ("" if receipt.physically_erased_at else expected),
        "pseudonyms": str(len(receipt.marks)),
        "events": str(receipt.erased_events),
        "rows": rows,
        "bytes scanned": str(receipt.bytes_scanned),
    }
    _print(lines)


def _head(receipt: Receipt) -> dict[str, str]:
    by = {"requested by": receipt.requested_by, "confirmed by": receipt.confirmed_by}
    return {
        "receipt": receipt.receipt_id,
        "project": receipt.project,
        "stage": receipt.stage,
        "requested at": _time(receipt.requested_at),
        **{name: operator for name, operator in by.items() if operator},
    }


def _print(lines: Mapping[str, str]) -> None:
    for name, value in lines.items():
        typer.echo(f"{name:<21} {value}")


def _time(at: datetime | None) -> str:
    return f"{at:%F %T} UTC" if at else "not yet"


def _one(receipts: Receipts, receipt_id: str) -> Receipt:
    found = receipts.find(receipt_id)
    if not found:
        raise RightsError(f"there is no receipt {receipt_id}; see `tidegate privacy status`")
    return found[0]


def _client(settings: Settings) -> Client:
    password = ensure_keys(settings).clickhouse_password
    return clickhouse.connect(clickhouse.Address(addresses(settings).clickhouse_url, "writer", password))


def _keys(settings: Settings) -> DirectoryKeys:
    ensure_keys(settings)
    return open_keys(settings)


def _now() -> datetime:
    return datetime.now(UTC)
