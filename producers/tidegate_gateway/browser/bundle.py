"""The browser SDK as one file. It is built (`tidegate install` in a checkout) and lies beside this module."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from importlib.resources import files

FILE_NAME = "tidegate.js"


@dataclass(frozen=True)
class Bundle:
    """The file's bytes, as they are and compressed, and the name of this version of it."""

    plain: bytes
    gzipped: bytes
    digest: str

    @classmethod
    def of(cls, content: bytes) -> Bundle:
        """A bundle of these bytes."""
        return cls(content, gzip.compress(content, 9, mtime=0), hashlib.sha256(content).hexdigest()[:16])


def installed_bundle() -> Bundle | None:
    """The bundle of this installation; None if it was never built."""
    path = files("tidegate_gateway.browser") / FILE_NAME
    return Bundle.of(path.read_bytes()) if path.is_file() else None
