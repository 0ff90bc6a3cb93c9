// After an owner accepts a restore: signs the rows that still count with a new MAC key, and ends every token, session and request
// for approval. The discarded rows were signed with the old key, so none of them verifies again. Pure.

import type { TrustWrite } from '../ports/trust.ts'
import { makeHead, makeRow, trustKinds, type Macs, type Token, type TrustReading } from './rows.ts'

/**
 * The writes that make `version` from the rows that count in `reading`, with `token` as the only token. A withheld block or pin
 * stays withheld.
 */
export function signAnew(
  macs: Macs,
  reading: TrustReading,
  version: number,
  token: Token,
): readonly TrustWrite[] {
  const { tables } = reading
  const rows = [
    ...trustKinds
      .filter((kind) => kind !== 'token' && kind !== 'session' && kind !== 'approval')
      .flatMap((kind) => [...tables[kind].values()].map((value) => makeRow(macs, kind, value))),
    makeRow(macs, 'token', token),
  ]
  const listed = new Map([...reading.macs].filter(([name]) => isWithheld(reading, name)))
  for (const { kind, id, mac } of rows) listed.set(`${kind}/${id}`, Buffer.from(mac).toString('hex'))
  return [
    ...(['token', 'session', 'approval'] as const).flatMap((kind) =>
      [...tables[kind].keys()].map((id): TrustWrite => ({ type: 'trust-removed', kind, id })),
    ),
    ...rows.map((row): TrustWrite => ({ type: 'trust', row })),
    { type: 'trust', row: makeHead(macs, version, listed) },
  ]
}

/** Whether the head lists the row although it does not count. */
function isWithheld({ tables }: TrustReading, name: string): boolean {
  const [, kind = '', id = ''] = /^(\w+)\/(.*)$/.exec(name) ?? []
  return !(tables as Readonly<Record<string, ReadonlyMap<string, unknown>>>)[kind]?.has(id)
}
