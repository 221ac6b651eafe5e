"""The embedded broker: one Apache Kafka node from PyPI's Java and locked Maven jars; nothing to install."""
