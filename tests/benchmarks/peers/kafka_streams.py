"""Kafka Streams' command: its jars from Maven Central, the Java sources beside this file compiled, and their plan.

The plan is JSON with everything that Tidegate's Python defines and Java would otherwise define again: schemas, which
field is treated how, patterns, scales. See `kafka_streams/Plan.java`.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from tests.benchmarks.peers import record_windows

from tidegate_infra.broker.jars import ensure_jars
from tidegate_infra.broker.java import find_java
from tidegate_infra.maven import Artifact, default_cache, fetch, repository, whole
from tidegate_schemas.framing import single_object_header
from tidegate_schemas.subjects import Schema, clean_schema, raw_schema
from tidegate_schemas.topics import KINDS, Kind, clean_topic, raw_topic
from tidegate_stream.folds import sketch, weight
from tidegate_stream.gate import scrub, validity, values
from tidegate_stream.gate.json_columns import UNLIKE
from tidegate_stream.gate.patterns import IBAN_LENGTHS, PATTERNS, SUSPECT, SUSPECT_JSON, Pattern
from tidegate_stream.gate.plan import JSON, compile_plan

SOURCES = Path(__file__).with_name("kafka_streams")
ARTIFACTS = (
    Artifact(
        "6e06548a119adf213121ad2e4fefff6ab4263875b4f761425ace8ea4f5ba04a6", "org.apache.kafka", "kafka-streams", "4.4.0"
    ),
    Artifact("e7f925287d9fe2574fb7c7a86f7facaa9b8ab602a2eed0e598bf633528121498", "org.rocksdb", "rocksdbjni", "10.1.3"),
    Artifact("72600f057bfbe2efe35fa55433e7756d45667dc938934be38a6e2be368aca237", "org.apache.avro", "avro", "1.12.1"),
    Artifact("29f6d3918ee02db4400c103bc25dd90a22491c3a395867d9393070cb96a7dd29", "org.eclipse.jdt", "ecj", "3.42.0"),
)
"""Beside the embedded broker's jars; the last one is a compiler, as the Java that Tidegate brings has none."""
COMPILER = "org.eclipse.jdt.internal.compiler.batch.Main"
ONE_OF = "one of "
LOOKED_AT = ("basic", "card", "iban", "ipv6", "national_id")
JVM = ("-Xms1g", "-Xmx1g", "--enable-native-access=ALL-UNNAMED", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error")


def command() -> Sequence[str]:
    """The beginning of its command line; fetches and compiles what isn't there yet."""
    cache = default_cache()
    jars = [*ensure_jars(cache).glob("*.jar"), *_ensure(cache).glob("*.jar")]
    program = _compiled(cache, ":".join(map(str, jars)))
    path = ":".join(map(str, (program, *jars)))
    return str(find_java().executable), *JVM, "-cp", path, "Peer", str(program / "plan.json")


def _ensure(cache: Path) -> Path:
    def fetch_all(staged: Path, scratch: Path) -> None:
        for artifact in ARTIFACTS:
            fetch(repository(scratch / "repository"), artifact, staged, Path(__file__).name)

    return whole(cache / "kafka-streams" / _digest(repr(ARTIFACTS)), fetch_all)


def _compiled(cache: Path, jars: str) -> Path:
    """Classes of the sources as they are now, and the plan."""
    sources = sorted(SOURCES.glob("*.java"))
    plan = json.dumps(plan_of_all())

    def compile_all(classes: Path, _: Path) -> None:
        options = ["-17", "-nowarn", "-d", str(classes)]
        run = [str(find_java().executable), "-cp", jars, COMPILER, *options, "-cp", jars, *map(str, sources)]
        done = subprocess.run(run, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"the sources in {SOURCES} don't compile: {done.stdout}{done.stderr}")
        (classes / "plan.json").write_text(plan)

    of = "".join([jars, plan, *(path.read_text() for path in sources)])
    return whole(cache / "kafka-streams" / f"classes-{_digest(of)}", compile_all)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def plan_of_all() -> dict[str, Any]:
    """What `Plan.java` reads."""
    return {
        "raw": {kind: _framed(raw_schema(kind)) for kind in KINDS},
        "clean": {kind: _framed(clean_schema(kind)) for kind in KINDS},
        "kinds": {kind: _kind(kind) for kind in KINDS},
        "patterns": _patterns(),
        "spanTopic": clean_topic("span"),
        "windowTopic": record_windows.TOPIC,
        "windowSeconds": record_windows.SECONDS,
        "countScale": weight.COUNT_SCALE,
        "secondsScale": weight.SECONDS_SCALE,
        "maxSeconds": weight.MAX_SECONDS,
        "sketchFloor": sketch.FLOOR,
        "sketchCeiling": sketch.CEILING,
        "sketchPerLog": sketch.PER_LOG,
    }


def _framed(schema: Schema) -> dict[str, str]:
    return {"schema": json.dumps(schema.definition), "header": single_object_header(schema.fingerprint).hex()}


def _kind(kind: Kind) -> dict[str, Any]:
    plan = compile_plan(kind)
    return {
        "rawTopic": raw_topic(kind),
        "cleanTopic": clean_topic(kind),
        "pseudonymised": plan.pseudonymised,
        "truncated": plan.truncated,
        "coarsened": plan.coarsened,
        "texts": [*plan.texts, *plan.labels],
        "urls": plan.urls,
        "json": {name: JSON[name].__name__ for name in plan.json},
        "hexIds": {name: validity.HEX_IDS[name] for name in plan.hex_ids},
        "renamed": plan.renamed,
        "choices": {
            rule.field: rule.constraint.removeprefix(ONE_OF).split(", ")
            for rule in validity.rules(kind)
            if rule.constraint.startswith(ONE_OF)
        },
    }


def _patterns() -> dict[str, Any]:
    return {
        "scrub": [[one.name, _java(one.find.pattern), _template(one)] for one in PATTERNS],
        "suspect": SUSPECT,
        "suspectJson": SUSPECT_JSON,
        "unlike": UNLIKE,
        "ibanLengths": IBAN_LENGTHS,
        "sensitiveWords": sorted(scrub.SENSITIVE_WORDS),
        "sensitivePairs": sorted(scrub.SENSITIVE_PAIRS),
        "word": scrub.WORD.pattern,
        "shapes": {"event_id": validity.UUID, "producer_id": validity.PRODUCER_ID, "project": validity.PROJECT},
        "families": [[name, find.pattern] for name, find in values.FAMILIES],
        "platforms": [[name, find.pattern] for name, find in values.PLATFORMS],
    }


class _Groups:
    """A match whose groups are their own references."""

    def group(self, number: int) -> str:
        """`\\1` for the first."""
        return f"\\{number}"


def _template(pattern: Pattern) -> str:
    """What a match is replaced by; `Scrub.java` looks at the match itself where it depends on more."""
    return "" if pattern.name in LOOKED_AT else pattern.replace(cast("re.Match[str]", _Groups()))


def _java(pattern: str) -> str:
    """The end of a text is `\\z` to Java; with `\\Z` it would let a line end follow. Groups have names without a P."""
    return re.sub(r"\\Z", r"\\z", pattern).replace("(?P<", "(?<")
