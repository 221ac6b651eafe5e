"""Records on disk until Kafka has them: see `Spool`, and `SpoolingPublisher` for what uses it."""
