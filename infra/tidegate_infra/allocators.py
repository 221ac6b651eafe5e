"""How the processes of a stack hold memory that they have freed: briefly. Allocators read this as a process starts.

Beside large chunks many short-lived buffers come and go in some forty threads, and each allocator kept its own share
of them: 1.34 GB for a stack of two minutes at 5,000 events/s, and 1.00 GB with these, at the same speed. Freed pages
must not go back at once either: glibc's with a threshold of 1 MB halved the gate's speed.
"""

from collections.abc import Mapping

__all__ = ["VARIABLES", "missing"]

VARIABLES: Mapping[str, str] = {
    # glibc: two arenas instead of eight a core, and a fixed threshold, as the one that adapts grows to 64 MB.
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_MMAP_THRESHOLD_": str(8 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(8 << 20),
    # jemalloc, of polars and of ClickHouse's engine: half a second instead of five to ten.
    "_RJEM_MALLOC_CONF": "narenas:2,dirty_decay_ms:500,muzzy_decay_ms:0,background_thread:true",
    "JE_MALLOC_CONF": "dirty_decay_ms:500,muzzy_decay_ms:0,background_thread:true",
}


def missing(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that an environment lacks; what somebody has set stays as it is."""
    return {name: value for name, value in VARIABLES.items() if name not in environment}
