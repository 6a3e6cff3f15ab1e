-- What an agent says of its machine, JSON; shown to people, decides nothing.
ALTER TABLE agents ADD COLUMN facts TEXT NOT NULL DEFAULT '{}';
-- Beside draining: a person keeps it idle for a while.
ALTER TABLE agents ADD COLUMN paused INTEGER NOT NULL DEFAULT 0 CHECK (paused IN (0, 1));
