"""Scheduled jobs with small real processes."""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from prometheus_client import generate_latest

from tidegate_infra import jobs as scheduling
from tidegate_infra.jobs import Job, Jobs, jobs_of
from tidegate_infra.metrics import health, registry
from tidegate_infra.settings import Settings

SECONDS = 0.02


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduling, "RETRY_SECONDS", 0.05)


def job(script: str, **more: float) -> Job:
    return Job("tidy", [sys.executable, "-c", script], SECONDS, {}, **more)


async def running_until(jobs: Jobs, condition: Callable[[], bool]) -> None:
    ready = asyncio.Event()
    ready.set()
    running = asyncio.create_task(jobs.run(ready))
    async with asyncio.timeout(20):
        while not condition():
            assert not running.done()
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.wait([running])


async def test_a_job_runs_again_and_again_and_its_output_is_its_log(tmp_path: Path) -> None:
    said: list[str] = []
    jobs = Jobs([job("print('swept')")], tmp_path, said.append, lambda: 1_795_802_400.0)
    state = jobs.states["tidy"]
    await running_until(jobs, lambda: state.runs >= 2)
    assert (state.failures, state.succeeded_at, said) == (0, 1_795_802_400.0, [])
    assert (tmp_path / "tidy.log").read_text().startswith("swept\nswept\n")


async def test_a_job_that_fails_is_said_to_and_runs_again_until_it_succeeds(tmp_path: Path) -> None:
    said: list[str] = []
    script = (
        f"import pathlib, sys; seen = pathlib.Path({str(tmp_path / 'seen')!r})\n"
        "if not seen.exists(): seen.touch(); print('no worker'); sys.exit(1)"
    )
    jobs = Jobs([job(script)], tmp_path, said.append)
    state = jobs.states["tidy"]
    await running_until(jobs, lambda: state.failures == 1)
    assert said == [
        f"tidy ended with code 1; running it again in {SECONDS:g} s ({tmp_path / 'tidy.log'} ends with: no worker)"
    ]
    metrics = generate_latest(registry({}, jobs.states)).decode()
    assert 'tidegate_job_failures_total{job="tidy"} 1.0' in metrics
    assert 'tidegate_job_success_timestamp_seconds{job="tidy"} 0.0' in metrics
    told = health({}, jobs.states)
    assert (told.ok, told.detail["jobs"]) == (True, {"tidy": {"runs": 1, "failures_in_a_row": 1}})
    await running_until(jobs, lambda: state.succeeded_at > 0)
    assert (state.failures, state.failures_in_a_row) == (1, 0)


async def test_a_job_that_takes_too_long_is_killed_with_its_children_and_has_failed(tmp_path: Path) -> None:
    said: list[str] = []
    script = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(child.pid, flush=True); time.sleep(600)"
    )
    jobs = Jobs([job(script, limit_seconds=1.5)], tmp_path, said.append)
    await running_until(jobs, lambda: jobs.states["tidy"].failures == 1)
    assert said[0].startswith("tidy took more than 1.5 s: killed")
    (child, *_) = (tmp_path / "tidy.log").read_text().split()
    assert not psutil.pid_exists(int(child)) or psutil.Process(int(child)).status() == psutil.STATUS_ZOMBIE


async def test_a_job_whose_log_cannot_be_written_ends_no_other(tmp_path: Path) -> None:
    said: list[str] = []
    (tmp_path / "tidy.log").mkdir()
    other = Job("other", [sys.executable, "-c", "pass"], SECONDS)
    jobs = Jobs([job("pass"), other], tmp_path, said.append)
    await running_until(jobs, lambda: jobs.states["tidy"].failures > 1 and jobs.states["other"].runs > 1)
    assert "tidy can't be started: Is a directory" in said[0]


async def test_a_stack_that_stops_waits_for_no_job(tmp_path: Path) -> None:
    jobs = Jobs([job("print('on', flush=True); import time; time.sleep(600)")], tmp_path, lambda _: None)
    seen: list[int] = []

    def begun() -> bool:
        pid = jobs.states["tidy"].pid
        if pid is not None and (tmp_path / "tidy.log").read_text():
            seen.append(pid)
        return bool(seen)

    await running_until(jobs, begun)
    assert not psutil.pid_exists(seen[0])


async def test_nothing_runs_before_the_stack_is_ready(tmp_path: Path) -> None:
    jobs = Jobs([job("pass")], tmp_path, lambda _: None)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(jobs.run(asyncio.Event()), 0.2)
    assert jobs.states["tidy"].runs == 0


def test_withdrawals_are_looked_for_unless_that_is_switched_off(tmp_path: Path) -> None:
    (erasing,) = jobs_of(Settings(home=tmp_path), {"broker": 19092})
    assert erasing.argv[-2:] == ["privacy", "erase-withdrawn"]
    assert erasing.interval_seconds == 900
    assert erasing.environment["TIDEGATE_BROKER_PORT"] == "19092"
    assert jobs_of(Settings(home=tmp_path, erase_withdrawn_interval_seconds=0), {}) == []
