// Every statement of the store, once, in SQL that both SQLite and PostgreSQL understand. The few that differ for PostgreSQL are
// in postgres/sql.ts. Placeholders are `?` in order. What only SQLite has (PRAGMA, savepoints, checkpoints of the WAL) is in
// sqlite/file.ts and sqlite/group.ts.

import { isLastMark, lastMarkColumns } from './sql-marks.ts'

export const objectColumns = `
  o.sequence, o.instance_id AS "instanceId", o.unique_identifier AS "uniqueIdentifier", o.object_type AS "objectType",
  o.state, o.version, o.created_ms AS "createdMs", o.attributes, m.sealed, o.data_key_id AS "dataKeyId",
  f.at_ms AS "lastFetchedMs", o.recoverable_state AS "recoverableState", o.due_ms AS "dueMs"`
/** Joins the material of the live object, or the recoverable material. */
export const objectJoins = `
  LEFT JOIN material m ON m.id = coalesce(o.material, o.recoverable) LEFT JOIN fetched f ON f.sequence = o.sequence`

export const standardKeyColumns = `
  id, instance_id AS "instanceId", kind, identifier, generation, root_key_uri AS "rootKeyUri", state,
  key_version AS "keyVersion", created_ms AS "createdMs"`

export const inventoryColumns = `
  id, instance_id AS "instanceId", vcenter, state, taken_ms AS "takenMs", imported_ms AS "importedMs", rows`
export const inventoryRowColumns = `r.key, r.kind, r.name, r.machine_id AS "machineId", r.disk, r.provider`

const leaseColumns = `
  name, holder, fence, until_ms AS "untilMs", CAST(unixepoch('subsec') * 1000 AS INTEGER) AS "nowMs"`

/** The indexes of standard keys. A search over several of these sets is one statement, so that it sees one moment. */
export const standardKeySets = (['object', 'marker'] as const).flatMap((kind) =>
  (['current', 'due', 'unwanted'] as const).map((state) => ({ kind, state })),
)

