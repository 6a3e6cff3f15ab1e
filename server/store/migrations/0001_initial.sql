-- Times are wall-clock milliseconds (display only) unless a comment says service time (rule 9).
CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE projects (
    id             INTEGER PRIMARY KEY,
    name           TEXT NOT NULL UNIQUE,
    url            TEXT NOT NULL,
    default_branch TEXT NOT NULL,
    forge          TEXT NOT NULL,
    hook_secret    TEXT NOT NULL,           -- needed in clear to verify HMACs; '' disables the hook
    status_api     TEXT NOT NULL DEFAULT '',  -- base URL of the forge's API; '' = no commit statuses
    status_repo    TEXT NOT NULL DEFAULT '',
    status_token_file TEXT NOT NULL DEFAULT '',
    next_number    INTEGER NOT NULL DEFAULT 1,
    created_at     INTEGER NOT NULL
);

CREATE TABLE deliveries (
    id          INTEGER PRIMARY KEY,
    project_id  INTEGER NOT NULL REFERENCES projects(id),
    source      TEXT NOT NULL,
    delivery_id TEXT NOT NULL,              -- the source's id, or the body's digest
    kind        TEXT NOT NULL,
    events      TEXT NOT NULL,              -- decoded events, JSON
    state       TEXT NOT NULL CHECK (state IN ('received', 'done', 'ignored', 'failed', 'quarantined')),
    attempts    INTEGER NOT NULL,           -- raised before the work (rule 20)
    outcome     TEXT NOT NULL DEFAULT '',
    run_id      INTEGER,
    received_at INTEGER NOT NULL,
    UNIQUE (project_id, source, delivery_id)
);
CREATE INDEX deliveries_open ON deliveries (project_id, id) WHERE state = 'received';

CREATE TABLE runs (
    id               INTEGER PRIMARY KEY,
    project_id       INTEGER NOT NULL REFERENCES projects(id),
    number           INTEGER NOT NULL,
    event_kind       TEXT NOT NULL,
    branch           TEXT NOT NULL,
    tag              TEXT NOT NULL,
    sha              TEXT NOT NULL,
    target_branch    TEXT NOT NULL,         -- pull requests; else ''
    pr_number        INTEGER NOT NULL,      -- 0 = none
    message          TEXT NOT NULL,
    author           TEXT NOT NULL,
    actor            TEXT NOT NULL,
    event            TEXT NOT NULL,         -- the normalised event, JSON
    state            TEXT NOT NULL CHECK (state IN ('active', 'passed', 'warned', 'failed', 'errored', 'cancelled')),
    reason           TEXT NOT NULL DEFAULT '',
    diagnostics      TEXT NOT NULL DEFAULT '[]',
    plan_hash        TEXT NOT NULL DEFAULT '',
    retry_of         INTEGER,
    cancel_requested INTEGER NOT NULL DEFAULT 0,
    hold             TEXT NOT NULL DEFAULT '',  -- not empty: no job becomes ready before an approval; the reason
    jobs_total       INTEGER NOT NULL DEFAULT 0,
    jobs_done        INTEGER NOT NULL DEFAULT 0,
    created_at       INTEGER NOT NULL,
    finished_at      INTEGER,
    UNIQUE (project_id, number),
    CHECK ((state = 'active') = (finished_at IS NULL))
);
CREATE INDEX runs_by_project ON runs (project_id, id DESC);
CREATE INDEX runs_by_branch ON runs (project_id, branch, id DESC);
CREATE INDEX runs_by_sha ON runs (project_id, sha, id DESC);
CREATE INDEX runs_active ON runs (id) WHERE state = 'active';

CREATE TABLE jobs (
    id               INTEGER PRIMARY KEY,
    run_id           INTEGER NOT NULL REFERENCES runs(id),
    key              TEXT NOT NULL,         -- unique in the run: test (3.11)
    base             TEXT NOT NULL,         -- the id in the file: test
    name             TEXT NOT NULL,
    kind             TEXT NOT NULL,
    planned          TEXT NOT NULL,         -- plan::PlannedJob, JSON
    state            TEXT NOT NULL CHECK (state IN ('waiting', 'held', 'ready', 'running', 'passed', 'warned', 'failed',
                                                    'errored', 'cancelled', 'not_selected', 'blocked')),
    queue_key        TEXT NOT NULL,         -- the requirement set that an agent must match
    priority         INTEGER NOT NULL DEFAULT 0,
    attempt_id       INTEGER NOT NULL DEFAULT 0,  -- the live attempt; 0 = none
    attempts         INTEGER NOT NULL DEFAULT 0,  -- number of attempts so far = newest epoch
    wait_reason      TEXT NOT NULL DEFAULT '',
    cause            TEXT NOT NULL DEFAULT 'none',
    message          TEXT NOT NULL DEFAULT '',
    exit_code        INTEGER,
    not_before       INTEGER NOT NULL DEFAULT 0,  -- service time; back-off of a retry
    steps            TEXT NOT NULL DEFAULT '[]',
    reports          TEXT NOT NULL DEFAULT '{}',
    outputs          TEXT NOT NULL DEFAULT '{}',
    log_attempt      INTEGER NOT NULL DEFAULT 0,  -- the attempt whose log people see
    log_size         INTEGER NOT NULL DEFAULT 0,
    agent            TEXT NOT NULL DEFAULT '',
    carried_from     INTEGER,
    created_at       INTEGER NOT NULL,
    started_at       INTEGER,
    finished_at      INTEGER,
    UNIQUE (run_id, key),
    CHECK ((state IN ('passed', 'warned', 'failed', 'errored', 'cancelled', 'not_selected', 'blocked')) = (finished_at IS NOT NULL)),
    CHECK (state <> 'running' OR attempt_id <> 0),
    CHECK (finished_at IS NULL OR attempt_id = 0)
);
-- A claim is an index walk, whatever the queue's length (architecture §7).
CREATE INDEX jobs_ready ON jobs (queue_key, priority DESC, id) WHERE state = 'ready' AND attempt_id = 0;
CREATE INDEX jobs_live ON jobs (run_id) WHERE finished_at IS NULL;

