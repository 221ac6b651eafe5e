-- How long each table keeps rows, in days, so that no month is longer than another. 24 months and not 25: rows go by
-- merges, up to two days after their time, and 25 months is the limit. `tidegate privacy report` holds the tables to it.

ALTER TABLE tidegate.events_track {on_cluster} MODIFY TTL toDateTime(received_at) + INTERVAL 730 DAY;
ALTER TABLE tidegate.sessions {on_cluster} MODIFY TTL toDateTime(started_at) + INTERVAL 730 DAY;
ALTER TABLE tidegate.activity {on_cluster} MODIFY TTL window_start + INTERVAL 730 DAY;
ALTER TABLE tidegate.usage {on_cluster} MODIFY TTL window_start + INTERVAL 730 DAY;
ALTER TABLE tidegate.identities {on_cluster} MODIFY TTL toDateTime(first_seen) + INTERVAL 730 DAY;
ALTER TABLE tidegate.reconciliation {on_cluster} MODIFY TTL window_start + INTERVAL 730 DAY;
ALTER TABLE tidegate.properties {on_cluster} MODIFY TTL last_seen + INTERVAL 395 DAY;
ALTER TABLE tidegate.consents {on_cluster} MODIFY TTL toDateTime(decided_at) + INTERVAL 1826 DAY;
ALTER TABLE tidegate.erasures {on_cluster} MODIFY TTL toDateTime(requested_at) + INTERVAL 1826 DAY;

-- Expired rows go by a merge that writes the oldest partition's parts anew: once a day, and not every four hours.
ALTER TABLE tidegate.events_track {on_cluster} MODIFY SETTING merge_with_ttl_timeout = 86400;
ALTER TABLE tidegate.events_error {on_cluster} MODIFY SETTING merge_with_ttl_timeout = 86400;
ALTER TABLE tidegate.events_span {on_cluster} MODIFY SETTING merge_with_ttl_timeout = 86400;
ALTER TABLE tidegate.events_metric {on_cluster} MODIFY SETTING merge_with_ttl_timeout = 86400;
ALTER TABLE tidegate.events_log {on_cluster} MODIFY SETTING merge_with_ttl_timeout = 86400;
ALTER TABLE tidegate.events_health {on_cluster} MODIFY SETTING merge_with_ttl_timeout = 86400;
ALTER TABLE tidegate.sessions {on_cluster} MODIFY SETTING merge_with_ttl_timeout = 86400;
ALTER TABLE tidegate.error_rates {on_cluster} MODIFY SETTING merge_with_ttl_timeout = 86400;
ALTER TABLE tidegate.latencies {on_cluster} MODIFY SETTING merge_with_ttl_timeout = 86400;
ALTER TABLE tidegate.metric_windows {on_cluster} MODIFY SETTING merge_with_ttl_timeout = 86400;
ALTER TABLE tidegate.activity {on_cluster} MODIFY SETTING merge_with_ttl_timeout = 86400;
ALTER TABLE tidegate.usage {on_cluster} MODIFY SETTING merge_with_ttl_timeout = 86400;
ALTER TABLE tidegate.identities {on_cluster} MODIFY SETTING merge_with_ttl_timeout = 86400;
ALTER TABLE tidegate.dead_letters {on_cluster} MODIFY SETTING merge_with_ttl_timeout = 86400;
ALTER TABLE tidegate.outcomes {on_cluster} MODIFY SETTING merge_with_ttl_timeout = 86400;
ALTER TABLE tidegate.reconciliation {on_cluster} MODIFY SETTING merge_with_ttl_timeout = 86400;
ALTER TABLE tidegate.ledger {on_cluster} MODIFY SETTING merge_with_ttl_timeout = 86400;
ALTER TABLE tidegate.release_health {on_cluster} MODIFY SETTING merge_with_ttl_timeout = 86400;
ALTER TABLE tidegate.consents {on_cluster} MODIFY SETTING merge_with_ttl_timeout = 86400;
ALTER TABLE tidegate.erasures {on_cluster} MODIFY SETTING merge_with_ttl_timeout = 86400;
ALTER TABLE tidegate.properties {on_cluster} MODIFY SETTING merge_with_ttl_timeout = 86400;
