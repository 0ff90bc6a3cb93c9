// Rows of trust as plain values, and rules on certificates that are short texts, for the tests of pure rules in core/trust/.
// A leaf is `SUBJECT signed by CA`, a CA is `CA` or, renewed with the same key, `CA anew`.

import { createSecretKey, randomBytes } from 'node:crypto'
import type { TrustRow, TrustWrite } from '../../../src/core/ports/trust.ts'
import { MacKey } from '../../../src/core/sealing/mac-key.ts'
import type { AuthorityRules } from '../../../src/core/trust/client-rules.ts'
import {
  makeHead,
  readRows,
  makeRow,
  type Authority,
  type Block,
  type Client,
  type Instance,
  type IssuedCertificate,
  type PinnedCertificate,
  type RowOf,
  type Token,
  type TrustSnapshot,
} from '../../../src/core/trust/rows.ts'

export const newKey = () => new MacKey(createSecretKey(randomBytes(32)))

export const anInstance = (id: string): Instance => ({
  id,
  name: `instance ${id}`,
  custody: 'database',
  rootKeyUri: 'file:root.key',
  cacheSeconds: 60,
  outageSeconds: 60,
  expiredGraceDays: 30,
  portable: true,
  createdMs: 1,
})

export const aClient = (id: string, instanceId = 'i', allow?: readonly string[]): Client => {
  const row = { id, instanceId, name: `client ${id}`, expiredGraceDays: null, credential: null, createdMs: 1 }
  return allow ? { ...row, allow } : row
}

const base64 = (text: string) => Buffer.from(text).toString('base64')

export const aPin = (id: string, clientId: string, instanceId: string, leaf = id): PinnedCertificate => {
  return { id, clientId, instanceId, certificate: base64(leaf), createdMs: 1 }
}

export const anAuthority = (
  id: string,
  [clientId, instanceId]: readonly [string, string],
  { ca = id, subject = '*', sinceVersion = 1 } = {},
): Authority => {
  return { id, clientId, instanceId, certificate: base64(ca), subject, sinceVersion, createdMs: 1 }
}

export const anIssued = (id: string, instanceId: string): IssuedCertificate => {
  return { id, instanceId, notAfterMs: 100, createdMs: 1 }
}

export const aBlock = (id: string, reason = 'stolen'): Block => ({ id, reason, createdMs: 1 })

export const aToken = (id: string): Token => {
  return { id, name: id, role: 'manager', instanceId: null, sha256: 'ab', createdMs: 1, expiresMs: null }
}

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString()
const keyOf = (ca: Uint8Array) => text(ca).replace(/ anew$/, '')
const fits = (subject: string, pattern: string) =>
  pattern === '*' || subject.startsWith(pattern.replace('*', ''))

export const textRules: AuthorityRules = {
  signedBy: (leaf, ca) => text(leaf).split(' signed by ')[1] === keyOf(ca),
  matchesSubject: (leaf, pattern) => fits(text(leaf), pattern),
  filtersOverlap: (a, b) => fits(a, b) || fits(b, a),
  sameAuthority: (a, b) => keyOf(a) === keyOf(b),
}

/** The table with a head that lists all these rows. */
export function signedRows(macs: MacKey, version: number, rows: readonly TrustRow[]): TrustRow[] {
  const listed = new Map(rows.map(({ kind, id, mac }) => [`${kind}/${id}`, Buffer.from(mac).toString('hex')]))
  return [...rows, makeHead(macs, version, listed)]
}

/** The table after the writes, as a store holds it. */
export function applied(rows: readonly TrustRow[], writes: readonly TrustWrite[]): TrustRow[] {
  const table = new Map(rows.map((row) => [`${row.kind}/${row.id}`, row]))
  for (const write of writes) {
    if (write.type === 'trust') table.set(`${write.row.kind}/${write.row.id}`, write.row)
    if (write.type === 'trust-removed') table.delete(`${write.kind}/${write.id}`)
  }
  return [...table.values()]
}

/** The rows as a server reads them. `removedByHand`: names of rows that the head lists and the table lacks. */
export function snapshotOf(rows: readonly RowOf[], removedByHand: readonly string[] = []): TrustSnapshot {
  const macs = newKey()
  const table = signedRows(
    macs,
    7,
    rows.map(({ kind, value }) => makeRow(macs, kind, value as never)),
  ).filter(({ kind, id }) => !removedByHand.includes(`${kind}/${id}`))
  return { version: 7, ...readRows(macs, 7, table) }
}
