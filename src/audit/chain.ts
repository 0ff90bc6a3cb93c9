// The audit chain's text and hash. Beside ports.ts because both sides of the Store port must agree on it: a
// store numbers and hashes entries inside its transaction, audit/audit.ts verifies them, also offline.

import { hash } from 'node:crypto'
import type { AuditEntry } from '../ports/audit.ts'

/** The hash before a writer's first entry. */
export const chainStart = ''

/**
 * The exact text of an entry that is stored and hashed: JSON with a fixed order of fields, one line.
 * `others` stands in a writer's first entry only: the heads of the writers it saw, so that a whole writer
 * cannot be cut out unnoticed.
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

/** SHA-256 of the hash before (hex text, '' for the first) and the body, in lower-case hex. */
export function chainHash(previous: string, body: string): string {
  return hash('sha256', `${previous}\n${body}`, 'hex')
}
