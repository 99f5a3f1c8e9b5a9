-- Attempts: what the user wrote, what the agent does else, what was used, what the cluster took away.
ALTER TABLE run ADD COLUMN max_retries INTEGER;
ALTER TABLE run ADD COLUMN default_retries INTEGER NOT NULL DEFAULT 2;
ALTER TABLE run ADD COLUMN retries INTEGER NOT NULL DEFAULT 0;
ALTER TABLE run ADD COLUMN disruptions INTEGER NOT NULL DEFAULT 0;
-- When the next attempt begins.
ALTER TABLE run ADD COLUMN retry_at INTEGER;
CREATE INDEX run_retry ON run (retry_at) WHERE retry_at IS NOT NULL;