export const readSql = {
  trustVersion: `SELECT value AS version FROM meta WHERE key = 'trust_version'`,
  metaNumber: `SELECT value FROM meta WHERE key = ?`,
  features: `SELECT feature AS name, version, reason FROM least_version ORDER BY feature`,
  clockNow: `SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER) AS "nowMs"`,
  lease: `SELECT ${leaseColumns} FROM leases WHERE name = ?`,
  nodeSigns: `
    SELECT name, version, kmip, started_ms AS "startedMs", seen_ms AS "seenMs", CAST(unixepoch('subsec') * 1000 AS INTEGER) AS "nowMs" FROM node_signs ORDER BY name`,
  leases: `SELECT ${leaseColumns} FROM leases ORDER BY name`,
  trust: `
    SELECT m.value AS version, t.kind, t.id, t.body, t.mac
    FROM meta m LEFT JOIN trust t ON true WHERE m.key = 'trust_version' ORDER BY t.kind, t.id`,

  /**
   * Also reads the newest mark of the identifier: the signed record that its object was destroyed or brought back. The statements for
   * lists leave the mark out, since it costs a third of the read.
   */
  object: `
    SELECT ${objectColumns}, ${lastMarkColumns} FROM objects o ${objectJoins} LEFT JOIN marks k ON ${isLastMark}
    WHERE o.instance_id = ?1 AND o.unique_identifier = ?2`,
  objects: `
    SELECT ${objectColumns} FROM objects o ${objectJoins}
    WHERE o.instance_id = ? AND o.material IS NOT NULL AND o.sequence < ? ORDER BY o.sequence DESC LIMIT ?`,
  objectsWithDestroyed: `
    SELECT ${objectColumns} FROM objects o ${objectJoins}
    WHERE o.instance_id = ? AND o.sequence < ? ORDER BY o.sequence DESC LIMIT ?`,
  objectsByHash: `
    SELECT ${objectColumns} FROM object_index i CROSS JOIN objects o ON o.sequence = i.sequence ${objectJoins}
    WHERE i.hash = ? AND i.sequence < ? ORDER BY i.sequence DESC LIMIT ?`,
  /** The number of objects with the hash, counted up to a limit. */
  countByHash: `SELECT count(*) AS count FROM (SELECT 1 FROM object_index WHERE hash = ? LIMIT ?) AS found`,
  /**
   * The numbers of objects by stored state, and of the clock's steps (state-counts.ts): those of the days before today, of the hours
   * of today before this one, and of the seconds of this hour up to now. It is one statement, so that it sees one moment.
   */
  objectCounts: `
    SELECT state AS name, count FROM object_counts WHERE instance_id = ?
    UNION ALL ${stepsBetween(86_400)} UNION ALL ${stepsBetween(3_600)} UNION ALL ${stepsBetween(1)}`,
  usage: `
    SELECT
      (SELECT coalesce(sum(count), 0) FROM object_counts
        WHERE instance_id = ? AND state NOT IN ('Destroyed', 'DestroyedCompromised'))
      + (SELECT coalesce(sum(count), 0) FROM recoverable_counts WHERE instance_id = ?) AS objects,
      (SELECT coalesce(sum(bytes), 0) FROM object_bytes WHERE instance_id = ?) AS bytes`,
  adoptedOnDemand: `SELECT count, last_ms AS "lastMs" FROM adopted_on_demand WHERE instance_id = ?`,

  recoverableCount: `
    SELECT (SELECT coalesce(sum(count), 0) FROM recoverable_counts WHERE instance_id = ?) AS count,
      (SELECT min(due_ms) FROM objects WHERE instance_id = ? AND due_ms IS NOT NULL) AS "firstDueMs",
      (SELECT max(due_ms) FROM objects WHERE instance_id = ? AND due_ms IS NOT NULL) AS "lastDueMs"`,
  dueObjects: `
    SELECT instance_id AS "instanceId", unique_identifier AS "uniqueIdentifier", version FROM objects
    WHERE due_ms IS NOT NULL AND due_ms <= ? ORDER BY due_ms LIMIT ?`,
  recoveryTime: `
    SELECT m.value AS ms, a.value AS "atMs" FROM meta m JOIN meta a ON a.key = 'recovery_at_ms'
    WHERE m.key = 'recovery_ms'`,

  dataKeys: `
    SELECT id, instance_id AS "instanceId", root_key_uri AS "rootKeyUri", root_key_id AS "rootKeyId", wrapped,
      created_ms AS "createdMs"
    FROM data_keys WHERE instance_id = ? ORDER BY created_ms, id`,
  /** Values: for each of standardKeySets the instance, whether that set is wanted, and the id to start after; then the limit. */
  standardKeysOfInstance: standardKeys('instance_id = ? AND'),
  /** Like standardKeysOfInstance, without the instance. */
  standardKeys: standardKeys(''),
  standardKeysByIdentifier: `
    SELECT ${standardKeyColumns} FROM standard_keys
    WHERE identifier = ? AND instance_id = coalesce(?, instance_id) AND kind = coalesce(?, kind)
      AND state = coalesce(?, state) AND id > ? ORDER BY id LIMIT ?`,
  standardKeyVersions: `
    SELECT key_version AS version, count(*) AS count FROM standard_keys
    WHERE instance_id = ? AND kind = 'object' AND state IN ('current', 'due') GROUP BY key_version`,
  secrets: `SELECT name, sealed FROM secrets ORDER BY name`,
  pending: `
    SELECT sha256, certificate, address, first_ms AS "firstMs", last_ms AS "lastMs", attempts
    FROM pending ORDER BY first_ms, sha256`,
  clientSeen: `
    SELECT client_id AS "clientId", last_ms AS "lastMs", address, certificate FROM client_seen WHERE client_id = ?`,
  seen: `SELECT sha256, last_ms AS "lastMs", address FROM seen WHERE sha256 = ?`,

  inventories: `SELECT ${inventoryColumns} FROM inventories ORDER BY number`,
  inventoriesOfInstance: `
    SELECT ${inventoryColumns} FROM inventories WHERE instance_id = ? ORDER BY number`,
  inventoryRows: `
    SELECT ${inventoryRowColumns}, o.state AS "keyState"
    FROM inventories i CROSS JOIN inventory_rows r ON r.inventory = i.number
    LEFT JOIN objects o ON o.instance_id = i.instance_id AND o.unique_identifier = r.key
    WHERE i.id = ? AND (r.key, r.kind, r.name, r.machine_id, r.disk, r.provider) > (?, ?, ?, ?, ?, ?)
    ORDER BY r.key, r.kind, r.name, r.machine_id, r.disk, r.provider LIMIT ?`,
  machinesOfKey: `
    SELECT count(*) AS count FROM (SELECT DISTINCT r.kind, r.name, r.machine_id
      FROM inventories i CROSS JOIN inventory_rows r ON r.inventory = i.number WHERE i.id = ? AND r.key = ?) AS found`,
  firstMachinesOfKey: `
    SELECT DISTINCT r.kind, r.name, r.machine_id
    FROM inventories i CROSS JOIN inventory_rows r ON r.inventory = i.number
    WHERE i.id = ? AND r.key = ? ORDER BY r.kind, r.name, r.machine_id LIMIT ?`,

  writers: `
    SELECT writer, number, hash, begin_number AS "beginNumber", begin_hash AS "beginHash" FROM writers ORDER BY id`,
  checkpoints: `SELECT number, body, signature FROM checkpoints ORDER BY number DESC LIMIT ?`,
  blockBefore: `
    SELECT block FROM audit_blocks WHERE block <= ? AND max_ms >= ? AND min_ms <= ?
    ORDER BY block DESC LIMIT 1`,
  blockAfter: `
    SELECT block FROM audit_blocks WHERE block >= ? AND max_ms >= ? AND min_ms <= ? ORDER BY block LIMIT 1`,
  firstKeptPlace: `
    SELECT min((
      SELECT min(a.entry) FROM audit a
      WHERE a.entry BETWEEN w.first_entry + w.begin_number AND w.first_entry + w.number - 1
    )) AS entry FROM writers w`,
  newestAuditTime: `SELECT max(max_ms) AS "newestMs" FROM audit_blocks`,
  /** The columns that index entries. The hashes exceed the exact range of a number. */
  auditFiling: `
    SELECT a.entry, w.writer, a.number, a.body, a.at_ms AS "atMs", b.min_ms AS "minMs", b.max_ms AS "maxMs",
      CAST(a.instance AS TEXT) AS instance, CAST(a.object AS TEXT) AS object,
      CAST(a.certificate AS TEXT) AS certificate
    FROM audit a CROSS JOIN writers w ON w.id = a.writer AND a.number > w.begin_number
    LEFT JOIN audit_blocks b ON b.block = a.entry / 1024
    WHERE a.entry > ? ORDER BY a.entry LIMIT ?`,
  auditNewest: audit('true', 'DESC'),
  auditOldest: audit('true', 'ASC'),
  instanceNewest: audit('a.instance = ?', 'DESC'),
  instanceOldest: audit('a.instance = ?', 'ASC'),
  objectNewest: audit('a.object = ?', 'DESC'),
  objectOldest: audit('a.object = ?', 'ASC'),
  certificateNewest: audit('a.certificate = ?', 'DESC'),
  certificateOldest: audit('a.certificate = ?', 'ASC'),
} as const

