"""Write the list of jars and checksums anew: `python -m tidegate_infra.broker.lock` after raising a version."""

import hashlib
import sys
import tempfile
from pathlib import Path

from tidegate_infra.broker.jars import LOCK_FILE

__all__ = ["ROOTS", "main", "resolve"]

ROOTS = ("org.apache.kafka:kafka_2.13:4.4.0", "org.slf4j:slf4j-simple:1.7.36")
"""What is asked for; slf4j-simple stays at 1.7, as Kafka's slf4j-api does."""

_HEADER = """\
# SHA-256 and Maven coordinates (group:artifact:version) of every jar of the embedded Apache Kafka.
# Written by 'python -m tidegate_infra.broker.lock'; a jar that differs is refused.
"""


def resolve(repository: Path) -> list[str]:
    """Resolve ROOTS with everything they need and return the list's lines, sorted by coordinates."""
    from jgo.maven import MavenContext  # noqa: PLC0415 - half a second of imports

    context = MavenContext(repo_cache=repository, local_repos=[], timeout=60)
    inputs, needed = context.resolver.resolve([context.create_dependency(root) for root in ROOTS])
    lines = {}
    for dependency in [*inputs, *needed]:
        artifact = dependency.artifact
        digest = hashlib.sha256(artifact.resolve().read_bytes()).hexdigest()
        coordinates = f"{artifact.groupId}:{artifact.artifactId}:{artifact.version}"
        lines[coordinates] = f"{digest}  {coordinates}"
    return [lines[coordinates] for coordinates in sorted(lines)]


def main() -> None:
    """Replace the committed list."""
    with tempfile.TemporaryDirectory() as scratch:
        lines = resolve(Path(scratch))
    target = Path(__file__).with_name(LOCK_FILE)
    target.write_text(_HEADER + "\n".join(lines) + "\n", encoding="utf-8")
    sys.stdout.write(f"{len(lines)} jars locked in {target.name}\n")


if __name__ == "__main__":
    main()
