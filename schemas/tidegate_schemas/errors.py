"""The error tree of Tidegate: one class per failure."""

__all__ = [
    "DecodeError",
    "EncodeError",
    "EvolutionError",
    "FramingError",
    "OversizeError",
    "RegistryError",
    "RegistryUnavailableError",
    "SchemaError",
    "SchemaRefusedError",
    "TidegateError",
    "UnknownSchemaError",
]


class TidegateError(Exception):
    """Root of every error that Tidegate raises on purpose."""


class SchemaError(TidegateError):
    """A schema breaks the event contract: a field without doc or privacy class, a type that is not allowed."""


class EvolutionError(SchemaError):
    """A schema and its recorded history can't read each other, or the history isn't up to date."""


class EncodeError(TidegateError):
    """A record doesn't fit the schema that it should be written with."""


class OversizeError(EncodeError):
    """A record is larger than one of its subject may be."""


class DecodeError(TidegateError):
    """Bytes aren't exactly one record of the schema that they claim."""


class FramingError(DecodeError):
    """Bytes start with neither an Avro single-object header nor a Confluent one."""


class UnknownSchemaError(DecodeError):
    """A record claims a fingerprint or id that isn't one of our own versions."""


class RegistryError(TidegateError):
    """The schema registry answered with something that can't be used."""


class RegistryUnavailableError(RegistryError):
    """The schema registry can't be reached or failed on its side: worth another try."""


class SchemaRefusedError(RegistryError):
    """The schema registry refused a schema as incompatible or invalid."""