function stepsBetween(unit: number): string {
  return `
    SELECT step, sum(count) FROM clock_steps
    WHERE instance_id = ? AND unit = ${unit} AND at >= ? AND at < ? GROUP BY step`
}

function standardKeys(where: string): string {
  const sets = standardKeySets.map(
    ({ kind, state }) => `
    SELECT ${standardKeyColumns} FROM standard_keys
    WHERE ${where} kind = '${kind}' AND state = '${state}' AND ? = 1 AND id > ?`,
  )
  return `${sets.join(' UNION ALL ')} ORDER BY id LIMIT ?`
}

/** Entries between two ids (inclusive) and two times, except pruned ones. */
function audit(condition: string, direction: 'ASC' | 'DESC'): string {
  return `
    SELECT a.entry, w.writer, a.number, a.body, a.hash
    FROM audit a CROSS JOIN writers w ON w.id = a.writer AND a.number > w.begin_number
    WHERE ${condition} AND a.entry BETWEEN ? AND ? AND a.at_ms BETWEEN ? AND ?
    ORDER BY a.entry ${direction} LIMIT ?`
}

export const writeSql = {
  trustVersion: readSql.trustVersion,
  /** Raises the version to the value, unless it is higher already. */
  liftTrustVersion: `
    INSERT INTO meta (key, value) VALUES ('trust_version', ?)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value WHERE meta.value < excluded.value`,
  raiseTrustVersion: `UPDATE meta SET value = value + 1 WHERE key = 'trust_version'`,
  accessMoved: `
    INSERT INTO meta (key, value) VALUES (?, ?)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value WHERE meta.value < excluded.value`,
  putTrust: `
    INSERT INTO trust (kind, id, body, mac) VALUES (?, ?, ?, ?)
    ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body, mac = excluded.mac`,
  removeTrust: `DELETE FROM trust WHERE kind = ? AND id = ?`,

  addObject: `
    INSERT INTO objects (instance_id, unique_identifier, object_type, state, version, created_ms, attributes,
      material, data_key_id, indexed, recoverable, recoverable_state, due_ms, activates_s, deactivates_s, marked)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  changeObject: `
    UPDATE objects SET object_type = ?, state = ?, version = ?, created_ms = ?, attributes = ?, material = ?,
      data_key_id = ?, indexed = ?, recoverable = ?, recoverable_state = ?, due_ms = ?, activates_s = ?,
      deactivates_s = ?, marked = ?
    WHERE sequence = ?`,
  material: `SELECT sealed FROM material WHERE id = ?`,
  addMaterial: `INSERT INTO material (sealed) VALUES (?)`,
  /** The new content has the length of the old one. */
  overwriteMaterial: `UPDATE material SET sealed = ? WHERE id = ?`,
  eraseMaterial: `UPDATE material SET sealed = zeroblob(length(sealed)) WHERE id = ?`,
  countRecoverable: `
    INSERT INTO recoverable_counts (instance_id, count) VALUES (?, ?)
    ON CONFLICT (instance_id) DO UPDATE SET count = recoverable_counts.count + excluded.count`,
  removeRecoverable: `
    UPDATE objects SET recoverable = NULL, recoverable_state = NULL, due_ms = NULL, data_key_id = NULL
    WHERE sequence = ?`,
  recoverableOfInstance: `
    SELECT sequence, recoverable, unique_identifier AS "uniqueIdentifier" FROM objects WHERE instance_id = ? AND due_ms IS NOT NULL`,
  nameFeature: `INSERT INTO least_version (feature, version, reason) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`,
  /**
   * With SQLite no older node can run: only one process opens the database. A program that does not know the table least_version
   * refuses the database by the number of its schema.
   */
  olderNode: `SELECT feature AS name, version FROM least_version WHERE feature = ? AND false`,
  shutOutOlder: `SELECT 1 WHERE ? IS NULL`,
  putMeta: `INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value`,
  removeMeta: `DELETE FROM meta WHERE key = ?`,
  putLease: `
    INSERT INTO leases (name, holder, fence, until_ms) VALUES (?, ?, ?, ?) ON CONFLICT (name)
    DO UPDATE SET holder = excluded.holder, fence = excluded.fence, until_ms = excluded.until_ms`,
  renewLease: `UPDATE leases SET until_ms = ? WHERE name = ?`,
  putNodeSign: `
    INSERT INTO node_signs (name, version, kmip, started_ms, seen_ms) VALUES (?, ?, ?, ?, ?) ON CONFLICT (name)
    DO UPDATE SET version = excluded.version, kmip = excluded.kmip, started_ms = excluded.started_ms, seen_ms = excluded.seen_ms`,
  removeNodeSign: `DELETE FROM node_signs WHERE name = ?`,
  returnLease: `UPDATE leases SET holder = NULL WHERE name = ?`,
  addIndex: `INSERT INTO object_index (hash, sequence) VALUES (?, ?) ON CONFLICT DO NOTHING`,
  removeIndex: `DELETE FROM object_index WHERE hash = ? AND sequence = ?`,
  nameOwner: `SELECT sequence FROM names WHERE instance_id = ? AND name = ?`,
  sharedName: `SELECT name FROM names WHERE instance_id = ? GROUP BY name HAVING count(*) > 1 LIMIT 1`,
  addName: `INSERT INTO names (instance_id, name, sequence) VALUES (?, ?, ?)`,
  removeName: `DELETE FROM names WHERE instance_id = ? AND name = ? AND sequence = ?`,
  count: `
    INSERT INTO object_counts (instance_id, state, count) VALUES (?, ?, ?)
    ON CONFLICT (instance_id, state) DO UPDATE SET count = object_counts.count + excluded.count`,
  adoptOnDemand: `
    INSERT INTO adopted_on_demand (instance_id, count, last_ms) VALUES (?, 1, ?)
    ON CONFLICT (instance_id) DO UPDATE SET count = adopted_on_demand.count + 1, last_ms = excluded.last_ms`,
  countStep: `
    INSERT INTO clock_steps (instance_id, unit, at, step, count) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (instance_id, unit, at, step) DO UPDATE SET count = clock_steps.count + excluded.count`,
  forgetStep: `
    DELETE FROM clock_steps WHERE instance_id = ? AND unit = ? AND at = ? AND step = ? AND count = 0`,
  fetched: `
    INSERT INTO fetched (sequence, at_ms) SELECT sequence, ? FROM objects
    WHERE instance_id = ? AND unique_identifier = ?
    ON CONFLICT (sequence) DO UPDATE SET at_ms = excluded.at_ms WHERE fetched.at_ms < excluded.at_ms`,

  eraseDataKeys: `UPDATE data_keys SET wrapped = zeroblob(length(wrapped)) WHERE instance_id = ?`,
  removeDataKeys: `DELETE FROM data_keys WHERE instance_id = ?`,
  dataKey: `SELECT wrapped FROM data_keys WHERE id = ?`,
  eraseDataKey: `UPDATE data_keys SET wrapped = zeroblob(length(wrapped)) WHERE id = ?`,
  removeDataKey: `DELETE FROM data_keys WHERE id = ?`,
  usage: readSql.usage,
  addBytes: `
    INSERT INTO object_bytes (instance_id, bytes) VALUES (?, ?)
    ON CONFLICT (instance_id) DO UPDATE SET bytes = object_bytes.bytes + excluded.bytes`,
  putDataKey: `
    INSERT INTO data_keys (id, instance_id, root_key_uri, root_key_id, wrapped, created_ms)
    VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET instance_id = excluded.instance_id, root_key_uri = excluded.root_key_uri,
      root_key_id = excluded.root_key_id, wrapped = excluded.wrapped, created_ms = excluded.created_ms`,
  putStandardKey: `
    INSERT INTO standard_keys (id, instance_id, kind, identifier, generation, root_key_uri, state, key_version,
      created_ms)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET instance_id = excluded.instance_id, kind = excluded.kind,
      identifier = excluded.identifier, generation = excluded.generation, root_key_uri = excluded.root_key_uri,
      state = excluded.state, key_version = excluded.key_version, created_ms = excluded.created_ms`,
  setStandardKeyState: `UPDATE standard_keys SET state = ? WHERE id = ?`,
  removeStandardKey: `DELETE FROM standard_keys WHERE id = ?`,
  standardKeysUnwanted: `
    UPDATE standard_keys SET state = 'unwanted'
    WHERE instance_id = ? AND kind = 'object' AND state <> 'unwanted'`,
  standardKeysOfOneUnwanted: `
    UPDATE standard_keys SET state = 'unwanted'
    WHERE instance_id = ? AND identifier = ? AND kind = 'object' AND state <> 'unwanted'`,
  forgetStandardKeys: `
    DELETE FROM standard_keys
    WHERE instance_id = ? AND root_key_uri = ? AND (kind = 'marker' OR state = 'unwanted')`,
  putSecret: `
    INSERT INTO secrets (name, sealed) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET sealed = excluded.sealed`,
  secret: `SELECT sealed FROM secrets WHERE name = ?`,
  addSecret: `INSERT INTO secrets (name, sealed) VALUES (?, ?) ON CONFLICT (name) DO NOTHING`,
  eraseSecret: `UPDATE secrets SET sealed = zeroblob(length(sealed)) WHERE name = ?`,
  removeSecret: `DELETE FROM secrets WHERE name = ?`,
  removePending: `DELETE FROM pending WHERE sha256 = ?`,
  putPending: `
    INSERT INTO pending (sha256, certificate, address, first_ms, last_ms, attempts) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (sha256) DO UPDATE SET certificate = excluded.certificate, address = excluded.address,
      first_ms = excluded.first_ms, last_ms = excluded.last_ms, attempts = excluded.attempts
    WHERE pending.last_ms <> excluded.last_ms OR pending.attempts <> excluded.attempts
      OR pending.address <> excluded.address`,
  putSeen: `
    INSERT INTO seen (sha256, last_ms, address) VALUES (?, ?, ?)
    ON CONFLICT (sha256) DO UPDATE SET last_ms = excluded.last_ms, address = excluded.address
    WHERE seen.last_ms <= excluded.last_ms`,
  putClientSeen: `
    INSERT INTO client_seen (client_id, last_ms, address, certificate) VALUES (?, ?, ?, ?)
    ON CONFLICT (client_id) DO UPDATE SET last_ms = excluded.last_ms, address = excluded.address,
      certificate = excluded.certificate
    WHERE client_seen.last_ms <= excluded.last_ms`,

  addInventory: `
    INSERT INTO inventories (id, instance_id, vcenter, state, taken_ms, imported_ms, rows)
    VALUES (?, ?, ?, ?, ?, ?, ?)`,
  inventory: `SELECT number, instance_id AS "instanceId", vcenter, state, rows FROM inventories WHERE id = ?`,
  addInventoryRow: `
    INSERT INTO inventory_rows (inventory, key, kind, name, machine_id, disk, provider)
    VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
  setInventoryRows: `UPDATE inventories SET rows = ? WHERE number = ?`,
  replaceInventory: `
    UPDATE inventories SET state = 'gone' WHERE instance_id = ? AND vcenter = ? AND state = 'current'`,
  inventoryIsCurrent: `UPDATE inventories SET state = 'current', imported_ms = ? WHERE number = ?`,
  inventoryGone: `UPDATE inventories SET state = 'gone' WHERE id = ?`,
  inventoriesGone: `UPDATE inventories SET state = 'gone' WHERE instance_id = ?`,
  /** The table has no rowids, so rows are selected by their keys. */
  clearInventoryRows: `
    DELETE FROM inventory_rows WHERE inventory = ?1
      AND (key, kind, name, machine_id, disk, provider) IN (
        SELECT key, kind, name, machine_id, disk, provider FROM inventory_rows WHERE inventory = ?1 LIMIT ?2)`,
  removeInventory: `DELETE FROM inventories WHERE number = ?`,

  lastEntry: `SELECT coalesce(max(first_entry + number - 1), 0) AS entry FROM writers`,
  unnamedWriters: `SELECT id, writer, number, hash FROM writers WHERE number > named ORDER BY id`,
  nameWriter: `UPDATE writers SET named = number WHERE id = ?`,
  addWriter: `
    INSERT INTO writers (writer, opened_ms, first_entry, number, hash) VALUES (?, ?, ?, 0, '')`,
  /** Adds the row of a writer from a dump. */
  loadWriter: `
    INSERT INTO writers (writer, opened_ms, first_entry, number, hash, named, begin_number, begin_hash, deleted)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  putHead: `UPDATE writers SET number = ?, hash = ? WHERE id = ?`,
  addEntry: `
    INSERT INTO audit (entry, writer, number, at_ms, instance, object, certificate, hash, body)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  putBlock: `
    INSERT INTO audit_blocks (block, min_ms, max_ms) VALUES (?, ?, ?)
    ON CONFLICT (block) DO UPDATE SET
      min_ms = CASE WHEN excluded.min_ms < audit_blocks.min_ms THEN excluded.min_ms ELSE audit_blocks.min_ms END,
      max_ms = CASE WHEN excluded.max_ms > audit_blocks.max_ms THEN excluded.max_ms ELSE audit_blocks.max_ms END`,
  /** The facts that the anchor names. */
  position: `
    SELECT (SELECT value FROM meta WHERE key = 'trust_version') AS "trustVersion", c.number, c.body,
      k.number AS "markNumber", k.digest AS "markDigest"
    FROM (SELECT (SELECT max(number) FROM checkpoints) AS last, (SELECT max(number) FROM marks) AS mark) AS found
    LEFT JOIN checkpoints c ON c.number = found.last LEFT JOIN marks k ON k.number = found.mark`,
  lastCheckpoint: `SELECT coalesce(max(number), 0) AS number FROM checkpoints`,
  addCheckpoint: `INSERT INTO checkpoints (number, body, signature) VALUES (?, ?, ?)`,

  /** Once a server has served with a store, the store has at least one of these. Its secrets do not count. */
  used: `
    SELECT CASE WHEN EXISTS (SELECT 1 FROM meta WHERE key = 'trust_version' AND value > 0)
      OR EXISTS (SELECT 1 FROM writers) OR EXISTS (SELECT 1 FROM trust) OR EXISTS (SELECT 1 FROM checkpoints)
      OR EXISTS (SELECT 1 FROM objects) OR EXISTS (SELECT 1 FROM data_keys) THEN 1 ELSE 0 END AS used`,
  checkpointBody: `SELECT body FROM checkpoints WHERE number = ?`,

  writerRow: `
    SELECT id, number, begin_number AS "beginNumber", begin_hash AS "beginHash"
    FROM writers WHERE writer = ?`,
  blockAfter: readSql.blockAfter,
  /** Values: an entry's number, and its writer's id. In SQLite a writer's entries have consecutive ids from its first one on. */
  entryOfNumber: `
    SELECT a.entry, a.hash, a.body FROM writers w CROSS JOIN audit a ON a.entry = w.first_entry + ? - 1 WHERE w.id = ?`,
  /** `+ 0` makes PostgreSQL read the entries of one block instead of all entries of the writer. */
  firstKept: `
    SELECT number FROM audit WHERE writer + 0 = ? AND entry BETWEEN ? AND ? AND at_ms BETWEEN ? AND ?
    ORDER BY entry LIMIT 1`,
  lastOld: `
    SELECT a.number FROM writers w
    CROSS JOIN audit a ON a.entry BETWEEN w.first_entry + ?2 - 1 AND w.first_entry + ?3 - 1
    WHERE w.id = ?1 AND a.at_ms < ?4 ORDER BY a.entry DESC LIMIT 1`,
  setBeginning: `UPDATE writers SET begin_number = ?, begin_hash = ? WHERE writer = ?`,
  prunedWriter: `
    SELECT id, begin_number AS "beginNumber", deleted FROM writers
    WHERE deleted < begin_number ORDER BY id LIMIT 1`,
  deleteEntries: `
    DELETE FROM audit WHERE writer = ?1
      AND entry BETWEEN (SELECT first_entry + ?2 - 1 FROM writers WHERE id = ?1)
        AND (SELECT first_entry + ?3 - 1 FROM writers WHERE id = ?1)`,
  setDeleted: `UPDATE writers SET deleted = ? WHERE id = ?`,
  deleteBlocks: `
    DELETE FROM audit_blocks WHERE block < (SELECT coalesce(min(entry), 0) / 1024 FROM audit)`,
} as const
