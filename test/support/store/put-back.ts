// What somebody does who can write the database: keeps the rows of a key, and puts them back after the key was destroyed. In
// words that SQLite and PostgreSQL understand.

/** Runs one statement on the database. */
type Run = (sql: string) => unknown

let kept = 0

/** Keeps the rows of objects as they are now. Returns what puts them back. */
export async function keepRows(run: Run, ...ids: readonly string[]): Promise<() => Promise<void>> {
  const list = ids.map((id) => `'${id}'`).join(', ')
  const name = `kept_${++kept}`
  const found = `FROM objects o WHERE o.unique_identifier IN (${list})`
  const all = async (...statements: readonly string[]) => {
    for (const sql of statements) await run(sql)
  }
  await all(
    `CREATE TABLE ${name}_objects AS SELECT o.* ${found}`,
    `CREATE TABLE ${name}_material AS SELECT m.* FROM material m WHERE m.id IN (SELECT coalesce(o.material, o.recoverable) ${found})`,
  )
  return () =>
    all(
      `DELETE FROM material WHERE id IN (SELECT id FROM ${name}_material)`,
      `DELETE FROM objects WHERE unique_identifier IN (${list})`,
      `INSERT INTO material SELECT * FROM ${name}_material`,
      `INSERT INTO objects SELECT * FROM ${name}_objects`,
    )
}
