"""Faults of processes and machines, done to any system."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from confluent_kafka.admin import AdminClient
from tests.faults.matrix.engine import fill_disk
from tests.faults.matrix.run import SEEN_SECONDS, Run
from tests.waiting import comes_true, wait_until

from tidegate_sinks.tables import tables

PAUSED_SECONDS = 60.0
SLOW_SECONDS = 1.5


@dataclass(frozen=True)
class Fault:
    """What happens to a run, and what the run needs for it."""

    strike: Callable[[Run], None]
    workers: int = 1
    nodes: int = 1
    small_disk: bool = False
    vanilla: bool = False
    """Whether vanilla Faust is put to it too, for contrast."""


def worker_killed(run: Run) -> None:
    """SIGKILL amid the work, three times."""
    for _ in range(3):
        run.feed_and_catch()
        run.workers.kill()


def worker_joins(run: Run) -> None:
    """A second worker takes over half of the partitions amid the work, and a third one."""
    for _ in range(2):
        run.feed_and_catch()
        run.workers.add()
        run.feed_and_catch()


def worker_leaves(run: Run) -> None:
    """One of two stops in good order amid the work."""
    run.feed_and_catch()
    run.workers.leave(1)
    run.feed_and_catch()


def worker_paused(run: Run) -> None:
    """One of two is stopped for longer than its session, its partitions move on, and it wakes as a zombie."""
    run.feed_and_catch()
    run.workers.pause(0)
    run.feed()
    run.object(comes_true(lambda: run.system.left(run) == 0, PAUSED_SECONDS), True, "taking the partitions over")
    run.feed()
    run.workers.wake(0)


def broker_killed(run: Run) -> None:
    """SIGKILL of the only broker, and it comes back."""
    for _ in range(2):
        run.feed_and_catch()
        run.broker.kill()
        run.broker.start_again()


def one_of_three_brokers_killed(run: Run) -> None:
    """SIGKILL of one node after another; each stays away while a batch comes."""
    for node in range(2):
        run.feed_and_catch()
        run.broker.kill(node)
        run.feed()
        run.broker.start_again(node)
        run.broker.wait_in_sync()


def clickhouse_down(run: Run) -> None:
    """SIGKILL of ClickHouse amid the work; a batch comes while it is away."""
    run.feed_and_catch()
    run.engine.kill()
    run.feed()
    run.engine.start_again()


def clickhouse_slow(run: Run) -> None:
    """Each block that goes to ClickHouse takes seconds."""
    run.feed_and_catch()
    run.engine.link.delay_seconds = SLOW_SECONDS
    run.feed()
    run.feed()
    wait_until(lambda: run.workers.restarts == 0 and run.system.left(run) > 0, SEEN_SECONDS, "no lag")
    run.engine.link.delay_seconds = 0.0


def clickhouse_refuses(run: Run) -> None:
    """Every table refuses inserts: too many parts."""
    run.feed_and_catch()
    names = [f"tidegate.{name}" for name in tables()] + (["vanilla"] if run.system.name != "tidegate" else [])
    for name in names:
        run.stack.client.command(f"SYSTEM STOP MERGES {name}")
        run.stack.client.command(
            f"ALTER TABLE {name} MODIFY SETTING parts_to_throw_insert = 1, parts_to_delay_insert = 1"
        )
    run.feed()
    wait_until(lambda: "TOO_MANY_PARTS" in run.stack.log(), SEEN_SECONDS, "ClickHouse refused nothing")
    for name in names:
        run.stack.client.command(f"ALTER TABLE {name} RESET SETTING parts_to_throw_insert, parts_to_delay_insert")
        run.stack.client.command(f"SYSTEM START MERGES {name}")


def clickhouse_disk_full(run: Run) -> None:
    """No byte is free under ClickHouse's data, until somebody makes room."""
    run.feed_and_catch()
    ballast = fill_disk(run.engine.home)
    run.feed()
    wait_until(lambda: "NOT_ENOUGH_SPACE" in run.stack.log(), SEEN_SECONDS, "the disk was not full")
    ballast.unlink()


def state_directory_lost(run: Run) -> None:
    """The worker's folder is gone when it starts again."""
    run.feed_and_catch()
    run.workers.leave()
    shutil.rmtree(run.stack.home / "worker-0")
    run.feed()
    run.workers.back()


def changelogs_lost(run: Run) -> None:
    """Every agent's state is gone for good: its changelog topic was deleted."""
    run.feed_and_catch()
    run.feed()
    wait_until(lambda: run.system.left(run) == 0, SEEN_SECONDS, "the worker did not come to an end")
    run.workers.leave()
    admin = AdminClient({"bootstrap.servers": run.stack.brokers})
    names = [name for name in admin.list_topics(timeout=10).topics if name.endswith("-changelog")]
    assert names
    for deleted in admin.delete_topics(names).values():
        deleted.result(10)
    wait_until(
        lambda: not set(names) & set(admin.list_topics(timeout=10).topics), SEEN_SECONDS, "changelogs are still there"
    )
    run.workers.back()


PROCESS_FAULTS: Mapping[str, Fault] = {
    "worker killed": Fault(worker_killed, vanilla=True),
    "rebalance: a worker joins": Fault(worker_joins, vanilla=True),
    "rebalance: a worker leaves": Fault(worker_leaves, workers=2),
    "rebalance: paused past its session, a zombie": Fault(worker_paused, workers=2, vanilla=True),
    "broker killed and restarted": Fault(broker_killed, vanilla=True),
    "one of three brokers killed": Fault(one_of_three_brokers_killed, nodes=3),
    "ClickHouse down": Fault(clickhouse_down, vanilla=True),
    "ClickHouse slow": Fault(clickhouse_slow),
    "ClickHouse refuses: too many parts": Fault(clickhouse_refuses, vanilla=True),
    "ClickHouse's disk full": Fault(clickhouse_disk_full, small_disk=True),
    "state directory lost": Fault(state_directory_lost),
    "changelogs lost": Fault(changelogs_lost),
}
