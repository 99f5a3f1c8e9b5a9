-- Identifiers: 32 hex digits. Times: milliseconds since 1970, UTC. JSON: text.

CREATE TABLE token (
    id           TEXT PRIMARY KEY,
    name         TEXT NOT NULL,
    scope        TEXT NOT NULL CHECK (scope IN ('admin', 'user', 'agent', 'run')),
    hash         TEXT NOT NULL UNIQUE,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER,
    last_used_at INTEGER,
    revoked_at   INTEGER
);
CREATE UNIQUE INDEX token_live_name ON token (name) WHERE revoked_at IS NULL;

CREATE TABLE project (
    uuid        TEXT PRIMARY KEY,
    owner       TEXT NOT NULL,
    name        TEXT NOT NULL,
    description TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    UNIQUE (owner, name)
);

CREATE TABLE revision (
    digest     TEXT PRIMARY KEY,
    media_type TEXT NOT NULL,
    content    BLOB NOT NULL,
    created_at INTEGER NOT NULL
);

CREATE TABLE component (
    id          TEXT PRIMARY KEY,
    owner       TEXT NOT NULL,
    name        TEXT NOT NULL,
    description TEXT NOT NULL,
    tags        TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    UNIQUE (owner, name)
);

CREATE TABLE version (
    id           TEXT PRIMARY KEY,
    component_id TEXT NOT NULL REFERENCES component (id),
    name         TEXT NOT NULL,
    digest       TEXT NOT NULL REFERENCES revision (digest),
    description  TEXT NOT NULL,
    tags         TEXT NOT NULL,
    stage        TEXT NOT NULL CHECK (stage IN ('testing', 'staging', 'production', 'disabled')),
    yanked_at    INTEGER,
    created_by   TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    UNIQUE (component_id, name)
);
CREATE INDEX version_recent ON version (component_id, updated_at DESC, id DESC);
CREATE INDEX version_digest ON version (digest);

CREATE TABLE version_history (
    version_id TEXT NOT NULL REFERENCES version (id),
    n          INTEGER NOT NULL,
    old_digest TEXT,
    new_digest TEXT NOT NULL,
    actor      TEXT NOT NULL,
    at         INTEGER NOT NULL,
    PRIMARY KEY (version_id, n)
);

CREATE TABLE preset (
    id         TEXT PRIMARY KEY,
    owner      TEXT NOT NULL,
    name       TEXT NOT NULL,
    content    TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (owner, name)
);

CREATE TABLE agent (
    id                 TEXT PRIMARY KEY,
    name               TEXT NOT NULL UNIQUE,
    epoch              INTEGER NOT NULL,
    version            TEXT NOT NULL,
    advertised_address TEXT NOT NULL,
    catalog            TEXT NOT NULL,
    catalog_at         INTEGER NOT NULL,
    -- Until when the newest session is good; afterwards its runs are `unknown`.
    contact_until      INTEGER NOT NULL,
    unreachable        INTEGER NOT NULL,
    created_at         INTEGER NOT NULL
);
CREATE INDEX agent_contact ON agent (contact_until) WHERE unreachable = 0;

CREATE TABLE agent_session (
    id          TEXT PRIMARY KEY,
    agent_id    TEXT NOT NULL REFERENCES agent (id),
    epoch       INTEGER NOT NULL,
    replica     TEXT NOT NULL,
    lease_until INTEGER NOT NULL,
    synced      INTEGER NOT NULL,
    closed      INTEGER NOT NULL,
    opened_at   INTEGER NOT NULL,
    UNIQUE (agent_id, epoch)
);

CREATE TABLE queue (
    id          TEXT PRIMARY KEY,
    agent_id    TEXT NOT NULL REFERENCES agent (id),
    name        TEXT NOT NULL,
    priority    INTEGER NOT NULL,
    concurrency INTEGER NOT NULL,
    -- Grows with every claim of the agent: equal queues take turns.
    served      INTEGER NOT NULL,
    UNIQUE (agent_id, name)
);

