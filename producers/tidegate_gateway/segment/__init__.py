"""Segment's tracking API: https://segment.com/docs/connections/sources/catalog/libraries/server/http-api/."""
