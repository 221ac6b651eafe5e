"""Queries of the rules that come with Tidegate: label columns, then `value` and `sample`."""
