"""Faust as its documentation shows it, for contrast with Tidegate: what is lost or doubled, and how fast it is."""

from __future__ import annotations

from pathlib import Path

from faust import App

PARTITIONS = 2


def app_in(name: str, brokers: str, data_dir: Path, *, session_seconds: float, replication_factor: int = 1) -> App:
    """An app with the settings of Tidegate's worker where they don't change how events are processed."""
    return App(
        name,
        broker=[f"kafka://{address}" for address in brokers.split(",")],
        datadir=str(data_dir),
        store="memory://",
        topic_partitions=PARTITIONS,
        topic_replication_factor=replication_factor,
        broker_session_timeout=session_seconds,
        broker_heartbeat_interval=session_seconds / 6,
        broker_rebalance_timeout=10,
        broker_request_timeout=20,
        stream_wait_empty=False,
        topic_disable_leader=True,
        web_enabled=False,
        consumer_auto_offset_reset="earliest",
        worker_redirect_stdouts=False,
    )
