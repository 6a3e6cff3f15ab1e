-- Who is trusted how far (reference A9). What a project's keepers decided; JSON arrays of globs.
ALTER TABLE projects ADD COLUMN protected_branches TEXT NOT NULL DEFAULT '[]';  -- beside the default branch
ALTER TABLE projects ADD COLUMN protected_tags TEXT NOT NULL DEFAULT '[]';
ALTER TABLE projects ADD COLUMN config_changes TEXT NOT NULL DEFAULT 'required'
    CHECK (config_changes IN ('notice', 'required', 'approve'));
ALTER TABLE projects ADD COLUMN job_statuses INTEGER NOT NULL DEFAULT 1 CHECK (job_statuses IN (0, 1));

-- Frozen when the run is made; an approval lifts T0 to T1. Runs from before tiers existed are no fork's, or held.
ALTER TABLE runs ADD COLUMN tier TEXT NOT NULL DEFAULT 'T1' CHECK (tier IN ('T0', 'T1', 'T2', 'T3'));
UPDATE runs SET tier = 'T0' WHERE hold <> '';

-- What a forge was told last of a commit and context.
CREATE INDEX outbox_by_target ON outbox (target, id);

-- Edits of the configuration that a maintainer let pass: of that commit, into that branch, and as it then differed.
CREATE TABLE config_approvals (
    project_id INTEGER NOT NULL REFERENCES projects(id),
    sha        TEXT NOT NULL,
    branch     TEXT NOT NULL,           -- the target whose gate asks
    digest     TEXT NOT NULL,           -- of the edit as it was shown
    decided_by TEXT NOT NULL,
    reason     TEXT NOT NULL,
    decided_at INTEGER NOT NULL,
    PRIMARY KEY (project_id, sha, branch, digest)
) WITHOUT ROWID;
