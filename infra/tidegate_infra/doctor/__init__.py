"""`tidegate doctor`: what is wrong with a stack, and how to fix it."""

from tidegate_infra.doctor.finding import Finding, Verdict
from tidegate_infra.doctor.report import examine, render

__all__ = ["Finding", "Verdict", "examine", "render"]