CREATE TABLE run (
    uuid             TEXT PRIMARY KEY,
    owner            TEXT NOT NULL,
    project          TEXT NOT NULL,
    project_uuid     TEXT NOT NULL,
    name             TEXT NOT NULL,
    description      TEXT NOT NULL,
    tags             TEXT NOT NULL,
    kind             TEXT NOT NULL,
    agent_id         TEXT NOT NULL REFERENCES agent (id),
    queue_id         TEXT NOT NULL REFERENCES queue (id),
    priority         INTEGER NOT NULL,
    -- The status by rank; `overlay` is shown instead while it is set.
    status           TEXT NOT NULL,
    rank             INTEGER NOT NULL,
    overlay          TEXT,
    reason           TEXT NOT NULL,
    message          TEXT NOT NULL,
    pending          TEXT NOT NULL,
    attempt          INTEGER NOT NULL,
    fence            INTEGER NOT NULL,
    report_seq       INTEGER NOT NULL,
    event_seq        INTEGER NOT NULL,
    session_id       TEXT,
    launch_deadline  INTEGER,
    acknowledged     INTEGER NOT NULL,
    stop_requested   INTEGER NOT NULL,
    stop_reason      TEXT NOT NULL,
    object_name      TEXT NOT NULL,
    object_uid       TEXT NOT NULL,
    ref_as_typed     TEXT NOT NULL,
    component        TEXT NOT NULL,
    component_digest TEXT NOT NULL,
    spec_hash        TEXT NOT NULL,
    build            TEXT,
    failure          TEXT,
    created_by       TEXT NOT NULL,
    idempotency_key  TEXT,
    request_hash     TEXT NOT NULL,
    created_at       INTEGER NOT NULL,
    compiled_at      INTEGER NOT NULL,
    queued_at        INTEGER NOT NULL,
    started_at       INTEGER,
    finished_at      INTEGER,
    -- Time that the run may take from its first start on, and when that is over.
    timeout_ms       INTEGER,
    deadline_at      INTEGER
);
CREATE UNIQUE INDEX run_idempotency ON run (project_uuid, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX run_queued ON run (queue_id, priority DESC, uuid) WHERE status = 'queued';
CREATE INDEX run_active ON run (queue_id) WHERE rank BETWEEN 3 AND 6;
CREATE INDEX run_of_agent ON run (agent_id, uuid) WHERE rank BETWEEN 3 AND 6;
CREATE INDEX run_stopping ON run (agent_id) WHERE status = 'stopping';
CREATE INDEX run_launch ON run (agent_id, launch_deadline) WHERE launch_deadline IS NOT NULL;
CREATE INDEX run_deadline ON run (deadline_at) WHERE deadline_at IS NOT NULL;
CREATE INDEX run_of_project ON run (owner, project, uuid DESC);

-- The long texts of a run, apart from the row that changes often.
CREATE TABLE run_spec (
    run       TEXT PRIMARY KEY REFERENCES run (uuid),
    operation BLOB NOT NULL,
    compiled  BLOB NOT NULL
);

CREATE TABLE run_event (
    run        TEXT NOT NULL REFERENCES run (uuid),
    seq        INTEGER NOT NULL,
    attempt    INTEGER NOT NULL,
    status     TEXT NOT NULL,
    reason     TEXT NOT NULL,
    message    TEXT NOT NULL,
    source     TEXT NOT NULL,
    at         INTEGER NOT NULL,
    ignored    INTEGER NOT NULL,
    PRIMARY KEY (run, seq)
) WITHOUT ROWID;

CREATE TABLE run_edge (
    upstream   TEXT NOT NULL REFERENCES run (uuid),
    downstream TEXT NOT NULL REFERENCES run (uuid),
    kind       TEXT NOT NULL,
    PRIMARY KEY (upstream, downstream, kind)
);

CREATE TABLE log_segment (
    run       TEXT NOT NULL,
    attempt   INTEGER NOT NULL,
    container TEXT NOT NULL,
    -- Offsets in the container's raw output.
    first     INTEGER NOT NULL,
    last      INTEGER NOT NULL,
    size      INTEGER NOT NULL,
    store_key TEXT NOT NULL,
    PRIMARY KEY (run, attempt, container, first)
);

CREATE TABLE log_stream (
    run       TEXT NOT NULL,
    attempt   INTEGER NOT NULL,
    container TEXT NOT NULL,
    -- Order in which the containers of an attempt began to write.
    n         INTEGER NOT NULL,
    ended     INTEGER NOT NULL,
    PRIMARY KEY (run, attempt, container)
);
