// The writes that change trusted rows, for a commit that expects the trust version they were decided on: the rows with their
// MACs, what is removed, and the head that lists them all.

import type { Write } from '../ports/store.ts'
import type { TrustRow } from '../ports/trust.ts'
import type { TrustSnapshot } from './rows.ts'
import { makeHead, makeRow, type Macs, type RowOf, type TrustKind } from './rows.ts'

export interface RowChange {
  readonly put?: readonly RowOf[]
  readonly remove?: readonly { readonly kind: TrustKind; readonly id: string }[]
}

/** Names `kind/id` of the rows of a change that a newer version of the server wrote, and that this one must not change. */
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
