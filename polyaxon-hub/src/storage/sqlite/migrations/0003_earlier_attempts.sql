-- Why a run has more than one attempt: JSON, oldest first.
ALTER TABLE run ADD COLUMN earlier_attempts TEXT NOT NULL DEFAULT '[]';
