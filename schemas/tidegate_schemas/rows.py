"""The row codec: one record at a time, the measure that the columnar codec is held to. fastavro has the last word."""

import io
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from fastavro import parse_schema, schemaless_writer

from tidegate_schemas.binary import RecordReader, record_reader
from tidegate_schemas.errors import DecodeError, EncodeError, OversizeError
from tidegate_schemas.registry import SchemaRegistry
from tidegate_schemas.subjects import REQUIRED, Field, Schema
from tidegate_schemas.versions import KnownVersions, Version, write_header
from tidegate_schemas.writing import RecordWriter

__all__ = ["Decoder", "RowCodec"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WRITE_ERRORS = (ValueError, TypeError, KeyError, AttributeError, OverflowError)


class Decoder:
    """Decodes framed records of any known version of some schemas, each as the current version; safe across threads.

    Missing fields get the current schema's default, fields that are no more are left out.
    """

    def __init__(self, schemas: Iterable[Schema], registry: SchemaRegistry | None = None) -> None:
        self._versions = KnownVersions(schemas, registry)
        self._readers: dict[Version, Callable[[bytes], dict[str, Any]]] = {}

    def decode(self, data: bytes) -> dict[str, Any]:
        """Decode one framed record, timestamps as aware datetimes; DecodeError and its kinds."""
        return self.read(data)[1]

    def read(self, data: bytes) -> tuple[Schema, dict[str, Any]]:
        """Decode one framed record, and tell as which schema."""
        version, body = self._versions.find(data)
        if len(data) > version.reader.max_bytes:
            raise DecodeError(f"record of {len(data)} bytes, of {version.reader.max_bytes} at most")
        reader = self._readers.get(version)
        if reader is None:
            reader = self._readers[version] = resolving_reader(version)
        return version.reader, _with_datetimes(version.reader, reader(body))


class RowCodec:
    """Encodes and decodes records of one schema. What a record to encode lacks is as in `fixed`, else its default."""

    def __init__(
        self, schema: Schema, registry: SchemaRegistry | None = None, fixed: Mapping[str, Any] | None = None
    ) -> None:
        self.schema, self._fixed = schema, dict(fixed or {})
        self._header = write_header(schema, registry)
        self._parsed = parse_schema(schema.definition)
        self._quick = RecordWriter(schema, self._fixed)
        self._decoder = Decoder([schema], registry)

    def encode(self, record: Mapping[str, Any]) -> bytes:
        """Encode a record, framed; absent fields get their default.

        EncodeError names the field, never its value; OversizeError is one of its kinds.

        Timestamps are aware datetimes, or integers (µs since epoch).
        """
        data = self._quick.write(self._header, record) or self.encode_by_reference({**self._fixed, **record})
        if len(data) > self.schema.max_bytes:
            raise OversizeError(
                f"a record of {len(data)} bytes for {self.schema.subject}, of {self.schema.max_bytes} at most"
            )
        return data

    def encode_by_reference(self, record: Mapping[str, Any]) -> bytes:
        """As `encode` by fastavro, whatever the size: what the quick writer is held to, and what finds the fault."""
        buffer = io.BytesIO()
        buffer.write(self._header)
        for name, value in record.items():
            if isinstance(value, datetime) and value.tzinfo is None:
                raise EncodeError(f"field {name} of {self.schema.subject}: a datetime without time zone")
        try:
            schemaless_writer(buffer, self._parsed, record, strict_allow_default=True)
        except _WRITE_ERRORS:
            raise EncodeError(self._complaint(record)) from None
        return buffer.getvalue()

    def decode(self, data: bytes) -> dict[str, Any]:
        """Decode one framed record of any known version; DecodeError and its kinds."""
        return self._decoder.decode(data)

    def _complaint(self, record: Mapping[str, Any]) -> str:
        subject = self.schema.subject
        unknown = sorted(set(record) - set(self.schema.names))
        if unknown:
            return f"{subject} has no field {', '.join(unknown)}"
        for item in self.schema.fields:
            if item.name not in record and item.default is REQUIRED:
                return f"field {item.name} of {subject} is missing"
            if item.name in record and not _writes(item, record[item.name]):
                return f"field {item.name} of {subject}: {type(record[item.name]).__name__} where {item.type} is due"
        return f"record doesn't fit {subject}"


def resolving_reader(version: Version) -> RecordReader:
    """Make a function from a version's body to a record with the reader's fields; timestamps stay integers."""
    read = record_reader(version.writer.definition)
    if version.writer.fingerprint == version.reader.fingerprint:
        return read
    written = set(version.writer.names)
    missing = [item for item in version.reader.fields if item.name not in written]
    names, defaults = version.reader.names, {item.name: item.default for item in missing}

    def resolve(body: bytes) -> dict[str, Any]:
        record = read(body)
        return {name: record[name] if name in written else defaults[name] for name in names}

    return resolve


def _writes(item: Field, value: object) -> bool:
    probe = parse_schema({"type": "record", "name": "Probe", "fields": [{"name": "field", "type": item.type}]})
    try:
        schemaless_writer(io.BytesIO(), probe, {"field": value})
    except _WRITE_ERRORS:
        return False
    return True


def _is_timestamp(item: Field) -> bool:
    return isinstance(item.value_type, dict) and item.value_type.get("logicalType") == "timestamp-micros"


def _with_datetimes(schema: Schema, record: dict[str, Any]) -> dict[str, Any]:
    for item in schema.fields:
        if _is_timestamp(item) and record[item.name] is not None:
            try:
                record[item.name] = _EPOCH + timedelta(microseconds=record[item.name])
            except OverflowError:
                raise DecodeError(f"field {item.name}: a time beyond the calendar") from None
    return record
