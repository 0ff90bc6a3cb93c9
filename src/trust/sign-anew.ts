// After a restore was accepted: what still counts is signed under another MAC key, and every token ends. Rows of the
// branch that was left behind were signed under the key before, so none of them verifies again. Pure.

import type { TrustWrite } from '../ports/trust.ts'
import { makeHead, makeRow, trustKinds, type Macs, type Token, type TrustReading } from './rows.ts'

/**
 * What makes `version` of the rows that `reading` found to count, with `token` as the only token. A block or pin that is
 * withheld stays so.
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
      .filter((kind) => kind !== 'token')
      .flatMap((kind) => [...tables[kind].values()].map((value) => makeRow(macs, kind, value))),
    makeRow(macs, 'token', token),
  ]
  const listed = new Map([...reading.macs].filter(([name]) => isWithheld(reading, name)))
  for (const { kind, id, mac } of rows) listed.set(`${kind}/${id}`, Buffer.from(mac).toString('hex'))
  return [
    ...[...tables.token.keys()].map((id): TrustWrite => ({ type: 'trust-removed', kind: 'token', id })),
    ...rows.map((row): TrustWrite => ({ type: 'trust', row })),
    { type: 'trust', row: makeHead(macs, version, listed) },
  ]
}

/** Listed, but not among the rows that count. */
function isWithheld({ tables }: TrustReading, name: string): boolean {
  const [, kind = '', id = ''] = /^(\w+)\/(.*)$/.exec(name) ?? []
  return !(tables as Readonly<Record<string, ReadonlyMap<string, unknown>>>)[kind]?.has(id)
}
