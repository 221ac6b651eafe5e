"""Checks of running services, each through the interface that the others use."""

from collections.abc import Iterator
from http.client import HTTPException
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from confluent_kafka import KafkaException

from tidegate_infra.broker.generations import misfit_of_stack
from tidegate_infra.broker.topics import partition_counts, tidegate_topics
from tidegate_infra.doctor.finding import Finding, good, note, wrong
from tidegate_infra.doctor.privacy import examine_followed
from tidegate_infra.keys import Keys
from tidegate_infra.runtime import Addresses
from tidegate_infra.settings import Settings
from tidegate_schemas.errors import TidegateError
from tidegate_stream.flight import lag_offsets

__all__ = ["examine_services"]

_ANSWER_SECONDS = 5
_LAG_RECORDS = 100_000


def examine_services(settings: Settings, where: Addresses, keys: Keys) -> Iterator[Finding]:
    """Look at broker, topics, ClickHouse, migrations, gateway, worker, dashboard and alerts."""
    broker = list(_broker(settings, where))
    yield from broker
    yield from _clickhouse(where, keys)
    for name, url in (
        ("gateway", where.gateway_url),
        ("worker", where.worker_url),
        ("dashboard", where.dashboard_url),
        ("alerts", where.alerts_url),
    ):
        yield _http(settings, name, url)
    yield from examine_followed(settings, where.worker_url)
    if not any(finding.fix for finding in broker):
        yield _lag(where)


def _broker(settings: Settings, where: Addresses) -> Iterator[Finding]:
    try:
        counts = partition_counts(where.brokers, _ANSWER_SECONDS)
    except KafkaException as error:
        fix = f"see {settings.logs_dir / 'broker.log'}, or TIDEGATE_BROKERS if it is a Kafka of your own"
        yield wrong("broker", f"no answer at {where.brokers} ({error.args[0].str()})", fix)
        return
    yield good("broker", f"answers at {where.brokers}")
    wanted = {topic.name for topic in tidegate_topics(settings.partitions, generation=settings.generation)}
    missing = sorted(wanted - set(counts))
    if unfit := misfit_of_stack(settings, counts):
        yield wrong("topics", *unfit)
    elif missing:
        yield wrong("topics", f"missing: {', '.join(missing)}", "run `tidegate migrate`")
    else:
        yield good("topics", f"all {len(wanted)} there, with {settings.partitions} partitions each")


def _clickhouse(where: Addresses, keys: Keys) -> Iterator[Finding]:
    from clickhouse_connect.driver.exceptions import ClickHouseError  # noqa: PLC0415 - loads the client

    from tidegate_sinks import clickhouse, migrate  # noqa: PLC0415 - same

    try:
        client = clickhouse.connect(clickhouse.Address(where.clickhouse_url, "writer", keys.clickhouse_password))
    except (ClickHouseError, OSError) as error:
        said = str(error).splitlines()[0][:200]
        fix = "see logs/clickhouse.log in the home, or TIDEGATE_CLICKHOUSE_URL and …_PASSWORD for a server of your own"
        yield wrong("ClickHouse", f"no answer to the writer at {where.clickhouse_url} ({said})", fix)
        return
    yield good("ClickHouse", f"answers at {where.clickhouse_url}")
    try:
        pending = migrate.pending(client)
    except (ClickHouseError, TidegateError) as error:
        yield wrong(
            "migrations", str(error).splitlines()[0], "restore the migration files of the version that made them"
        )
        return
    finally:
        client.close()
    if pending:
        names = ", ".join(migration.name for migration in pending)
        yield wrong("migrations", f"not applied: {names}", "run `tidegate migrate`")
    else:
        yield good("migrations", "all applied")


def _http(settings: Settings, name: str, url: str) -> Finding:
    try:
        with urlopen(f"{url}/healthz", timeout=_ANSWER_SECONDS):  # noqa: S310 - our own http address
            return good(name, f"well, at {url}")
    except HTTPError as error:
        said = error.read(300).decode("utf-8", "replace").strip()
        return wrong(
            name, f"answers at {url} but isn't well ({error.code}: {said})", f"see {settings.logs_dir}/{name}.log"
        )
    except (URLError, HTTPException, OSError) as error:
        reason = getattr(error, "reason", error)
        return wrong(name, f"no answer at {url} ({reason})", f"see {settings.logs_dir}/{name}.log")


def _lag(where: Addresses) -> Finding:
    try:
        lag = lag_offsets(where.brokers, _ANSWER_SECONDS)
    except KafkaException as error:
        return note("worker's lag", f"can't be told ({error.args[0].str()})", "run doctor again")
    total = sum(lag.values())
    found = f"{total} records between Kafka and ClickHouse"
    if total <= _LAG_RECORDS:
        return good("worker's lag", found)
    most = max(lag, key=lambda name: lag[name])
    return note(
        "worker's lag", f"{found}, most in {most}", "wait; if it grows, see logs/worker.log or run more workers"
    )
