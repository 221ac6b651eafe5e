"""Batches that once kept the column reader busy for ever: a record with bytes left over, among whole chunks of others.

In a process of its own, as a hang can't be ended from within: the reader holds the interpreter.
"""

import subprocess
import sys

import pytest

DECODE = """
from datetime import UTC, datetime
from io import BytesIO
from polars_avro import read_avro
from tidegate_schemas import container
from tidegate_schemas.columns import ColumnCodec
from tidegate_schemas.rows import RowCodec
from tidegate_schemas.subjects import raw_schema
if {plainly}:
    container._ENDLESS = container._long(1000)
    container._frame = lambda data, rows: read_avro(BytesIO(data))
at = datetime(2026, 3, 1, tzinfo=UTC)
good = RowCodec(raw_schema("span")).encode(
    {{"event_id": "01890a5d-ac96-774b-bcce-b302099a8057", "producer_id": "p", "project": "p", "name": "GET /",
      "occurred_at": at, "received_at": at, "operation": "request", "duration_seconds": 0.1, "status": "ok"}}
)
values = [good] * {before} + [good + {tail!r}] + [good] * (999 - {before})
decoded = ColumnCodec(raw_schema("span")).decode(values)
print(decoded.frame.height, [item.index for item in decoded.bad])
"""


def run(before: int, tail: bytes, *, plainly: bool = False, limit: float = 60) -> str:
    """What the decoder of a thousand records says; TimeoutExpired if it doesn't come back."""
    script = DECODE.format(before=before, tail=tail, plainly=plainly)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=limit, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize("before", [0, 500, 999])
@pytest.mark.parametrize("tail", [b"\x00", b"\x02" * 900])
def test_a_record_with_bytes_left_over_costs_itself_and_nothing_else(before: int, tail: bytes) -> None:
    assert run(before, tail) == f"999 [{before}]"


def test_control_read_plainly_the_same_batch_is_never_left() -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        run(999, b"\x02" * 900, plainly=True, limit=5)
