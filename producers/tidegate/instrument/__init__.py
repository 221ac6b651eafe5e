"""Instrumentation, a module each: what it instruments is imported by that module only, and is no dependency."""
