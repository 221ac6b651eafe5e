"""Publishers: Avro events to Kafka, acknowledged by all in-sync replicas, with a bounded queue."""

from tidegate.publish.answers import or_given_back
from tidegate.publish.encoding import Encoding
from tidegate.publish.interfaces import Encoder, GiveBack, KeyAndValue, OnDelivery, Outlet, Publisher
from tidegate.publish.kafka import KafkaPublisher
from tidegate.publish.memory import MemoryPublisher
from tidegate.publish.sealed import Seal, seal_of

__all__ = [
    "Encoder",
    "Encoding",
    "GiveBack",
    "KafkaPublisher",
    "KeyAndValue",
    "MemoryPublisher",
    "OnDelivery",
    "Outlet",
    "Publisher",
    "Seal",
    "or_given_back",
    "seal_of",
]
