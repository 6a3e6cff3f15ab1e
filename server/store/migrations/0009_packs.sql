-- Files by content (docs/decisions/0016). A row says that all of the blob's bytes are on the disk.
CREATE TABLE blobs (
    digest     TEXT PRIMARY KEY,
    stored     INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) WITHOUT ROWID;

-- Sets of files that attempts left: artifacts, outputs, caches.
CREATE TABLE packs (
    id         INTEGER PRIMARY KEY,
    project_id INTEGER NOT NULL REFERENCES projects(id),
    tier       TEXT NOT NULL CHECK (tier IN ('T0', 'T1', 'T2', 'T3')),
    kind       TEXT NOT NULL CHECK (kind IN ('artifact', 'output', 'cache')),
    name       TEXT NOT NULL,           -- of a cache: its key
    scope      TEXT NOT NULL,           -- of a cache: whose it is; '' else
    run_id     INTEGER NOT NULL,
    job_id     INTEGER NOT NULL,
    attempt_id INTEGER NOT NULL,
    content    TEXT NOT NULL,           -- protocol::PackRef, JSON
    stored     INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    used_at    INTEGER NOT NULL,
    expires_at INTEGER,                 -- NULL = when its place is needed
    UNIQUE (attempt_id, kind, name)
);
CREATE INDEX packs_by_expiry ON packs (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX packs_by_scope ON packs (project_id, scope, name) WHERE kind = 'cache';
CREATE INDEX packs_by_use ON packs (project_id, used_at) WHERE kind = 'cache';

CREATE TABLE pack_blobs (
    pack_id INTEGER NOT NULL REFERENCES packs(id),
    digest  TEXT NOT NULL,
    PRIMARY KEY (pack_id, digest)
) WITHOUT ROWID;
CREATE INDEX pack_blobs_by_digest ON pack_blobs (digest);

-- What an attempt sent, or may refer to because its scope does: kept until it ends (rule 24).
CREATE TABLE blob_pins (
    attempt_id INTEGER NOT NULL,
    digest     TEXT NOT NULL,
    PRIMARY KEY (attempt_id, digest)
) WITHOUT ROWID;
CREATE INDEX blob_pins_by_digest ON blob_pins (digest);
