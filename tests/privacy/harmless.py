"""Texts in which nobody is: what applications send all day. How many of them lose something is measured on these."""

from __future__ import annotations

import base64
import string
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

from tests.privacy.values import digits, token

from tidegate_stream.gate.patterns import PATTERNS
from tidegate_stream.gate.texts import scrub_text

PROSE = (
    *(
        "The boats leave at half past nine, and the tide turns at noon.",
        "Your basket holds three items; shipping is free.",
    ),
    *(
        "Please try again later, or write to the support team.",
        "The author of this token economy forgot the password rules.",
    ),
    *("Die Flut kommt gegen Mittag, die Fähre fährt um 14:30 Uhr ab.", "Ihr Warenkorb enthält 3 Artikel für 49,90 €."),
    *("Le bateau part à neuf heures et demie du quai n° 12.", "Votre panier contient 3 articles pour 49,90 €."),
    *("El barco sale a las 9:30 del muelle 12.", "Su cesta tiene tres artículos por 1.249,90 €."),
    *("La barca parte alle nove e mezza dal molo 12.", "Il carrello contiene 3 articoli."),
    *(
        "O barco sai às nove e meia do cais 12.",
        "Båten avgår klockan halv tio från kaj 12.",
        "Båden sejler klokken 9.30 fra kaj 12.",
    ),
    *("Laiva lähtee puoli kymmeneltä laiturista 12.", "De boot vertrekt om half tien van steiger 12."),
    *(
        "Łódź odpływa o wpół do dziesiątej z nabrzeża 12.",
        "Loď odplouvá v půl desáté z mola 12.",
        "A hajó fél tízkor indul.",
    ),
    *("Лодка отходит в половине десятого от причала 12.", "Човен відходить о пів на десяту від причалу 12."),
    *("Το πλοίο φεύγει στις εννιάμισι από την αποβάθρα 12.", "Tekne dokuz buçukta 12 numaralı iskeleden kalkıyor."),
    *(
        "船は九時半に十二番埠頭を出ます。",
        "船九点半从十二号码头出发，共有３件商品。",
        "배는 아홉 시 반에 12번 부두에서 출발합니다.",
    ),
    *(
        "يغادر القارب في التاسعة والنصف من الرصيف ١٢.",
        "הסירה יוצאת בתשע וחצי מרציף 12.",
        "नाव साढ़े नौ बजे घाट 12 से निकलती है।",
    ),
    *(
        "เรือออกเวลาเก้าโมงครึ่งจากท่า 12",
        "Thuyền rời bến số 12 lúc chín giờ rưỡi.",
        "Perahu berangkat pukul setengah sepuluh.",
    ),
)
PRODUCTS = (
    "Galaxy S24 Ultra 256 GB",
    "Ø 35 mm drill bit, 10-pack",
    "iPhone 15 Pro",
    "M8x40 screw DIN 912",
    "USB-C 3.2 hub",
    "LEGO 10307",
)
NAMES = (
    "OrderService",
    "checkout_completed",
    "UnicodeDecodeErrorHandler",
    "getUserById",
    "tidegate_stream.gate.columns",
    "api-key-rotation",
)
CODE = (
    "TypeError: Cannot read properties of undefined (reading 'map')",
    "KeyError: 'session'",
    "ConnectionResetError: [Errno 104] Connection reset by peer",
    "assert len(items) == 3, f'{len(items)} items'",
    "    at Object.render (webpack:///./src/app.tsx?1a2b:120:13)",
    "SELECT id, total FROM orders WHERE created_at > ? AND status IN (?)",
    "std::vector<std::string>::operator[]",
    "width: calc(100% - 20px); color: #a1b2c3d4",
    "GET /agents/{id}/runs 200 in 12.5 ms",
    "Map<String, List<Integer>> tokens = new HashMap<>();",
    "java.lang.NullPointerException: token must not be null",
    "nginx/1.25.3 (Ubuntu) OpenSSL/3.0.2",
    "Failed to load resource: net::ERR_BLOCKED_BY_CLIENT",
    "C:\\Windows\\System32\\drivers\\etc",
    "/usr/lib/python3.11/site-packages/polars/frame.py:123",
    "user-agent: Mozilla/5.0 (X11; Linux x86_64)",
)


def _at(rng: Random) -> datetime:
    return datetime(2020, 1, 1, tzinfo=UTC) + timedelta(
        seconds=rng.randrange(200_000_000), microseconds=rng.randrange(10**6)
    )


def _timestamp(rng: Random) -> str:
    at = _at(rng)
    forms = (
        "%Y-%m-%dT%H:%M:%SZ",
        "%Y-%m-%d %H:%M:%S.%f",
        "%a, %d %b %Y %H:%M:%S GMT",
        "%d.%m.%Y %H:%M",
        "%Y%m%d-%H%M",
        "%Y%m%d%H%M%S",
    )
    return rng.choice(
        (
            at.strftime(rng.choice(forms)),
            str(int(at.timestamp())),
            str(int(at.timestamp() * 1e3)),
            str(int(at.timestamp() * 1e6)),
        )
    )


