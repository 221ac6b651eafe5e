"""What other libraries' events mean as ours: one reading for all ways by which they come. Pure.

The gateway reads them off the wire, and `tidegate.instrument` takes them from Sentry's and OpenTelemetry's SDKs in the
process. Both hand plain values to these modules, so the same error, span or point becomes the same event. Nothing here
needs more than the SDK itself does, and nothing of it is loaded with `import tidegate`.
"""
