// The statements of the store in PostgreSQL's words. Nearly all are those of ../sql.ts with numbered placeholders; here are
// the few that differ, with the reason.

import { backgroundLeaseMs } from '../../../base/bounds.ts'
import { statementSql, type StatementName } from '../steps.ts'

/** PostgreSQL keeps old rows until vacuum removes them, so there is no sense in overwriting what is deleted. */
const erasures = {
  eraseMaterial: `DELETE FROM material WHERE id = ?`,
  eraseDataKeys: `DELETE FROM data_keys WHERE instance_id = ?`,
  eraseDataKey: `DELETE FROM data_keys WHERE id = ?`,
  eraseSecret: `DELETE FROM secrets WHERE name = ?`,
}

/**
 * Several writers enter in turns, so an entry's place does not follow from its number. Where all entries were pruned, blocks of 1024
 * places tell which ones were used: no place is given twice.
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

/** Names are found by a hash, see schema.ts. */
const isName = `instance_id = ?1 AND hashtextextended(name, 0) = hashtextextended(?2, 0) AND name = ?2`
const names = {
  nameOwner: `SELECT sequence FROM names WHERE ${isName}`,
  removeName: `DELETE FROM names WHERE ${isName} AND sequence = ?3`,
}

/** A standby answers no such read: commits become visible there in another order than on the primary. */
const onPrimary = {
  trustVersion: `SELECT value AS version FROM meta WHERE key = 'trust_version' AND NOT pg_is_in_recovery()`,
}

/** The time now, also when the transaction began a while ago. */
export const databaseMs = `(extract(epoch FROM clock_timestamp()) * 1000)::bigint`

/** `?1`: a feature that a node knows if its program says so of this run. */
const isKnown = `coalesce(starts_with(n.knows, n.run || ' ') AND position(' ' || ?1::text || ' ' IN n.knows) > 0, false)`
/**
 * A node that lost its name writes nothing more. Programs that know no least version open no database whose version is two above
 * theirs (schema.ts), and the newest of them knows 5.
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

/** The column whose value SQLite gives by itself. */
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

/** Takes a number of ids for each of two tables, in the order of their rows; none where the role may not use their sequences. */
export const reserveIds = `
  WITH s AS (SELECT pg_get_serial_sequence('objects', 'sequence') AS objects, pg_get_serial_sequence('material', 'id') AS material)
  SELECT nextval(s.objects) AS "addObject", nextval(s.material) AS "addMaterial" FROM s, generate_series(1, $1)
  WHERE has_sequence_privilege(s.objects, 'USAGE') AND has_sequence_privilege(s.material, 'USAGE')`

/** `?` and `?1` become `$1`; CROSS JOIN with a condition is SQLite's way to fix an order, which PostgreSQL finds itself. */
function numbered(sql: string): string {
  let count = 0
  return sql
    .replaceAll(/\?(\d*)/g, (_, digits: string) => `$${digits === '' ? ++count : digits}`)
    .replaceAll('CROSS JOIN', 'JOIN')
    .replaceAll(`CAST(unixepoch('subsec') * 1000 AS INTEGER)`, databaseMs)
}
