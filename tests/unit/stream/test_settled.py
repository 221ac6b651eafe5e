"""What a broker answers while it has no order yet is asked again; anything else is an error at once."""

import pytest
from confluent_kafka import KafkaError, KafkaException

from tidegate_stream.log import settled


class Broker:
    """Answers with errors first."""

    def __init__(self, *codes: int) -> None:
        self.codes, self.asked = list(codes), 0

    def ask(self) -> int:
        self.asked += 1
        if self.codes:
            raise KafkaException(KafkaError(self.codes.pop(0)))
        return 7


def test_a_partition_without_a_leader_yet_is_asked_for_again() -> None:
    broker = Broker(KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE, KafkaError.NOT_COORDINATOR)
    assert (settled(broker.ask, 5.0, 0.0), broker.asked) == (7, 4)


def test_it_is_an_error_when_the_time_is_over() -> None:
    broker = Broker(*[KafkaError.NOT_LEADER_FOR_PARTITION] * 3)
    with pytest.raises(KafkaException):
        settled(broker.ask, -1.0, 0.0)
    assert broker.asked == 1


def test_another_error_is_one_at_once() -> None:
    broker = Broker(KafkaError.TOPIC_AUTHORIZATION_FAILED)
    with pytest.raises(KafkaException):
        settled(broker.ask, 5.0, 0.0)
    assert broker.asked == 1
