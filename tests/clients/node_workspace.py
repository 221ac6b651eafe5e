"""Node and the locked packages of tests/clients/node, which npm installs once into the user's cache."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from tidegate_infra.node import ensure_packages, find_node

SOURCES = Path(__file__).with_name("node")
RUN_SECONDS = 90.0


class NodeWorkspace:
    """A folder with `node_modules` and the scripts of tests/clients/node."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def file(self, path: str) -> Path:
        """A file of a package, such as a bundle for browsers: `@segment/analytics-next/dist/umd/index.js`."""
        found = self.folder / "node_modules" / path
        assert found.is_file(), f"{path} is in no installed package; see {SOURCES / 'package.json'}"
        return found

    def run(self, script: str, *options: str, seconds: float = RUN_SECONDS, **facts: Any) -> Any:
        """Run a script of tests/clients/node to its end and give what it printed as JSON, None if it printed nothing.

        The script finds the facts as JSON in its first argument; `options` are Node's own (`--import`, say).
        AssertionError with its output if it fails.
        """
        process = self.start(script, *options, **facts)
        try:
            out, err = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            raise AssertionError(f"{script} did not end within {seconds} s: {err}") from None
        assert process.returncode == 0, f"{script} ended with {process.returncode}: {err}"
        return json.loads(out) if out.strip() else None

    def start(self, script: str, *options: str, **facts: Any) -> subprocess.Popen[str]:
        """As `run`, but doesn't wait: for a test that does something meanwhile."""
        return subprocess.Popen(
            [*find_node().node, *options, script, json.dumps(facts)],
            cwd=self.folder,
            env={name: value for name, value in os.environ.items() if not name.startswith(("NODE_", "npm_"))},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


def ensure(cache: Path, scratch: Path) -> NodeWorkspace:
    """A workspace in `scratch` with the packages from the cache, installed with npm unless they are.

    Safe for several processes at once.
    """
    packages = ensure_packages(SOURCES, cache, find_node())
    shutil.copytree(SOURCES, scratch, dirs_exist_ok=True)
    # Where Node looks for what a script imports: beside the script.
    (scratch / "node_modules").symlink_to(packages / "node_modules", target_is_directory=True)
    return NodeWorkspace(scratch)
