-- 1: the job stands for the cells of a matrix whose values other jobs give, and they have not been made yet.
ALTER TABLE jobs ADD COLUMN expands INTEGER NOT NULL DEFAULT 0;
CREATE INDEX jobs_expands ON jobs (run_id) WHERE expands = 1;
