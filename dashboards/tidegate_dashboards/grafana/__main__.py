"""`python -m tidegate_dashboards.grafana DIRECTORY [--clickhouse-url URL]`: writes the provisioning files."""

import argparse
import sys
from pathlib import Path

from tidegate_dashboards.grafana.files import write


def main() -> None:
    """Writes the files and says where they are."""
    parser = argparse.ArgumentParser(
        prog="tidegate_dashboards.grafana", description="Write Grafana provisioning files."
    )
    parser.add_argument("directory", type=Path, help="mount it as /etc/grafana/provisioning")
    parser.add_argument("--clickhouse-url", default="http://127.0.0.1:8123", help="ClickHouse as Grafana reaches it")
    arguments = parser.parse_args()
    for path in write(arguments.directory, arguments.clickhouse_url):
        sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main()
