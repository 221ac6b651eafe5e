-- Which process a metric's total comes from, so that the growth of each is counted on its own.

ALTER TABLE tidegate.events_metric {on_cluster}
    ADD COLUMN IF NOT EXISTS `instance` String
    COMMENT 'Pseudonym of the running process that counts; empty where it isn\'t said.'
    AFTER `bucket_counts`;

CREATE OR REPLACE VIEW analytics.metrics {on_cluster} AS
SELECT * EXCEPT (version)
FROM tidegate.events_metric FINAL;
