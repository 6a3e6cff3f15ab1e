-- What an agent has to give (model::Capacity as JSON, as it told with its claims), what an attempt was given of it, and
-- what it made of that.
ALTER TABLE agents ADD COLUMN resources TEXT NOT NULL DEFAULT '{}';

ALTER TABLE attempts ADD COLUMN cpu_millis INTEGER NOT NULL DEFAULT 0;
ALTER TABLE attempts ADD COLUMN memory INTEGER NOT NULL DEFAULT 0;
ALTER TABLE attempts ADD COLUMN disk INTEGER NOT NULL DEFAULT 0;
ALTER TABLE attempts ADD COLUMN gpus TEXT NOT NULL DEFAULT '';     -- uuids, separated by commas
ALTER TABLE attempts ADD COLUMN facts TEXT NOT NULL DEFAULT '{}';  -- executor, image, image_digest
ALTER TABLE attempts ADD COLUMN usage TEXT NOT NULL DEFAULT '{}';  -- model::Usage
