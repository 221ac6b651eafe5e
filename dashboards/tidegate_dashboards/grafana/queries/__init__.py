"""Queries of Grafana's panels, with the macros of its ClickHouse plugin."""
