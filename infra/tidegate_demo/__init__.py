"""A small marketplace of AI agents, and the visitors that use it: the real input of `tidegate demo`.

It knows Tidegate only by the addresses and keys of its gateway, as any team's service would: product events leave by
Segment's client, exceptions by Sentry's, requests, queries and pool figures by OpenTelemetry's.
"""
