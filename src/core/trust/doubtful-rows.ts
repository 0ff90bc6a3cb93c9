// Rows of trust that do not count, because somebody altered them or the list of rows, and the writes by which the owner
// of the root key decides about them: some are signed anew, the others are removed. Pure.

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
  /** `kind/id`: how the owner names it. */
  readonly row: string
  /** As the row says it; null: it does not say. */
  readonly name: string | null
  /** The instance that the row names. */
  readonly instanceId: string | null
  /**
   * genuine: this server wrote it at some time, but it is not in the list of rows: the list was altered, or the row was
   * removed since. altered: somebody else wrote it. unreadable: it cannot be signed. over: a session, or a request that waits for a
   * second person, which nobody can tell from one that had ended: it is not signed.
   */
  readonly state: 'genuine' | 'altered' | 'unreadable' | 'over'
}

/** As after a restore (sign-anew.ts): an act that was approved once would be carried out again. */
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
 * The writes that make `version` of the rows that count, those in `signAnew` (`kind/id`), and `token`; other doubtful rows
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