def _order(rng: Random) -> str:
    shape = rng.choice(
        (
            "ORD-{y}-{a}",
            "#{b}",
            "INV/{y}/11/{a}",
            "order {b}",
            "A{a}-{c}",
            "SKU {c}-{a}",
            "{c}{b}",
            "PO {y}{a}",
            "ticket #{a}",
        )
    )
    return shape.format(
        y=rng.randrange(2020, 2027),
        a=digits(rng, 4),
        b=digits(rng, rng.choice((6, 8, 10))),
        c=token(rng, 2, string.ascii_uppercase),
    )


def _version(rng: Random) -> str:
    major, minor, patch = rng.randrange(30), rng.randrange(99), rng.randrange(999)
    shape = rng.choice(
        (
            "v{}.{}.{}",
            "shop@{}.{}.{}",
            "{}.{}.{}-rc.1",
            "Chrome/{}.0.{}.{}",
            "release {}.{}.{}+build.7",
            "{}.{}.{}.dev0",
        )
    )
    return shape.format(major, minor, patch)


def _hash(rng: Random) -> str:
    return token(rng, rng.choice((7, 12, 32, 40, 64)), "0123456789abcdef")


def _number(rng: Random) -> str:
    value = rng.random() * 10 ** rng.randrange(0, 9)
    shape = rng.choice(
        ("{:.2f}", "{:,.2f} €", "${:,.2f}", "{:.1f} %", "{:.3f} ms", "{:e}", "{:.0f} bytes", "x={:.4f}, y=-12.4")
    )
    return shape.format(value)


def _blob(rng: Random) -> str:
    return base64.b64encode(rng.randbytes(rng.choice((9, 24, 60)))).decode()


def _url(rng: Random) -> str:
    shape = rng.choice(
        (
            "https://example.org/things/{}?page={}",
            "/api/v{1}/orders/{0}",
            "http://localhost:8300/v1/{}",
            "/static/main.{}.{}.js",
        )
    )
    return shape.format(token(rng, 8, string.ascii_lowercase + string.digits), rng.randrange(1, 9))


def _prose(rng: Random) -> str:
    return " ".join(rng.sample(PROSE, 2))


HARMLESS: Mapping[str, Callable[[Random], str]] = {
    "prose": _prose,
    "product": lambda rng: f"{rng.choice(PRODUCTS)} × {rng.randrange(1, 20)}",
    "name": lambda rng: rng.choice(NAMES) + rng.choice(("", "()", " failed", f"_{rng.randrange(99)}")),
    "code": lambda rng: rng.choice(CODE),
    "timestamp": _timestamp,
    "order number": _order,
    "version": _version,
    "hash": _hash,
    "uuid": lambda rng: str(uuid.UUID(int=rng.getrandbits(128))),
    "number": _number,
    "binary in base64": _blob,
    "url": _url,
}
TEXTS = 12_000


@dataclass(frozen=True)
class OverRedaction:
    """Of harmless texts, those that scrubbing changed, by the pattern that did it and by the sort of text."""

    texts: int
    changed: int
    by_pattern: Mapping[str, int]
    by_sort: Mapping[str, float]
    examples: Mapping[str, str]

    @property
    def share(self) -> float:
        """Changed ones of all."""
        return self.changed / self.texts

    def as_json(self) -> dict[str, object]:
        """For programs."""
        told = {"over_redaction": self.share, "harmless_texts": self.texts, "harmless_texts_changed": self.changed}
        return told | {"over_redaction_by_pattern": dict(self.by_pattern)}

    def lines(self) -> Iterator[str]:
        """As people read it."""
        yield f"over-redaction: {self.changed} of {self.texts:,} harmless texts lose something, {self.share:.2%}"
        for name, number in sorted(self.by_pattern.items(), key=lambda item: -item[1]):
            yield f"  {name:16} {number:>5}   {self.examples[name]!r}"
        yield "  by sort: " + ", ".join(f"{name} {share:.2%}" for name, share in self.by_sort.items() if share)


def over_redaction(seed: int = 1, number: int = TEXTS) -> OverRedaction:
    """Scrub so many harmless texts, of each sort as many."""
    rng = Random(seed)
    by_pattern: Counter[str] = Counter()
    changed: defaultdict[str, int] = defaultdict(int)
    examples: dict[str, str] = {}
    each = number // len(HARMLESS)
    for sort, make in HARMLESS.items():
        for _ in range(each):
            text = rng.choice(("{}", "see {} there", "({})", "id={};")).format(make(rng))
            if (clean := scrub_text(text)) != text:
                changed[sort] += 1
                name = next(
                    (pattern.name for pattern in PATTERNS if pattern.find.sub(pattern.replace, text) != text),
                    "in disguise",
                )
                by_pattern[name] += 1
                examples.setdefault(name, f"{text} -> {clean}")
    shares = {sort: changed[sort] / each for sort in HARMLESS}
    return OverRedaction(each * len(HARMLESS), sum(changed.values()), by_pattern, shares, examples)
