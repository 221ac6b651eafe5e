"""Rows of closed windows computed anew from the records that they were made of. Pure: no clock, no I/O."""

from tidegate_stream.rebuild.archived import clean_events, flat_text
from tidegate_stream.rebuild.reach import Reach, Stretch, reach
from tidegate_stream.rebuild.replay import Replay

__all__ = ["Reach", "Replay", "Stretch", "clean_events", "flat_text", "reach"]
