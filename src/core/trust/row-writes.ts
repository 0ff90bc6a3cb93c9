// The writes that change trusted rows: the rows with their MACs, the removals, and the head that lists all rows. Their commit
// must expect the trust version of the decision.

import type { Write } from '../ports/store.ts'
import type { TrustRow } from '../ports/trust.ts'
import type { TrustSnapshot } from './rows.ts'
import { makeHead, makeRow, type Macs, type RowOf, type TrustKind } from './rows.ts'

export interface RowChange {
  readonly put?: readonly RowOf[]
  readonly remove?: readonly { readonly kind: TrustKind; readonly id: string }[]
}

/** Names `kind/id` of rows in a change that a newer version of the server wrote, so that this one must not change them. */
export function newerRows(snapshot: TrustSnapshot, { put = [], remove = [] }: RowChange): readonly string[] {
  const names = [
    ...put.map(({ kind, value }) => `${kind}/${value.id}`),
    ...remove.map(({ kind, id }) => `${kind}/${id}`),
  ]
  return names.filter((name) => snapshot.newer.has(name))
}

export function rowWrites(
  macs: Macs,
  snapshot: TrustSnapshot,
  { put = [], remove = [] }: RowChange,
): readonly Write[] {
  const listed = new Map(snapshot.macs)
  const rows: TrustRow[] = put.map(({ kind, value }) => makeRow(macs, kind, value))
  for (const { kind, id } of remove) listed.delete(`${kind}/${id}`)
  for (const row of rows) listed.set(`${row.kind}/${row.id}`, Buffer.from(row.mac).toString('hex'))
  const head = makeHead(macs, snapshot.version + 1, listed)
  return [
    ...rows.map((row): Write => ({ type: 'trust', row })),
    ...remove.map(({ kind, id }): Write => ({ type: 'trust-removed', kind, id })),
    { type: 'trust', row: head },
  ]
}
