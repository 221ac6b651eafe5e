"""Which service a release names. Pure."""

from __future__ import annotations

import re

_RELEASE = re.compile(r"([\w. +/-]+)@(?![\w-]+(?:\.[\w-]+)*\.[^\W\d_][\w-])")


def service_of(release: str) -> str:
    """What stands before the @ of `shop@1.4.0`; empty for e-mail and other addresses, of which a part would be kept."""
    found = _RELEASE.match(release)
    return found[1] if found else ""
