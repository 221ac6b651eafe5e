"""`tidegate demo`: the stack, the marketplace with live traffic, and a summary that has to balance."""

from tidegate_infra.demo.run import demo

__all__ = ["demo"]
