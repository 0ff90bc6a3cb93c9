// The statements of marks (core/ports/marks.ts). Placeholders are `?` in order.

const markColumns = `
  k.number, k.instance_id AS "instanceId", k.unique_identifier AS "uniqueIdentifier", k.due_ms AS "dueMs", k.mac, k.digest`

export const lastMarkColumns = `k.number AS "markNumber", k.due_ms AS "markDueMs", k.mac AS "markMac"`
/** Selects as `k` the last mark of an identifier. */
export const isLastMark = `k.number = (SELECT max(l.number) FROM marks l WHERE l.instance_id = ?1 AND l.unique_identifier = ?2)`

export const markSql = {
  lastMark: `SELECT number, digest FROM marks ORDER BY number DESC LIMIT 1`,
  mark: `SELECT ${markColumns} FROM marks k WHERE ${isLastMark}`,
  /** The marks, as a dump has them. */
  marksFrom: `SELECT ${markColumns} FROM marks k WHERE k.number > ? ORDER BY k.number LIMIT ?`,
  /** Each mark, compared with the rows of its object in one statement, so that both show the same moment. */
  marksAfter: `
    SELECT ${markColumns},
      CASE WHEN k.due_ms >= 0 AND (o.material IS NOT NULL OR coalesce(o.due_ms, 0) > k.due_ms) AND NOT EXISTS (
        SELECT 1 FROM marks l WHERE l.instance_id = k.instance_id AND l.unique_identifier = k.unique_identifier
          AND l.number > k.number
      ) THEN 1 ELSE 0 END AS "isPutBack"
    FROM marks k
    LEFT JOIN objects o ON o.instance_id = k.instance_id AND o.unique_identifier = k.unique_identifier
    WHERE k.number > ? ORDER BY k.number LIMIT ?`,
  unmarked: `
    SELECT sequence, instance_id AS "instanceId", unique_identifier AS "uniqueIdentifier" FROM objects
    WHERE material IS NULL AND marked IS NULL AND sequence > ? ORDER BY sequence LIMIT ?`,
  addMark: `
    INSERT INTO marks (number, instance_id, unique_identifier, due_ms, mac, digest) VALUES (?, ?, ?, ?, ?, ?)`,
  /** Notes (1) that the last mark of a destroyed object says so. An index finds destroyed objects without this note. */
  noteMark: `
    UPDATE objects SET marked = ? WHERE instance_id = ? AND unique_identifier = ? AND material IS NULL`,
  signMark: `UPDATE marks SET number = ?, mac = ?, digest = ? WHERE number = ?`,
  removeMark: `DELETE FROM marks WHERE number = ?`,

  /** Always returns one row: an identifier may have a mark and no object. */
  objectRow: `
    SELECT o.sequence, o.unique_identifier AS "uniqueIdentifier", o.version, o.state, o.material, o.recoverable,
      o.due_ms AS "dueMs", o.indexed, o.activates_s AS activates, o.deactivates_s AS deactivates,
      octet_length(o.attributes) AS "attributesBytes", ${lastMarkColumns}
    FROM (SELECT 1 AS one) AS one
    LEFT JOIN objects o ON o.instance_id = ?1 AND o.unique_identifier = ?2
    LEFT JOIN marks k ON ${isLastMark}`,
} as const
