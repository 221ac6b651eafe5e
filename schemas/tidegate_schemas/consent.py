"""What consent is about, and how a decision travels: as a track event named `consent`.

Its properties are `state` (one of `STATES`), `version` (of the text that was shown), `purposes` (an array; absent:
everything) and `erase` (whether what is stored is to be erased). Whose it is say the event's ids; when, `occurred_at`.
"""

from typing import Final

from tidegate_schemas.topics import Kind

__all__ = ["DECISION", "PURPOSES", "STATES", "STOPS", "purpose_of"]

DECISION: Final = "consent"
"""Name of the track event that tells a decision."""

STATES: Final = ("granted", "anonymous", "denied", "withdrawn")
"""What may be decided, from the loosest to the strictest. Denied: asked, and said no. Withdrawn: a yes taken back."""
STOPS: Final = frozenset({"denied", "withdrawn"})
"""States under which nothing is kept."""

PURPOSES: Final = ("analytics", "errors", "performance")
"""What kinds of events serve."""
_OF_KIND: Final[dict[Kind, str]] = {"track": "analytics", "error": "errors"}


def purpose_of(kind: Kind) -> str:
    """The purpose that events of a kind serve."""
    return _OF_KIND.get(kind, "performance")
