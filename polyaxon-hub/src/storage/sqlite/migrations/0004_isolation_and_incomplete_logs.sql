-- What stands between the newest attempt and its node: one word; empty: not known.
ALTER TABLE run ADD COLUMN isolation TEXT NOT NULL DEFAULT '';
-- Something is missing in a log of the run.
ALTER TABLE run ADD COLUMN log_incomplete INTEGER NOT NULL DEFAULT 0;
