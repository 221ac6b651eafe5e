"""Numbered migrations: applied once, in order, and never changed afterwards."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from tidegate_sinks.errors import MigrationError

log = logging.getLogger(__name__)

_NAME = re.compile(r"(?P<number>\d{4})_(?P<name>\w+)\.sql")


@dataclass(frozen=True)
class Layout:
    """What makes the same files plain tables or replicated ones."""

    engine: str = ""
    on_cluster: str = ""

    @classmethod
    def of_cluster(cls, name: str) -> Layout:
        """Replicated tables on every node of a cluster."""
        if not re.fullmatch(r"\w+", name):
            raise MigrationError(f"cluster name {name!r} may hold letters, digits and underscores only")
        return cls("Replicated", f"ON CLUSTER {name}")

    def fill(self, sql: str) -> str:
        """The statement with this layout's words."""
        return sql.replace("{engine}", self.engine).replace("{on_cluster}", self.on_cluster)


@dataclass(frozen=True)
class Migration:
    """One file."""

    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text."""
        return hashlib.sha256(self.sql.encode()).hexdigest()

    def statements(self) -> Iterator[str]:
        """The statements, without comments."""
        return _statements(self.sql)


def _statements(sql: str) -> Iterator[str]:
    """A semicolon ends a statement at the end of a line only."""
    text = "\n".join(line for line in sql.splitlines() if not line.lstrip().startswith("--"))
    yield from (part.strip() for part in re.split(r";\s*(?:\n|\Z)", text) if part.strip())


def _text(name: str) -> str:
    return resources.files("tidegate_sinks").joinpath("migrations", name).read_text(encoding="utf-8")


def migrations() -> list[Migration]:
    """All of them, in order. Raises MigrationError on a gap or a double number."""
    found = []
    for file in resources.files("tidegate_sinks").joinpath("migrations").iterdir():
        if match := _NAME.fullmatch(file.name):
            found.append(Migration(int(match["number"]), match["name"], file.read_text(encoding="utf-8")))
    found.sort(key=lambda migration: migration.number)
    numbers = [migration.number for migration in found]
    if numbers != list(range(1, len(found) + 1)):
        raise MigrationError(f"migrations must be numbered from 1 without gaps; found {numbers}")
    return found


def applied(client: Client) -> dict[int, str]:
    """Checksums of the migrations that this ClickHouse has, by number."""
    if not client.command("EXISTS TABLE tidegate.migrations"):
        return {}
    rows = client.query("SELECT number, checksum FROM tidegate.migrations FINAL ORDER BY number").result_rows
    return {int(number): str(checksum) for number, checksum in rows}


def pending(client: Client) -> list[Migration]:
    """What is still to be applied. Raises MigrationError where an applied file was changed since."""
    have = applied(client)
    for migration in migrations():
        known = have.get(migration.number)
        if known is not None and known != migration.checksum:
            raise MigrationError(
                f"migration {migration.number:04}_{migration.name} was applied with checksum {known[:12]}, the file "
                f"now has {migration.checksum[:12]}. Applied migrations don't change: restore it and add a new one"
            )
    return [migration for migration in migrations() if migration.number not in have]


def apply(client: Client, layout: Layout | None = None) -> list[Migration]:
    """Apply what is pending; returns it. Statements are repeatable, so a cut-off run is simply run again."""
    layout = layout or Layout()
    todo = pending(client)
    for statement in _statements(_text("book.sql")):
        client.command(layout.fill(statement))
    for migration in todo:
        for statement in migration.statements():
            try:
                client.command(layout.fill(statement))
            except ClickHouseError as error:
                title = " ".join(statement.split())[:80]
                raise MigrationError(f"migration {migration.number:04}_{migration.name}, {title} …: {error}") from error
        client.insert(
            "tidegate.migrations",
            [[migration.number, migration.name, migration.checksum]],
            column_names=["number", "name", "checksum"],
        )
        log.info("applied migration %04d_%s", migration.number, migration.name)
    return todo
