// The statements of the store for PostgreSQL. Nearly all are those of ../sql.ts with numbered placeholders. This file has the few that
// differ, with the reason.

import { backgroundLeaseMs } from '../../../base/bounds.ts'
import { statementSql, type StatementName } from '../steps.ts'

/** PostgreSQL keeps the old version of a changed row until vacuum removes it. So these statements delete rows, not overwrite them. */
const erasures = {
  eraseMaterial: `DELETE FROM material WHERE id = ?`,
  eraseDataKeys: `DELETE FROM data_keys WHERE instance_id = ?`,
  eraseDataKey: `DELETE FROM data_keys WHERE id = ?`,
  eraseSecret: `DELETE FROM secrets WHERE name = ?`,
}

/**
 * Several nodes add entries in turns, so an entry's id does not follow from its number. If all entries were pruned, the table of blocks
 * (of 1,024 ids) still tells which ids were used, so that no id is used twice.
 */
const places = {
  lastEntry: `
    SELECT coalesce((SELECT max(entry) FROM audit), (SELECT max(block) * 1024 + 1023 FROM audit_blocks), 0) AS entry`,
  entryOfNumber: `SELECT entry, hash, body FROM audit WHERE number = ? AND writer = ?`,
  firstKeptPlace: `
    SELECT min((
      SELECT a.entry FROM audit a WHERE a.writer = w.id AND a.number > w.begin_number ORDER BY a.number LIMIT 1
    )) AS entry FROM writers w`,
  lastOld: `
    SELECT number FROM audit WHERE writer = ? AND number BETWEEN ? AND ? AND at_ms < ?
    ORDER BY number DESC LIMIT 1`,
  deleteEntries: `DELETE FROM audit WHERE writer = ? AND number BETWEEN ? AND ?`,
}

/** The index of names has hashes (schema.ts). */
const isName = `instance_id = ?1 AND hashtextextended(name, 0) = hashtextextended(?2, 0) AND name = ?2`
const names = {
  nameOwner: `SELECT sequence FROM names WHERE ${isName}`,
  removeName: `DELETE FROM names WHERE ${isName} AND sequence = ?3`,
}

/** Returns no row on a standby: commits become visible there in another order than on the primary. */
const onPrimary = {
  trustVersion: `SELECT value AS version FROM meta WHERE key = 'trust_version' AND NOT pg_is_in_recovery()`,
}

/** The time now, also when the transaction began a while ago. */
export const databaseMs = `(extract(epoch FROM clock_timestamp()) * 1000)::bigint`

/** Whether the node knows the feature `?1`: its column `knows` must belong to its present run and name the feature. */
const isKnown = `coalesce(starts_with(n.knows, n.run || ' ') AND position(' ' || ?1::text || ' ' IN n.knows) > 0, false)`
/**
 * shutOutOlder takes the name from each older node, and a node without its name writes nothing more. Programs that know no least
 * version do not open a database whose version is two above theirs (schema.ts), and the newest of them knows 5.
 */
const shutOutVersion = 7
const leastVersion = {
  olderNode: `
    SELECT s.name, s.version FROM node_signs s JOIN nodes n ON n.name = s.name
    WHERE NOT ${isKnown} AND abs(${databaseMs} - s.seen_ms) <= ${backgroundLeaseMs} ORDER BY s.name LIMIT 1`,
  shutOutOlder: `
    WITH older AS (UPDATE mortise_schema SET version = ${shutOutVersion} WHERE version < ${shutOutVersion})
    UPDATE nodes n SET run = '' WHERE NOT ${isKnown}`,
}

const differing: Partial<Record<StatementName, string>> = {
  ...erasures,
  ...places,
  ...names,
  ...onPrimary,
  ...leastVersion,
}

/** The column with the id of a new row. SQLite returns this id by itself. */
const newIds: Partial<Record<StatementName, string>> = {
  addObject: 'sequence',
  addMaterial: 'id',
  addWriter: 'id',
  loadWriter: 'id',
}

export const postgresSql: Readonly<Record<StatementName, string>> = Object.fromEntries(
  Object.entries(statementSql).map(([name, sql]) => {
    const statement = name as StatementName
    const id = newIds[statement]
    return [name, numbered(differing[statement] ?? sql) + (id === undefined ? '' : ` RETURNING ${id} AS id`)]
  }),
) as Record<StatementName, string>

/** The statement with the id of the new row as its last value. */
export function postgresSqlWithId(statement: StatementName): string {
  const sql = withIds.get(statement) ?? withId(statement)
  withIds.set(statement, sql)
  return sql
}

const withIds = new Map<StatementName, string>()

function withId(statement: StatementName): string {
  const [insert = '', columns = '', , values = ''] = statementSql[statement].split(/[()]/)
  return numbered(`${insert}(${columns}, ${newIds[statement]}) VALUES (${values}, ?)`)
}

/** Reserves ids for new rows of two tables, in ascending order. Returns none if the role may not use the tables' sequences. */
export const reserveIds = `
  WITH s AS (SELECT pg_get_serial_sequence('objects', 'sequence') AS objects, pg_get_serial_sequence('material', 'id') AS material)
  SELECT nextval(s.objects) AS "addObject", nextval(s.material) AS "addMaterial" FROM s, generate_series(1, $1)
  WHERE has_sequence_privilege(s.objects, 'USAGE') AND has_sequence_privilege(s.material, 'USAGE')`

/** `?` and `?1` become `$1`. CROSS JOIN with a condition fixes the order of a join in SQLite; PostgreSQL chooses the order itself. */
function numbered(sql: string): string {
  let count = 0
  return sql
    .replaceAll(/\?(\d*)/g, (_, digits: string) => `$${digits === '' ? ++count : digits}`)
    .replaceAll('CROSS JOIN', 'JOIN')
    .replaceAll(`CAST(unixepoch('subsec') * 1000 AS INTEGER)`, databaseMs)
}
