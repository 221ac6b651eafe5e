"""Make a home ready for the broker and say the command that runs it."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from tidegate_infra.broker.jars import Progress, cached_jars, ensure_jars
from tidegate_infra.broker.java import Java, find_java
from tidegate_infra.broker.properties import BrokerAddress, Cluster, server_properties
from tidegate_infra.errors import BrokerError

__all__ = ["BrokerCommand", "archive_path", "is_installed", "prepare"]

_JVM = ("-Xms48m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xss512k", "-XX:MaxMetaspaceSize=128m")
_LOGGING = (
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
)


@dataclass(frozen=True)
class BrokerCommand:
    """A formatted node: `argv` runs it in the foreground until SIGTERM."""

    argv: tuple[str, ...]
    address: BrokerAddress
    home: Path


def prepare(
    home: Path,
    cluster: Cluster,
    cache: Path,
    heap_mb: int = 256,
    say: Progress = lambda _line: None,
    *,
    index: int = 0,
) -> BrokerCommand:
    """Fetch what is missing, write the configuration, format the storage once; blocks, 1 s the first time.

    `home` is the node's own folder, `index` says which node of the cluster it is.
    Raises JavaNotFoundError, JarsUnavailableError, ChecksumError or BrokerError.
    """
    java = find_java()
    jars = ensure_jars(cache, say)
    home.mkdir(parents=True, exist_ok=True)
    config, data = home / "server.properties", home / "data"
    config.write_text(server_properties(cluster, index, data), encoding="utf-8")
    if not (data / "meta.properties").exists():
        _format(java, jars, config, cluster.cluster_id)
    return BrokerCommand((*_java(java, jars, heap_mb), "kafka.Kafka", str(config)), cluster.nodes[index], home)


def is_installed(cache: Path) -> bool:
    """Whether jars and class archive are there, so that a start is quick and needs no network."""
    jars = cached_jars(cache)
    return jars is not None and archive_path(find_java(), jars).exists()


def archive_path(java: Java, jars: Path) -> Path:
    """Where the class archive of this Java and these jars is, if one was trained."""
    return jars.with_name(f"{jars.name}-java-{java.version}.aot")


def _java(java: Java, jars: Path, heap_mb: int) -> tuple[str, ...]:
    archive = archive_path(java, jars)
    trained = (f"-XX:AOTCache={archive}",) if archive.exists() else ()
    return (str(java.executable), *trained, f"-Xmx{heap_mb}m", *_JVM, *_LOGGING, "-cp", f"{jars}/*")


def _format(java: Java, jars: Path, config: Path, cluster_id: str) -> None:
    argv = [
        *_java(java, jars, 128),
        "kafka.tools.StorageTool",
        "format",
        f"--cluster-id={cluster_id}",
        "-c",
        str(config),
    ]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)  # noqa: S603 - our own arguments
    if done.returncode != 0:
        raise BrokerError(f"formatting the broker's storage failed: {(done.stderr or done.stdout).strip()[-2000:]}")
