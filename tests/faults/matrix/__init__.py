"""The fault matrix: one fault, one system, and what was lost, doubled or wrong in the end."""
