"""The gate: consent, validity, de-duplication, pseudonyms and scrubbing, written in one transaction a chunk."""

from tidegate_stream.gate.errors import FencedError, GateError, KeyFileError, TransactionError
from tidegate_stream.gate.gate import Gate, GateResult
from tidegate_stream.gate.keys import DirectoryKeys, Keys, MemoryKeys, Sealer
from tidegate_stream.gate.ledger import RawChunk, Records
from tidegate_stream.gate.passage import KindGate, Passage, Passed
from tidegate_stream.gate.pseudonyms import Pseudonymiser
from tidegate_stream.gate.seen import Learnt, Seen

__all__ = [
    "DirectoryKeys",
    "FencedError",
    "Gate",
    "GateError",
    "GateResult",
    "KeyFileError",
    "Keys",
    "KindGate",
    "Learnt",
    "MemoryKeys",
    "Passage",
    "Passed",
    "Pseudonymiser",
    "RawChunk",
    "Records",
    "Sealer",
    "Seen",
    "TransactionError",
]
