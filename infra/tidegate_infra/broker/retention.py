"""How long topics that exist keep records, brought to what the settings say."""

from collections.abc import Iterable, Mapping

from confluent_kafka import KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # public, but not exported
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from tidegate_infra.broker.replicas import admin_client
from tidegate_infra.broker.topics import Topic
from tidegate_infra.errors import BrokerError

__all__ = ["align", "configs_of"]

_OF_RETENTION = ("cleanup.policy", "retention.ms", "segment.ms")
_REQUEST_SECONDS = 20.0


def configs_of(brokers: str, topics: Iterable[str]) -> Mapping[str, Mapping[str, str]]:
    """The configuration of topics as it holds. Raises KafkaException."""
    wanted = [ConfigResource(ResourceType.TOPIC, name) for name in topics]
    if not wanted:
        return {}
    admin = admin_client(brokers)  # kept until all have answered: what is asked ends with its client
    answers = admin.describe_configs(wanted, request_timeout=_REQUEST_SECONDS)
    return {
        resource.name: {name: entry.value or "" for name, entry in answer.result(_REQUEST_SECONDS).items()}
        for resource, answer in answers.items()
    }


def align(brokers: str, topics: Iterable[Topic]) -> list[str]:
    """Change what differs, and return the names of these topics. Raises BrokerError where that isn't allowed."""
    wanted = {topic.name: topic.config for topic in topics}
    try:
        found = configs_of(brokers, wanted)
        changes = {
            name: {key: config[key] for key in _OF_RETENTION if key in config and found[name].get(key) != config[key]}
            for name, config in wanted.items()
        }
        differing = {name: change for name, change in changes.items() if change}
        if differing:
            asked = [_asked(name, change) for name, change in differing.items()]
            admin = admin_client(brokers)
            answers = admin.incremental_alter_configs(asked, request_timeout=_REQUEST_SECONDS)
            for answer in answers.values():
                answer.result(_REQUEST_SECONDS)
    except KafkaException as error:
        raise BrokerError(
            f"cannot set how long topics keep records at {brokers}: {error.args[0].str()}. Fix: let this user describe "
            "and alter their configuration, or set it yourself; `tidegate privacy report` says what differs"
        ) from error
    return list(differing)


def _asked(topic: str, change: Mapping[str, str]) -> ConfigResource:
    operation = AlterConfigOpType.SET
    entries = [ConfigEntry(key, value, incremental_operation=operation) for key, value in change.items()]
    return ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries)
