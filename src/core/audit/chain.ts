// The text and hash of the audit chain. A store numbers and hashes entries inside its transaction, and proof.ts verifies them,
// also offline. Both use this file.

import { hash } from 'node:crypto'
import type { AuditEntry } from '../ports/audit.ts'
import { chainText } from './chain-text.ts'

export { chainStart } from './chain-text.ts'

/**
 * The exact text of an entry, which is stored and hashed: JSON in a fixed order of fields, on one line. Only a writer's first
 * entry has `others`, the heads of the writers that existed then, so that a whole writer cannot be removed unnoticed.
 */
export function entryBody(
  writer: string,
  number: number,
  entry: AuditEntry,
  others?: readonly { readonly writer: string; readonly number: number; readonly hash: string }[],
): string {
  const { kind, id, name, certificateSha256, address } = entry.actor
  return JSON.stringify({
    writer,
    number,
    atMs: entry.atMs,
    action: entry.action,
    result: entry.result,
    instanceId: entry.instanceId,
    object: entry.object,
    actor: { kind, id, name, certificateSha256, address },
    reason: entry.reason,
    requestId: entry.requestId,
    detail: entry.detail,
    ...(others && { others }),
  })
}

/** SHA-256 of `chainText`, in lower-case hex. */
export function chainHash(previous: string, body: string): string {
  return hash('sha256', chainText(previous, body), 'hex')
}
