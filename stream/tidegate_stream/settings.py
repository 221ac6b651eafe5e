"""What a worker is told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the gate itself reads flights, which read these settings
    from tidegate_stream.gate.epochs import Schedule
    from tidegate_stream.gate.key_sources import KeySource
    from tidegate_stream.gate.sealing_keys import SealingKeys


@dataclass(frozen=True)
class WorkerSettings:
    """Addresses, folders and the sizes of things. `clickhouse_url` is without credentials.

    `replication_factor` is of the topics that the worker makes: changelogs.
    """

    brokers: str
    clickhouse_url: str
    clickhouse_password: str
    partitions: int
    generation: int
    data_dir: Path
    keys_dir: Path
    key_source: KeySource | None = None
    """Where pseudonym keys come from; None: from files in `keys_dir`."""
    sealing_keys: SealingKeys | None = None
    """What opens sealed events; None: `sealing*.key` in `keys_dir`."""
    salts_dir: Path | None = None
    """Folder of the salts of days, best in memory; None: in `keys_dir`."""
    key_schedule: Schedule | None = None
    """When pseudonym keys change; None: when told to."""
    replication_factor: int = 1
    flush_seconds: float = 1.0
    flush_deadline_seconds: float = 120.0
    stuck_seconds: float = 300.0
    lateness_seconds: float = 3600.0
    session_gap_seconds: float = 1800.0
    metrics_port: int = 0
    app_id: str = "tidegate"
    """Consumer group, and prefix of the changelogs."""
    chunk_records: int = 10_000
    snapshot_every: int = 60
    session_timeout_seconds: float = 6.0
    standby_replicas: int = 0
    privacy_rules: Path | None = None
    """File of the projects' own privacy rules, read at the start; without one there are none."""
    reconcile_seconds: float = 300.0
    """Pause between two comparisons of the aggregates with the archive; 0: none."""
