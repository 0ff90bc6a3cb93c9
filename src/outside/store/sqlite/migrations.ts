// The shape of the database, as numbered steps: the n-th step brings `user_version` n - 1 to n. A step that was merged is never
// edited (a test has the digest of each); a change is a new step. A program opens a database with more steps than it knows,
// unless the least version shuts it out (core/ports/least-version.ts): so a step only adds, or it names a feature in least_version.
// Comments in the steps say what a table is for; statements are in sql.ts.

/** Written into the file's header, so that a foreign SQLite file is not taken for a store: "Mort". */
export const applicationId = 0x4d6f7274

/** From this schema on, standard keys describe themselves. file.ts refuses an older database with an instance that has standard keys. */
export const selfDescribingFrom = 3

export const migrations: readonly string[] = [
  `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  INSERT INTO meta VALUES ('trust_version', 0);

  -- One row per object ever made; never deleted, so that no identifier is given twice. material is NULL once
  -- destroyed. indexed: the names and index entries of the object (JSON), so that a change finds the old ones.
  CREATE TABLE objects (
    sequence INTEGER PRIMARY KEY,
    instance_id TEXT NOT NULL,
    unique_identifier TEXT NOT NULL,
    object_type TEXT NOT NULL,
    state TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    attributes BLOB NOT NULL,
    material INTEGER,
    data_key_id TEXT,
    indexed TEXT NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX objects_identifier ON objects (instance_id, unique_identifier);
  CREATE INDEX objects_instance ON objects (instance_id);
  CREATE INDEX objects_live ON objects (instance_id) WHERE material IS NOT NULL;

  -- Sealed material. Rows are added at the end; none is deleted or changes its length, what must go is overwritten
  -- where it lies. Else SQLite would move rows between pages and leave copies of them in the pages' free space,
  -- which secure_delete does not reach.
  CREATE TABLE material (id INTEGER PRIMARY KEY, sealed BLOB NOT NULL) STRICT;
  CREATE TABLE fetched (sequence INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL) STRICT;
  CREATE TABLE object_counts (
    instance_id TEXT NOT NULL, state TEXT NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (instance_id, state)
  ) STRICT, WITHOUT ROWID;

  -- hash: see hashes.ts. Small rows: there are a dozen of them for each object.
  CREATE TABLE object_index (
    hash INTEGER NOT NULL, sequence INTEGER NOT NULL, PRIMARY KEY (hash, sequence)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE names (
    instance_id TEXT NOT NULL, name TEXT NOT NULL, sequence INTEGER NOT NULL, PRIMARY KEY (instance_id, name)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE trust (
    kind TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, mac BLOB NOT NULL, PRIMARY KEY (kind, id)
  ) STRICT;
  CREATE TABLE data_keys (
    id TEXT PRIMARY KEY, instance_id TEXT NOT NULL, root_key_uri TEXT NOT NULL, root_key_id TEXT NOT NULL,
    wrapped BLOB NOT NULL, created_ms INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX data_keys_instance ON data_keys (instance_id);
  CREATE TABLE secrets (name TEXT PRIMARY KEY, sealed BLOB NOT NULL) STRICT;
  CREATE TABLE pending (
    sha256 TEXT PRIMARY KEY, certificate BLOB NOT NULL, address TEXT NOT NULL,
    first_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL, attempts INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE seen (sha256 TEXT PRIMARY KEY, last_ms INTEGER NOT NULL, address TEXT NOT NULL) STRICT;

  -- Entry ids rise by one without gaps, and a SQLite store has one writer at a time: the entries of a writer
  -- are the ids from first_entry on. named: its number when another writer's first entry last named it.
  -- begin_number and begin_hash: up to where it was pruned; deleted: up to where the rows are gone.
  CREATE TABLE writers (
    id INTEGER PRIMARY KEY, writer TEXT NOT NULL UNIQUE, opened_ms INTEGER NOT NULL,
    first_entry INTEGER NOT NULL, number INTEGER NOT NULL, hash TEXT NOT NULL, named INTEGER NOT NULL DEFAULT 0,
    begin_number INTEGER NOT NULL DEFAULT 0, begin_hash TEXT NOT NULL DEFAULT '',
    deleted INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  -- body is what counts; instance, object and certificate are hashes of what it says, to find it by.
  CREATE TABLE audit (
    entry INTEGER PRIMARY KEY, writer INTEGER NOT NULL, number INTEGER NOT NULL, at_ms INTEGER NOT NULL,
    instance INTEGER, object INTEGER, certificate INTEGER, hash TEXT NOT NULL, body TEXT NOT NULL
  ) STRICT;
  CREATE INDEX audit_instance ON audit (instance) WHERE instance IS NOT NULL;
  CREATE INDEX audit_object ON audit (object) WHERE object IS NOT NULL;
  CREATE INDEX audit_certificate ON audit (certificate) WHERE certificate IS NOT NULL;
  -- From when to when the entries of a block (1,024 ids) are: clocks jump, so ids alone do not tell.
  CREATE TABLE audit_blocks (block INTEGER PRIMARY KEY, min_ms INTEGER NOT NULL, max_ms INTEGER NOT NULL) STRICT;
  CREATE TABLE checkpoints (number INTEGER PRIMARY KEY, body TEXT NOT NULL, signature TEXT NOT NULL) STRICT;
  `,
  '-- Made tables that the next step replaces.',
  `
  -- Standard keys at root keys' services that this server knows of, by the service's id. No secrets in it.
  DROP TABLE IF EXISTS unjournaled;
  DROP TABLE IF EXISTS standard_keys;
  CREATE TABLE standard_keys (
    id TEXT PRIMARY KEY, instance_id TEXT NOT NULL, kind TEXT NOT NULL, identifier TEXT NOT NULL,
    generation INTEGER NOT NULL, root_key_uri TEXT NOT NULL, state TEXT NOT NULL, key_version TEXT NOT NULL,
    created_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  -- Each ends in the id, by which pages are ordered; the last one is for counting.
  CREATE INDEX standard_keys_instance ON standard_keys (instance_id, kind, state);
  CREATE INDEX standard_keys_state ON standard_keys (kind, state);
  CREATE INDEX standard_keys_identifier ON standard_keys (identifier);
  CREATE INDEX standard_keys_version ON standard_keys (instance_id, kind, state, key_version);
  `,
  `
  -- When the clock takes the object on from its stored state, in seconds; NULL: never. Objects that an earlier version
  -- wrote are counted by their stored state until they change.
  ALTER TABLE objects ADD COLUMN activates_s INTEGER;
  ALTER TABLE objects ADD COLUMN deactivates_s INTEGER;
  -- How many objects take which step ('activate', 'deactivate') when: by day (unit 86400), hour and second. The steps up
  -- to a moment are those of the days before it, the hours of its day and the seconds of its hour.
  CREATE TABLE clock_steps (
    instance_id TEXT NOT NULL, unit INTEGER NOT NULL, at INTEGER NOT NULL, step TEXT NOT NULL,
    count INTEGER NOT NULL, PRIMARY KEY (instance_id, unit, at, step)
  ) STRICT, WITHOUT ROWID;
  -- What the objects of an instance take, see usage.ts. It only falls where attributes shrink: rows are not deleted.
  CREATE TABLE object_bytes (instance_id TEXT PRIMARY KEY, bytes INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  INSERT INTO object_bytes
    SELECT o.instance_id, sum(512 + octet_length(o.attributes) + octet_length(o.indexed)
      + coalesce(octet_length(m.sealed), 0))
    FROM objects o LEFT JOIN material m ON m.id = o.material GROUP BY o.instance_id;
  `,
  `
  -- When a client last connected, from where and with which certificate: a CA vouches for certificates that no row names.
  CREATE TABLE client_seen (
    client_id TEXT PRIMARY KEY, last_ms INTEGER NOT NULL, address TEXT NOT NULL, certificate TEXT NOT NULL
  ) STRICT;
  `,
  `
  -- Which machine uses which key, as a vCenter said (ports/inventory.ts). No secrets in it, and nothing decides access by it.
  CREATE TABLE inventories (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, instance_id TEXT NOT NULL, vcenter TEXT NOT NULL,
    state TEXT NOT NULL, taken_ms INTEGER NOT NULL, imported_ms INTEGER NOT NULL, rows INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX inventories_instance ON inventories (instance_id);
  CREATE TABLE inventory_rows (
    inventory INTEGER NOT NULL, key TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
    machine_id TEXT NOT NULL, disk TEXT NOT NULL, provider TEXT NOT NULL,
    PRIMARY KEY (inventory, key, kind, name, machine_id, disk, provider)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- A destroyed object that can be brought back: its material (while the column material is NULL), the state that it had, and
  -- when the material is due to be erased. The row of the material stays where it is, and data_key_id stays too.
  ALTER TABLE objects ADD COLUMN recoverable INTEGER;
  ALTER TABLE objects ADD COLUMN recoverable_state TEXT;
  ALTER TABLE objects ADD COLUMN due_ms INTEGER;
  CREATE INDEX objects_due ON objects (due_ms) WHERE due_ms IS NOT NULL;
  CREATE INDEX objects_instance_due ON objects (instance_id, due_ms) WHERE due_ms IS NOT NULL;
  CREATE TABLE recoverable_counts (instance_id TEXT PRIMARY KEY, count INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  `,
  `
  -- How many objects were adopted from the upstream of an instance because a client asked for them, and when the last one
  -- was. For people only: a backup does not carry it.
  CREATE TABLE adopted_on_demand (
    instance_id TEXT PRIMARY KEY, count INTEGER NOT NULL, last_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- Which node does which background work (ports/leases.ts). holder: NULL once it was given back; the row stays, since fences
  -- only rise. A backup does not carry it.
  CREATE TABLE leases (
    name TEXT PRIMARY KEY, holder TEXT, fence INTEGER NOT NULL, until_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- The nodes on this store, as each says itself every few seconds (ports/leases.ts). A node that stops in order removes its row.
  -- A backup does not carry it.
  CREATE TABLE node_signs (
    name TEXT PRIMARY KEY, version TEXT NOT NULL, kmip TEXT NOT NULL, started_ms INTEGER NOT NULL, seen_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- Several objects of an instance may have one name, where its settings say so.
  CREATE TABLE shareable_names (
    instance_id TEXT NOT NULL, name TEXT NOT NULL, sequence INTEGER NOT NULL, PRIMARY KEY (instance_id, name, sequence)
  ) STRICT, WITHOUT ROWID;
  INSERT INTO shareable_names SELECT instance_id, name, sequence FROM names;
  DROP TABLE names;
  ALTER TABLE shareable_names RENAME TO names;
  `,
  `
  -- A first step that was edited later called the last column knocks: columns are copied by their places.
  CREATE TABLE pending_clients (
    sha256 TEXT PRIMARY KEY, certificate BLOB NOT NULL, address TEXT NOT NULL,
    first_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL, attempts INTEGER NOT NULL
  ) STRICT;
  INSERT INTO pending_clients SELECT * FROM pending;
  DROP TABLE pending;
  ALTER TABLE pending_clients RENAME TO pending;
  `,
  `
  -- What a program must know to open this store (ports/least-version.ts).
  CREATE TABLE least_version (
    feature TEXT PRIMARY KEY, version TEXT NOT NULL, reason TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- The first versions kept no anchor: a database of theirs needs none until it has one (writer.ts).
  INSERT INTO meta SELECT 'anchor_not_kept', 1 FROM pragma_user_version WHERE user_version IN (1, 2);
  `,
  `
  -- Which identifiers are destroyed, with a MAC (ports/marks.ts): a list that only grows. Numbers have no gap.
  CREATE TABLE marks (
    number INTEGER PRIMARY KEY, instance_id TEXT NOT NULL, unique_identifier TEXT NOT NULL, due_ms INTEGER NOT NULL,
    mac BLOB NOT NULL, digest BLOB NOT NULL
  ) STRICT;
  CREATE INDEX marks_object ON marks (instance_id, unique_identifier, number);
  -- 1: the destroyed object has a mark. NULL: it has none, as where an earlier version destroyed it.
  ALTER TABLE objects ADD COLUMN marked INTEGER;
  CREATE INDEX objects_unmarked ON objects (sequence) WHERE material IS NULL AND marked IS NULL;
  `,
]
