"""Faust with chunks as messages: one message a fetched partition batch, and commits that follow durable state."""
