/**
 * The schema, step by step; a database's user_version is the number of steps it has seen. Only ever append.
 * `seq` is the order of arrival: lists, cursors, the age of a queued job and "the newest bearer of a name" go by it.
 * Columns of JSON hold text.
 */
export const migrations: readonly string[] = [
  `
  CREATE TABLE datasets (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    created_at TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    info TEXT NOT NULL
  ) STRICT;
  CREATE INDEX datasets_by_name ON datasets (name, seq);
  CREATE INDEX datasets_by_hash ON datasets (sha256, seq);

  -- dataset is no foreign key: a finished job outlives its dataset and still says which one it was.
  CREATE TABLE jobs (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    priority INTEGER NOT NULL,
    dataset TEXT,
    network TEXT NOT NULL,
    training TEXT NOT NULL,
    traits TEXT NOT NULL,
    created_at TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'paused', 'completed', 'failed', 'cancelled')),
    started_at TEXT,
    finished_at TEXT,
    progress TEXT NOT NULL,
    metrics TEXT NOT NULL,
    best TEXT,
    test TEXT,
    error TEXT,
    restarts INTEGER NOT NULL DEFAULT 0,
    deaths INTEGER NOT NULL DEFAULT 0,
    isa TEXT,
    weights_hash TEXT,
    model TEXT
  ) STRICT;
  CREATE INDEX jobs_by_name ON jobs (name, seq);
  CREATE INDEX jobs_by_state ON jobs (state, seq);
  CREATE INDEX jobs_queued ON jobs (priority DESC, seq) WHERE state = 'queued';
  CREATE INDEX jobs_unfinished_by_dataset ON jobs (dataset) WHERE state IN ('queued', 'running', 'paused');

  -- loss stands beside the values so that thinning reads an index alone.
  CREATE TABLE metrics (
    job TEXT NOT NULL,
    seq INTEGER NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('epoch', 'step')),
    epoch INTEGER NOT NULL,
    step INTEGER NOT NULL,
    time TEXT NOT NULL,
    loss REAL,
    metrics TEXT NOT NULL,
    PRIMARY KEY (job, seq),
    UNIQUE (job, kind, step)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX metrics_by_kind ON metrics (job, kind, seq, loss);

  -- Either a state event with its data, or an epoch event with the seq of its row in metrics.
  CREATE TABLE events (
    job TEXT NOT NULL,
    id INTEGER NOT NULL,
    type TEXT NOT NULL CHECK (type IN ('state', 'epoch')),
    data TEXT,
    row INTEGER,
    PRIMARY KEY (job, id)
  ) STRICT, WITHOUT ROWID;

  -- Jobs that are deleted, but whose metrics and events are not yet.
  CREATE TABLE deletions (job TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;

  CREATE TABLE models (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE REFERENCES jobs (id),
    name TEXT NOT NULL,
    created_at TEXT NOT NULL,
    completed INTEGER NOT NULL,
    weights_file TEXT NOT NULL,
    info TEXT NOT NULL
  ) STRICT;
  CREATE INDEX models_by_name ON models (name, seq);
  CREATE INDEX models_completed ON models (seq) WHERE completed = 1;

  -- Set by hand; the alias 'default' without a row here is the newest completed model.
  CREATE TABLE aliases (
    alias TEXT PRIMARY KEY,
    model TEXT NOT NULL REFERENCES models (id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX aliases_by_model ON aliases (model);
  `,
  `
  -- The layers of a network after an epoch. Unique, for a job that starts over measures the same again.
  CREATE TABLE diagnostics (
    job TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    layers TEXT NOT NULL,
    PRIMARY KEY (job, epoch)
  ) STRICT, WITHOUT ROWID;

  -- Events may now be of diagnostics, too; their row is the epoch.
  CREATE TABLE events_of_more_types (
    job TEXT NOT NULL,
    id INTEGER NOT NULL,
    type TEXT NOT NULL CHECK (type IN ('state', 'epoch', 'diagnostics')),
    data TEXT,
    row INTEGER,
    PRIMARY KEY (job, id)
  ) STRICT, WITHOUT ROWID;
  INSERT INTO events_of_more_types SELECT job, id, type, data, row FROM events;
  DROP TABLE events;
  ALTER TABLE events_of_more_types RENAME TO events;
  ALTER TABLE jobs ADD COLUMN range_test TEXT;
  ALTER TABLE jobs ADD COLUMN warnings TEXT NOT NULL DEFAULT '[]';
  `,
  `
  -- JSON: the model that a job starts from, and the tensors that it takes of it.
  ALTER TABLE jobs ADD COLUMN initial_weights TEXT;
  `,
  `
  CREATE TABLE idempotency (
    key TEXT PRIMARY KEY,
    hash TEXT NOT NULL,
    job TEXT NOT NULL,
    created_at TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX idempotency_by_time ON idempotency (created_at);
  CREATE INDEX idempotency_by_job ON idempotency (job);

  CREATE TABLE evaluations (job TEXT PRIMARY KEY, data TEXT NOT NULL) STRICT, WITHOUT ROWID;
  `,
  `
  CREATE TABLE job_log (
    job TEXT NOT NULL,
    seq INTEGER NOT NULL,
    time TEXT NOT NULL,
    level TEXT NOT NULL CHECK (level IN ('info', 'warn', 'error')),
    event TEXT NOT NULL,
    message TEXT NOT NULL,
    data TEXT,
    PRIMARY KEY (job, seq)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- A job that runs belongs to a runner until its lease (ms since 1970) is over; \`attempt\` counts how often it was taken up.
  ALTER TABLE jobs ADD COLUMN attempt INTEGER NOT NULL DEFAULT -1;
  ALTER TABLE jobs ADD COLUMN runner TEXT;
  ALTER TABLE jobs ADD COLUMN lease INTEGER;
  ALTER TABLE jobs ADD COLUMN death_step INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE jobs ADD COLUMN kernel_version TEXT;
  ALTER TABLE jobs ADD COLUMN pause TEXT;
  ALTER TABLE jobs ADD COLUMN fork TEXT;
  ALTER TABLE jobs ADD COLUMN rate_changes TEXT NOT NULL DEFAULT '[]';
  UPDATE jobs SET attempt = restarts WHERE started_at IS NOT NULL;

  -- Files of checkpoints in the job's folder.
  CREATE TABLE checkpoints (
    job TEXT NOT NULL,
    step INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    file TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    time TEXT NOT NULL,
    metrics TEXT NOT NULL,
    best TEXT,
    PRIMARY KEY (job, step)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- When the last job ended that used a dataset and is deleted now.
  ALTER TABLE datasets ADD COLUMN used_at TEXT;
  CREATE INDEX jobs_by_dataset ON jobs (dataset, finished_at);
  CREATE INDEX jobs_by_end ON jobs (finished_at, seq) WHERE finished_at IS NOT NULL;
  `,
  `
  -- Whether it is another dataset with samples added.
  ALTER TABLE datasets ADD COLUMN grown INTEGER NOT NULL DEFAULT 0;
  `,
  `
  -- JSON: where it was to be worked out on the training samples.
  ALTER TABLE jobs ADD COLUMN normalization TEXT;
  `,
  `
  -- What is known of a model beside what it is. Rows stay when their model is deleted: a version is given once.
  CREATE TABLE registry (
    model TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    notes TEXT NOT NULL DEFAULT '',
    tags TEXT NOT NULL DEFAULT '[]',
    UNIQUE (name, version)
  ) STRICT, WITHOUT ROWID;
  INSERT INTO registry (model, name, version)
    SELECT id, name, ROW_NUMBER() OVER (PARTITION BY name ORDER BY seq) FROM models;

  -- What happened to an alias; a time of null: before times were kept.
  CREATE TABLE alias_history (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    alias TEXT NOT NULL,
    action TEXT NOT NULL CHECK (action IN ('set', 'rollback', 'remove')),
    model TEXT NOT NULL,
    time TEXT
  ) STRICT;
  CREATE INDEX alias_history_by_alias ON alias_history (alias, seq);
  INSERT INTO alias_history (alias, action, model) SELECT alias, 'set', model FROM aliases ORDER BY alias;
  `,
  `
  -- A model need not be of a job any more: it may have come from outside. Renaming tables takes references to them along.
  CREATE TABLE models_of_any_origin (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    created_at TEXT NOT NULL,
    completed INTEGER NOT NULL,
    weights_file TEXT NOT NULL,
    info TEXT NOT NULL,
    job TEXT REFERENCES jobs (id)
  ) STRICT;
  INSERT INTO models_of_any_origin
    SELECT seq, id, name, created_at, completed, weights_file, info, id FROM models;
  CREATE TABLE aliases_kept (
    alias TEXT PRIMARY KEY,
    model TEXT NOT NULL REFERENCES models_of_any_origin (id)
  ) STRICT, WITHOUT ROWID;
  INSERT INTO aliases_kept SELECT alias, model FROM aliases;
  DROP TABLE aliases;
  DROP TABLE models;
  ALTER TABLE models_of_any_origin RENAME TO models;
  ALTER TABLE aliases_kept RENAME TO aliases;
  CREATE INDEX models_by_name ON models (name, seq);
  CREATE INDEX models_completed ON models (seq) WHERE completed = 1;
  CREATE INDEX aliases_by_model ON aliases (model);
  `,
];
