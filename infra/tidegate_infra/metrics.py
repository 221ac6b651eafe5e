"""What the supervisor tells Prometheus and /healthz about the services, and about jobs."""

from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from tidegate_infra.jobs import JobState
from tidegate_infra.probe_server import Health
from tidegate_infra.processes import pss_bytes
from tidegate_infra.supervisor import ServiceState

__all__ = ["JobCollector", "ServiceCollector", "health", "registry"]


class ServiceCollector:
    """Reads the states when it is asked; memory is measured then, too."""

    def __init__(self, states: Mapping[str, ServiceState]) -> None:
        self._states = states

    def collect(self) -> Iterator[Metric]:
        """Make the metrics of all services."""
        up = GaugeMetricFamily("tidegate_service_up", "Whether the service does its work.", labels=["service"])
        restarts = CounterMetricFamily("tidegate_service_restarts", "Starts again after a crash.", labels=["service"])
        memory = GaugeMetricFamily(
            "tidegate_service_pss_bytes", "Proportional memory of the service's processes.", labels=["service"]
        )
        for name, state in self._states.items():
            up.add_metric([name], float(state.ready))
            restarts.add_metric([name], float(state.restarts))
            memory.add_metric([name], float(pss_bytes(state.pid) if state.pid else 0))
        yield from (up, restarts, memory)


class JobCollector:
    """Reads what became of the jobs when it is asked."""

    def __init__(self, states: Mapping[str, JobState]) -> None:
        self._states = states

    def collect(self) -> Iterator[Metric]:
        """Make the metrics of all jobs."""
        runs = CounterMetricFamily("tidegate_job_runs", "Runs that ended, well or not.", labels=["job"])
        failures = CounterMetricFamily("tidegate_job_failures", "Runs that failed.", labels=["job"])
        succeeded = GaugeMetricFamily(
            "tidegate_job_success_timestamp_seconds", "When a run last ended well; 0: not yet.", labels=["job"]
        )
        for name, state in self._states.items():
            runs.add_metric([name], float(state.runs))
            failures.add_metric([name], float(state.failures))
            succeeded.add_metric([name], state.succeeded_at)
        yield from (runs, failures, succeeded)


def registry(states: Mapping[str, ServiceState], jobs: Mapping[str, JobState]) -> CollectorRegistry:
    """Make a registry of the supervisor's metrics."""
    made = CollectorRegistry()
    made.register(ServiceCollector(states))
    made.register(JobCollector(jobs))
    return made


def health(states: Mapping[str, ServiceState], jobs: Mapping[str, JobState]) -> Health:
    """All is well when every service does its work. A job that fails is told, and keeps nobody from working."""
    detail = {
        name: {"ready": state.ready, "pid": state.pid, "restarts": state.restarts} for name, state in states.items()
    }
    told = {name: {"runs": job.runs, "failures_in_a_row": job.failures_in_a_row} for name, job in jobs.items()}
    return Health(all(state.ready for state in states.values()), {"services": detail, "jobs": told})
