"""`tidegate rebuild`: closed windows computed anew from what was archived, while the worker goes on."""

from tidegate_infra.rebuild.run import Range, Rebuilt, rebuild
from tidegate_infra.rebuild.store import Store

__all__ = ["Range", "Rebuilt", "Store", "rebuild"]
