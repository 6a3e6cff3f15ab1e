-- What a job does when its plan read other jobs: the spec as it was completed when they had ended. '' = the planned one.
-- Beside `planned`, which a retry compares with the new plan.
ALTER TABLE jobs ADD COLUMN spec TEXT NOT NULL DEFAULT '';
