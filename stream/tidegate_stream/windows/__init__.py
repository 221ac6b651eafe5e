"""Time as a pure function of the records: watermarks, tumbling windows, session gaps. No clock, no I/O."""

from tidegate_stream.windows.sessions import cell_width, closed_sessions, segment
from tidegate_stream.windows.tumbling import assign, closed
from tidegate_stream.windows.watermark import AHEAD_MICROS, NO_WATERMARK, running_watermark

__all__ = [
    "AHEAD_MICROS",
    "NO_WATERMARK",
    "assign",
    "cell_width",
    "closed",
    "closed_sessions",
    "running_watermark",
    "segment",
]
