"""The browser SDK's bundle: built by Node and npm in a checkout, once for its sources; a released wheel carries it."""

import hashlib
import importlib.util
import shutil
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from tidegate_infra.errors import BundleError
from tidegate_infra.node import LOCK_FILES, Node, ensure_packages, find_node, run_node

__all__ = ["bundle_path", "ensure_bundle", "source_digest", "sources"]

Progress = Callable[[str], None]


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
    for path in sorted([*folder.glob("src/*.ts"), folder / "build.mjs", *(folder / name for name in LOCK_FILES)]):
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
    try:
        _build(folder, cache, node, digest, say)
    except BundleError as error:
        raise BundleError(f"building the browser SDK's bundle failed: {error}") from error
    target.with_suffix(".new").replace(target)
    say(f"the browser SDK's bundle has {target.stat().st_size / 1e3:.1f} KB")
    return target


def _build(folder: Path, cache: Path, node: Node, digest: str, say: Progress) -> None:
    """Leave the new bundle beside the place of the present one."""
    target, tools = bundle_path(), ensure_packages(folder, cache, node, say)
    with tempfile.TemporaryDirectory(dir=tools, prefix="build-") as scratch:  # within, where Node finds the tools
        work = Path(scratch)
        shutil.copytree(folder / "src", work / "src")
        shutil.copy(folder / "build.mjs", work)
        built = work / target.name
        run_node([*node.node, "build.mjs", str(built), f"{version('tidegate')} {digest}"], work)
        shutil.copy(built, target.with_suffix(".new"))
