"""Which writers' versions a reader knows, by what stands in front of a record."""

from collections.abc import Iterable
from dataclasses import dataclass

from tidegate_schemas.errors import UnknownSchemaError
from tidegate_schemas.framing import (
    CONFLUENT_HEADER_BYTES,
    SINGLE_OBJECT_HEADER_BYTES,
    confluent_header,
    read_frame,
    single_object_header,
)
from tidegate_schemas.history import known_versions
from tidegate_schemas.registry import SchemaRegistry
from tidegate_schemas.subjects import Schema

__all__ = ["KnownVersions", "Version", "write_header"]


@dataclass(frozen=True, slots=True)
class Version:
    """A schema that some producer may have written with, and the schema that we read it as."""

    writer: Schema
    reader: Schema


class KnownVersions:
    """The closed set of versions that a decoder takes, by header bytes.

    With a registry, every version is registered at construction (which is idempotent), so that the set of ids is
    complete and a record can never make the decoder ask the registry. Schemas that only the registry knows stay
    unknown.
    """

    def __init__(self, readers: Iterable[Schema], registry: SchemaRegistry | None = None) -> None:
        self.by_header: dict[bytes, Version] = {}
        for reader in readers:
            for writer in known_versions(reader):
                version = Version(writer, reader)
                self.by_header[single_object_header(writer.fingerprint)] = version
                if registry is not None:
                    self.by_header[confluent_header(schema_id(registry, writer))] = version

    def find(self, data: bytes) -> tuple[Version, bytes]:
        """Split a record into its version and body; FramingError, UnknownSchemaError."""
        header = self.header(data)
        return self.by_header[header], data[len(header) :]

    def header(self, data: bytes) -> bytes:
        """Find which known header a record starts with; FramingError, UnknownSchemaError."""
        for size in (SINGLE_OBJECT_HEADER_BYTES, CONFLUENT_HEADER_BYTES):
            header = data[:size]
            if header in self.by_header:
                return header
        frame = read_frame(data)
        key = frame.key.hex() if isinstance(frame.key, bytes) else str(frame.key)
        raise UnknownSchemaError(f"{frame.kind} record claims schema {key}, which is no version of ours")


def write_header(schema: Schema, registry: SchemaRegistry | None) -> bytes:
    """Make the bytes before each record written with a schema: Confluent's with a registry, else single-object."""
    if registry is None:
        return single_object_header(schema.fingerprint)
    return confluent_header(schema_id(registry, schema))


def schema_id(registry: SchemaRegistry, schema: Schema) -> int:
    """Give a schema's id, registering it only where it is new: a registry may forbid writing."""
    found = registry.find(schema)
    return registry.register(schema) if found is None else found
