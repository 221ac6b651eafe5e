"""What the gateway takes a part of must not be the part of something personal, which the gate would no longer know."""

from __future__ import annotations

import pytest

from tidegate.foreign.sentry.releases import service_of
from tidegate.foreign.values import http_method


@pytest.mark.parametrize(("release", "service"), [("shop@1.4.0", "shop"), ("My App@2", "My App"), ("shop", "")])
def test_a_service_is_what_stands_before_a_releases_version(release: str, service: str) -> None:
    assert service_of(release) == service


@pytest.mark.parametrize("release", ["jane@example.org", "by jane@mail.example.co.uk", "redis://:secret@cache:6379/0"])
def test_no_service_is_the_begin_of_an_address(release: str) -> None:
    assert service_of(release) == ""


@pytest.mark.parametrize("method", ["get", "PROPFIND"])
def test_a_method_is_told_in_capitals(method: str) -> None:
    assert http_method({"method": method}, "method") == method.upper()


@pytest.mark.parametrize("method", ["jane.longname@example.org", "GET /home/jane", "A" * 17, ""])
def test_what_is_no_method_is_left_out_whole(method: str) -> None:
    assert http_method({"method": method}, "method") == ""
