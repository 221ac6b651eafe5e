-- A run of settling counts once however long ago the one before it was, on replicated tables too, where names of inserts are
-- forgotten after an hour. And receipts are of exports as well.

ALTER TABLE tidegate.ledger_pages {on_cluster} MODIFY SETTING replicated_deduplication_window_seconds = 7776000;

ALTER TABLE tidegate.erasures {on_cluster} MODIFY COMMENT 'Receipts of erasures and of exports.';

ALTER TABLE tidegate.erasures {on_cluster} COMMENT COLUMN stage 'waiting (for a second person), refused, requested, logically erased or physically erased; of an export: export waiting, export allowed, export expired or exported.';

ALTER TABLE analytics.erasures {on_cluster} MODIFY COMMENT 'One row an erasure, or an export by its stage: when it was asked for and done, and how much went. It does not say whose.';
