"""A producer of its own: the published .avsc files, fastavro and Kafka's client, and nothing of Tidegate.

Run as `kafka_python.py FACTS`, JSON with the folder of the schemas and the records to send, in order.
"""

import io
import json
import sys
from pathlib import Path
from typing import Any

from confluent_kafka import Producer
from fastavro import parse_schema, schemaless_writer
from fastavro.schema import fingerprint, to_parsing_canonical_form

facts = json.loads(sys.argv[1])
folder = Path(facts["schemas"])
topics = json.loads((folder / "topics.json").read_text())
failures: list[str] = []


def framed(kind: str, event: dict[str, Any]) -> bytes:
    """Avro single-object encoding, its fingerprint computed from the schema."""
    schema = json.loads((folder / topics[kind]["schema"]).read_text())
    body = io.BytesIO()
    schemaless_writer(body, parse_schema(schema), event)
    return b"\xc3\x01" + bytes.fromhex(fingerprint(to_parsing_canonical_form(schema), "CRC-64-AVRO")) + body.getvalue()


producer = Producer(
    {"bootstrap.servers": facts["brokers"], "enable.idempotence": True, "partitioner": "murmur2_random"}
)
for record in facts["records"]:
    value = bytes.fromhex(record["hex"]) if "hex" in record else framed(record["kind"], record["event"])
    producer.produce(
        topics[record["kind"]]["topic"],
        value,
        record["key"].encode(),
        on_delivery=lambda error, _: failures.append(str(error)) if error else None,
    )
producer.flush()
sys.stdout.write(json.dumps(failures))
