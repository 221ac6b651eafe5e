"""`posthog_call.py CALLS`: what PostHog's client takes of the calling thread to queue an event, in microseconds."""

import sys
import time

from posthog.client import Client


def main(calls: int) -> None:
    """As the other clients in `sdk.py`: no thread that would send, so that the queue's lock is the caller's alone."""
    client = Client("phc_key", host="http://127.0.0.1:1", send=False, max_queue_size=calls + 100)
    client.send = True
    properties = {"total": 12.5, "currency": "EUR", "items": 3, "feature": "cart"}
    client.capture("warm_up", distinct_id="42", properties=properties)
    before = time.thread_time()
    for _ in range(calls):
        assert client.capture("order_placed", distinct_id="42", properties=properties)
    sys.stdout.write(f"{(time.thread_time() - before) / calls * 1e6}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]))
