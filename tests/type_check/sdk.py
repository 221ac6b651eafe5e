"""The SDK as a type checker sees it. `mypy tests` reads this file; nothing runs it.

Each ignored error is a control: were the call allowed, mypy would report the comment as unused.
"""

from datetime import UTC, datetime
from typing import assert_type

import tidegate

assert_type(tidegate.init(brokers="127.0.0.1:9092", service="shop"), tidegate.Client)
tidegate.init(borkers="127.0.0.1:9092")  # type: ignore[call-arg]
tidegate.init(release=7)  # type: ignore[arg-type]

tidegate.track("order_placed", {"total": 12.5}, user_id="42", occurred_at=datetime(2026, 3, 1, tzinfo=UTC))
tidegate.track("order_placed", user_id=42)  # type: ignore[arg-type]
tidegate.track("order_placed", userid="42")  # type: ignore[call-arg]
tidegate.track("order_placed", ["total"])  # type: ignore[arg-type]
tidegate.track()  # type: ignore[call-arg]

tidegate.page()
tidegate.page("pricing", url="https://shop.example/pricing")

tidegate.identify("42", {"plan": "pro"}, ip="203.0.113.7")
tidegate.identify(None)  # type: ignore[arg-type]
tidegate.alias("old", "42")

tidegate.track_many([{"event": "order_placed", "properties": {"total": 12.5}, "user_id": "42"}])
tidegate.track_many([{"name": "order_placed"}])  # type: ignore[typeddict-item, typeddict-unknown-key]


class OrderPlaced(tidegate.Event):
    """A typed event."""

    total: float


tidegate.track(OrderPlaced(total=12.5), user_id="42")
OrderPlaced(total="much")  # type: ignore[arg-type]
OrderPlaced()  # type: ignore[call-arg]
tidegate.init(plan=tidegate.Plan([OrderPlaced]), on_violation="drop", sampling=tidegate.Sampling({"span": 0.1}))
tidegate.init(on_violation="ignore")  # type: ignore[arg-type]

tidegate.consent("granted", version="2026-03", purposes=["analytics"])
tidegate.consent("withdrawn", user_id="42", erase=True)
with tidegate.context(user_id="42", session_id="s"):
    tidegate.error(ValueError("seven"), level="warning", user_id="42")
with tidegate.context(user=42):  # type: ignore[call-arg]
    tidegate.error("no exception")
with tidegate.span("charge", "client") as span:
    span.say(status="error", status_code=402)
    span.say(status="failed")  # type: ignore[arg-type]
assert_type(tidegate.counter("orders"), tidegate.Counter)
tidegate.counter("orders").add(1, {"plan": "pro"})
tidegate.histogram("latency", "s").record("slow")  # type: ignore[arg-type]

assert_type(tidegate.flush(2.5), int)
assert_type(tidegate.shutdown(), int)
tidegate.reset()


def of_a_client(client: tidegate.Client, who: tidegate.Who, settings: tidegate.Settings) -> None:
    """What the module's functions take, a client's methods take."""
    client.track("order_placed", **who)
    client.identify("42", **who)  # type: ignore[misc, arg-type]
    assert_type(client.anonymous_id, str)
    tidegate.Client(**settings)
