// The statements that read a whole store. Placeholders are `?` in order.

import {
  inventoryColumns,
  inventoryRowColumns,
  objectColumns,
  objectJoins,
  readSql,
  standardKeyColumns,
} from '../sql.ts'

export const dumpSql = {
  trustVersion: readSql.trustVersion,
  features: readSql.features,
  secrets: readSql.secrets,
  pending: readSql.pending,
  recoveryTime: readSql.recoveryTime,
  entryTotal: `SELECT coalesce(sum(number - begin_number), 0) AS count FROM writers`,
  objectTotals: `SELECT instance_id AS "instanceId", sum(count) AS count FROM object_counts GROUP BY instance_id`,
  trustRows: `SELECT kind, id, body, mac FROM trust ORDER BY kind, id`,
  allDataKeys: `
    SELECT id, instance_id AS "instanceId", root_key_uri AS "rootKeyUri", root_key_id AS "rootKeyId", wrapped,
      created_ms AS "createdMs"
    FROM data_keys ORDER BY created_ms, id`,
  standardKeysAfter: `SELECT ${standardKeyColumns} FROM standard_keys WHERE id > ? ORDER BY id LIMIT ?`,
  seenAfter: `SELECT sha256, last_ms AS "lastMs", address FROM seen WHERE sha256 > ? ORDER BY sha256 LIMIT ?`,
  clientsSeenAfter: `
    SELECT client_id AS "clientId", last_ms AS "lastMs", address, certificate FROM client_seen
    WHERE client_id > ? ORDER BY client_id LIMIT ?`,
  currentInventories: `SELECT number, ${inventoryColumns} FROM inventories WHERE state = 'current' ORDER BY number`,
  dumpedInventoryRows: `
    SELECT ${inventoryRowColumns} FROM inventory_rows r
    WHERE r.inventory = ? AND (r.key, r.kind, r.name, r.machine_id, r.disk, r.provider) > (?, ?, ?, ?, ?, ?)
    ORDER BY r.key, r.kind, r.name, r.machine_id, r.disk, r.provider LIMIT ?`,
  checkpointsAfter: `SELECT number, body, signature FROM checkpoints WHERE number > ? ORDER BY number LIMIT ?`,
  allWriters: `
    SELECT id, writer, opened_ms AS "openedMs", number, hash, named,
      begin_number AS "beginNumber", begin_hash AS "beginHash"
    FROM writers ORDER BY id`,
  entriesBetween: `SELECT number, body, hash FROM audit WHERE entry BETWEEN ? AND ? AND writer = ? ORDER BY entry`,
  objectsAfter: `
    SELECT ${objectColumns}, o.indexed, o.activates_s AS activates, o.deactivates_s AS deactivates
    FROM objects o ${objectJoins} WHERE o.sequence > ? ORDER BY o.sequence LIMIT ?`,
} as const
