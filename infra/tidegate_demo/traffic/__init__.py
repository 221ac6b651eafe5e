"""Visitors of the marketplace, driven over HTTP, and a record of what they did."""
