"""The event contract of Tidegate: schemas, codecs, wire framing, identities and the closed lists of names."""
