"""User agents made less telling: brought down to family and platform."""

from __future__ import annotations

import re
from functools import lru_cache

FAMILIES: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (name, re.compile(pattern))
    for name, pattern in (
        ("Bot", r"(?i)\b\w{0,20}(?:bot|crawler|spider|slurp)\b(?:/(\d{1,4}))?"),
        ("Edge", r"\bEdg(?:e|A|iOS)?/(\d{1,4})"),
        ("Opera", r"\b(?:OPR|Opera)/(\d{1,4})"),
        ("Samsung Internet", r"\bSamsungBrowser/(\d{1,4})"),
        ("Firefox", r"\b(?:Firefox|FxiOS)/(\d{1,4})"),
        ("Chrome", r"\b(?:Chrome|CriOS|HeadlessChrome)/(\d{1,4})"),
        ("Safari", r"\bVersion/(\d{1,4})[\d.]* (?:Mobile/\w+ )?Safari/"),
        ("curl", r"\bcurl/(\d{1,4})"),
        ("Wget", r"\bWget/(\d{1,4})"),
        ("python-requests", r"\bpython-requests/(\d{1,4})"),
        ("python-httpx", r"\bpython-httpx/(\d{1,4})"),
        ("aiohttp", r"\baiohttp/(\d{1,4})"),
        ("okhttp", r"\bokhttp/(\d{1,4})"),
        ("Go", r"\bGo-http-client/(\d{1,4})"),
        ("Java", r"\bJava/(\d{1,4})"),
        ("Node", r"\b(?:node|node-fetch|undici|axios)/(\d{1,4})"),
    )
)
PLATFORMS = (
    ("iOS", re.compile(r"iPhone|iPad|iPod")),
    ("Android", re.compile(r"Android")),
    ("Windows", re.compile(r"Windows")),
    ("ChromeOS", re.compile(r"\bCrOS\b")),
    ("macOS", re.compile(r"Mac OS X|Macintosh|Darwin")),
    ("Linux", re.compile(r"Linux|X11")),
)
_FAMILY_NAMES = "|".join(name for name, _ in FAMILIES)
_PLATFORM_NAMES = "|".join(name for name, _ in PLATFORMS)
_COARSE = re.compile(rf"(?:Other|(?:{_FAMILY_NAMES})(?: \d{{1,4}})?) / (?:Other|{_PLATFORM_NAMES})\Z")


@lru_cache(maxsize=10_000)
def coarse_user_agent(text: str) -> str:
    """ "family major / platform", such as "Chrome 120 / Windows"; what isn't known is "Other"."""
    if _COARSE.match(text):
        return text
    family = "Other"
    for name, pattern in FAMILIES:
        if found := pattern.search(text):
            family = f"{name} {found[1]}" if found[1] else name
            break
    platform = next((name for name, pattern in PLATFORMS if pattern.search(text)), "Other")
    return f"{family} / {platform}"