CREATE TABLE attempts (
    id               INTEGER PRIMARY KEY,
    job_id           INTEGER NOT NULL REFERENCES jobs(id),
    run_id           INTEGER NOT NULL REFERENCES runs(id),
    agent_id         INTEGER NOT NULL REFERENCES agents(id),
    epoch            INTEGER NOT NULL,
    state            TEXT NOT NULL CHECK (state IN ('leased', 'running', 'unreachable', 'finished', 'lost', 'preempted')),
    token_hash       TEXT NOT NULL,
    session          TEXT NOT NULL,
    claim_seq        INTEGER NOT NULL,
    runner_instance  TEXT NOT NULL DEFAULT '',
    deadline         INTEGER NOT NULL,      -- service time, written behind
    cancel_requested INTEGER NOT NULL DEFAULT 0,
    replayable       INTEGER NOT NULL,
    timeout_ms       INTEGER NOT NULL,
    outcome          TEXT NOT NULL DEFAULT '',
    finish_digest    TEXT NOT NULL DEFAULT '',
    log_size         INTEGER NOT NULL DEFAULT 0,
    log_crc32c       INTEGER NOT NULL DEFAULT 0,
    created_at       INTEGER NOT NULL,
    started_at       INTEGER,
    finished_at      INTEGER,
    UNIQUE (job_id, epoch)
);
CREATE INDEX attempts_live ON attempts (agent_id) WHERE state IN ('leased', 'running', 'unreachable');

CREATE TABLE agents (
    id           INTEGER PRIMARY KEY,
    install_id   TEXT NOT NULL UNIQUE,
    name         TEXT NOT NULL UNIQUE,
    token_hash   TEXT NOT NULL UNIQUE,
    labels       TEXT NOT NULL,             -- JSON array, fixed by the enrolment
    draining     INTEGER NOT NULL DEFAULT 0,
    capacity     INTEGER NOT NULL DEFAULT 1,
    session      TEXT NOT NULL DEFAULT '',
    os           TEXT NOT NULL,
    arch         TEXT NOT NULL,
    host         TEXT NOT NULL,
    build        TEXT NOT NULL,
    last_seen_at INTEGER,
    created_at   INTEGER NOT NULL
);

CREATE TABLE enrolments (
    id         INTEGER PRIMARY KEY,
    token_hash TEXT NOT NULL UNIQUE,
    labels     TEXT NOT NULL,
    install_id TEXT NOT NULL DEFAULT '',    -- who used it
    expires_at INTEGER NOT NULL
);

CREATE TABLE tokens (
    id           INTEGER PRIMARY KEY,
    name         TEXT NOT NULL,
    hash         TEXT NOT NULL UNIQUE,
    role         TEXT NOT NULL CHECK (role IN ('admin', 'write', 'read')),
    created_at   INTEGER NOT NULL,
    last_used_at INTEGER,
    revoked_at   INTEGER
);

CREATE TABLE sessions (
    hash       TEXT PRIMARY KEY,
    csrf_hash  TEXT NOT NULL,
    token_id   INTEGER NOT NULL REFERENCES tokens(id),
    expires_at INTEGER NOT NULL
);

CREATE TABLE events (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,  -- the cursor of event streams; never reused
    type       TEXT NOT NULL,
    project_id INTEGER NOT NULL,
    run_id     INTEGER NOT NULL,
    job_id     INTEGER NOT NULL,
    state      TEXT NOT NULL,
    at         INTEGER NOT NULL
);

CREATE TABLE outbox (
    id         INTEGER PRIMARY KEY,
    target     TEXT NOT NULL,               -- what is ordered: project and context
    project_id INTEGER NOT NULL REFERENCES projects(id),
    payload    TEXT NOT NULL,
    attempts   INTEGER NOT NULL DEFAULT 0,
    next_at    INTEGER NOT NULL,
    state      TEXT NOT NULL CHECK (state IN ('pending', 'sent', 'dead')),
    error      TEXT NOT NULL DEFAULT '',
    created_at INTEGER NOT NULL
);
CREATE INDEX outbox_pending ON outbox (next_at) WHERE state = 'pending';

CREATE TABLE audit (
    id      INTEGER PRIMARY KEY,
    at      INTEGER NOT NULL,
    actor   TEXT NOT NULL,
    action  TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail  TEXT NOT NULL
);
