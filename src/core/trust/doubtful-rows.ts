// Rows of trust that do not count, because they or the list of rows were altered. Also the writes with which the owner of the
// root key decides about them: some are signed again, the others are removed. Pure.

import type { TrustRow, TrustWrite } from '../ports/trust.ts'
import {
  makeHead,
  makeRow,
  trustKinds,
  type Macs,
  type Token,
  type TrustKind,
  type TrustReading,
} from './rows.ts'

export interface DoubtfulRow {
  /** `kind/id`, with which the owner names the row. */
  readonly row: string
  /** The name in the row. Null: it has none. */
  readonly name: string | null
  /** The instance that the row names. */
  readonly instanceId: string | null
  /**
   * genuine: this server wrote it, but the list of rows lacks it: the list was altered, or the row was removed since. altered:
   * this server did not write it. unreadable: it cannot be signed. over: a session or a request for approval, which may have
   * ended, so it is not signed.
   */
  readonly state: 'genuine' | 'altered' | 'unreadable' | 'over'
}

/** The server ends these rows, as after a restore, since it would otherwise carry out an approved act again. */
const ends: ReadonlySet<string> = new Set(['session', 'approval'])

/** The rows in the store that do not count. */
export function doubtfulRows(
  macs: Pick<Macs, 'macMatches'>,
  { tables, newer }: Pick<TrustReading, 'tables' | 'newer'>,
  rows: readonly TrustRow[],
): readonly DoubtfulRow[] {
  return rows
    .filter(({ kind, id }) => isTrustKind(kind) && !tables[kind].has(id) && !newer.has(`${kind}/${id}`))
    .map(({ kind, id, body, mac }) => {
      const value = parsed(body, id)
      const text = (key: string) => (typeof value?.[key] === 'string' ? value[key] : null)
      const genuine = macs.macMatches([kind, id, body], mac)
      return {
        row: `${kind}/${id}`,
        name: text('name'),
        instanceId: text('instanceId'),
        state: value === undefined ? 'unreadable' : ends.has(kind) ? 'over' : genuine ? 'genuine' : 'altered',
      } as const
    })
}

/**
 * The writes that make `version` from the rows that count, the rows in `signAnew` (`kind/id`), and `token`. Other doubtful rows
 * are removed. A withheld block or pin stays withheld.
 */
export function decideDoubtful(
  macs: Macs,
  read: { readonly reading: TrustReading; readonly rows: readonly TrustRow[] },
  signAnew: ReadonlySet<string>,
  { token, version }: { readonly token: Token; readonly version: number },
): readonly TrustWrite[] {
  const { reading, rows } = read
  const doubtful = doubtfulRows(macs, reading, rows)
  const byName = new Map(rows.map((row) => [`${row.kind}/${row.id}`, row]))
  const signed: TrustRow[] = [makeRow(macs, 'token', token)]
  const removed: TrustWrite[] = []
  for (const { row: name, state } of doubtful) {
    const row = byName.get(name)
    if (!row || !isTrustKind(row.kind)) continue
    if (signAnew.has(name) && (state === 'genuine' || state === 'altered'))
      signed.push(makeRow(macs, row.kind, JSON.parse(row.body) as never))
    else removed.push({ type: 'trust-removed', kind: row.kind, id: row.id })
  }
  const listed = new Map(reading.macs)
  for (const { kind, id, mac } of signed) listed.set(`${kind}/${id}`, Buffer.from(mac).toString('hex'))
  return [
    ...removed,
    ...signed.map((row): TrustWrite => ({ type: 'trust', row })),
    { type: 'trust', row: makeHead(macs, version, listed) },
  ]
}

function isTrustKind(kind: string): kind is TrustKind {
  return (trustKinds as readonly string[]).includes(kind)
}

function parsed(body: string, id: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value = JSON.parse(body) as Readonly<Record<string, unknown>> | null
    return value?.['id'] === id ? value : undefined
  } catch {
    return undefined
  }
}
