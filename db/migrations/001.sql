-- The system tables of a device's store. Data tables are made from the registry (db/schema.c).

CREATE TABLE sync_queue (               -- what the backend has not accepted yet
    seq INTEGER PRIMARY KEY AUTOINCREMENT,  -- the order in which changes were made; never used twice
    op_id TEXT NOT NULL UNIQUE,         -- UUID; a new one whenever the content changes
    table_name TEXT NOT NULL,           -- wire name
    operation TEXT NOT NULL CHECK (operation IN ('create', 'update')),
    record_client_id TEXT NOT NULL,
    payload TEXT NOT NULL,              -- JSON object: the columns that were set, and nothing else
    base TEXT NOT NULL,                 -- JSON object: their values before, as the user saw them
    replaces TEXT NOT NULL DEFAULT '[]',    -- JSON array: op ids that were sent and that this one stands for
    sent_at INTEGER NOT NULL DEFAULT 0, -- ms; 0: not one byte of it has ever left
    created_at INTEGER NOT NULL,        -- ms, this device's clock
    updated_at INTEGER NOT NULL,        -- ms, of the last edit that went into it
    retry_at INTEGER NOT NULL DEFAULT 0,    -- ms; not to be sent before
    retry_count INTEGER NOT NULL DEFAULT 0, -- refusals; network trouble never counts
    state TEXT NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'held', 'failed')),
    last_error TEXT,                    -- the backend's words
    last_error_code TEXT
) STRICT;
CREATE INDEX sync_queue_record ON sync_queue (table_name, record_client_id, seq);
CREATE INDEX sync_queue_queued ON sync_queue (seq) WHERE state = 'queued';
CREATE INDEX sync_queue_held ON sync_queue (retry_at) WHERE state = 'held';
CREATE INDEX sync_queue_failed ON sync_queue (seq) WHERE state = 'failed';

CREATE TABLE sync_discarded (           -- ops that a person took back after they had been sent: the next op of the record
    op_id TEXT PRIMARY KEY,             -- stands for them, so that one that arrives late does not undo it
    table_name TEXT NOT NULL,
    record_client_id TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sync_discarded_record ON sync_discarded (table_name, record_client_id);

CREATE TABLE sync_metadata (            -- a row per table of the registry
    table_name TEXT NOT NULL UNIQUE,    -- wire name
    definition TEXT NOT NULL,           -- JSON object: column -> kind, as the SQLite table was made
    sorts TEXT NOT NULL,                -- what the sort keys were computed from
    cursor TEXT,                        -- opaque; up to here every change is applied
    epoch TEXT,                         -- of the backend when the cursor was given
    walk_no INTEGER NOT NULL DEFAULT 0, -- rises with each walk, and again with its first page: the walk leaves out what was
                                        -- deleted before that page, so what was seen earlier says nothing
    epoch_no INTEGER NOT NULL DEFAULT 0,    -- walk_no when the walk began: a record's `seen` from here on is of this epoch
    walking INTEGER NOT NULL DEFAULT 0, -- 0 no, 1 pages are being fetched, 2 pages are in, finishing
    walk_cursor TEXT,                   -- where the walk goes on; null: from the start
    walk_epoch TEXT,                    -- of the walk's pages
    total INTEGER NOT NULL DEFAULT 0,   -- records to come, said by the first page; 0: not known
    received INTEGER NOT NULL DEFAULT 0,
    last_sync_timestamp INTEGER NOT NULL DEFAULT 0,     -- ms; for display only
    initial_sync_complete INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE sync_counts (              -- records per table, kept by the writers
    table_name TEXT NOT NULL,
    is_done INTEGER NOT NULL,
    n INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (table_name, is_done)
) STRICT, WITHOUT ROWID;

CREATE TABLE sync_state (               -- one row: what the process that syncs tells the others
    id INTEGER PRIMARY KEY CHECK (id = 1),
    waiting INTEGER NOT NULL DEFAULT 0, -- rows of sync_queue, kept by the writers
    online INTEGER NOT NULL DEFAULT 0,
    phase TEXT NOT NULL DEFAULT 'idle',
    table_name TEXT NOT NULL DEFAULT '',
    done INTEGER NOT NULL DEFAULT 0,
    total INTEGER NOT NULL DEFAULT 0,
    sending_since INTEGER NOT NULL DEFAULT 0,
    last_ok INTEGER NOT NULL DEFAULT 0,
    next_try INTEGER NOT NULL DEFAULT 0,
    error_code TEXT NOT NULL DEFAULT '',
    error TEXT NOT NULL DEFAULT '',
    work_offline INTEGER NOT NULL DEFAULT 0,    -- the user chose so
    wanted_id INTEGER NOT NULL DEFAULT 0,       -- the newest request of another process, and what
    wanted_what INTEGER NOT NULL DEFAULT 0,
    answered_id INTEGER NOT NULL DEFAULT 0,     -- requests up to here have their result
    answered_rc INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO sync_state (id) VALUES (1);

CREATE TABLE account (                  -- one row: whose file this is
    id INTEGER PRIMARY KEY CHECK (id = 1),
    server TEXT NOT NULL,
    instance TEXT NOT NULL,
    user_id TEXT NOT NULL,
    email TEXT NOT NULL,
    name TEXT,
    device_id TEXT NOT NULL,
    token TEXT,                         -- null: the session is over
    refresh_token TEXT
) STRICT;

CREATE TABLE drafts (                   -- what is being typed
    table_name TEXT NOT NULL,
    record_client_id TEXT NOT NULL,     -- '' for a new record
    payload TEXT NOT NULL,              -- JSON object: column -> text as typed
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (table_name, record_client_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE conflicts (                -- what this device's values overwrote at the office
    id INTEGER PRIMARY KEY,
    op_id TEXT NOT NULL,
    table_name TEXT NOT NULL,
    record_client_id TEXT NOT NULL,
    column_name TEXT NOT NULL,
    base TEXT NOT NULL,                 -- JSON texts
    theirs TEXT NOT NULL,
    ours TEXT NOT NULL,
    at INTEGER NOT NULL,
    UNIQUE (op_id, column_name)
) STRICT;
