// The MAC of a mark, and the digest of a list of marks. Pure. core/ports/marks.ts defines a mark. docs/decisions/marks.md has the
// reasons.

import { hash, type KeyObject } from 'node:crypto'
import { fieldsMac, fieldsMacMatches } from '../../base/fields-mac.ts'
import { isBack, type MarksEnd, type StoredMark } from '../ports/marks.ts'

type Signed = Pick<StoredMark, 'number' | 'instanceId' | 'uniqueIdentifier' | 'dueMs'>

/** HMAC-SHA-256 over length-prefixed fields. The number is one of them, so a mark counts only in its place. */
export function markMac(key: KeyObject, mark: Signed): Buffer {
  return fieldsMac(key, fieldsOf(mark))
}

export function isGenuine(key: KeyObject, mark: Signed & Pick<StoredMark, 'mac'>): boolean {
  return fieldsMacMatches(key, fieldsOf(mark), mark.mac)
}

function fieldsOf({ number, instanceId, uniqueIdentifier, dueMs }: Signed): readonly string[] {
  return [String(number), instanceId, uniqueIdentifier, String(dueMs)]
}

/** Whether an identifier with this last mark is destroyed. */
export function closes({ dueMs }: Pick<StoredMark, 'dueMs'>): boolean {
  return dueMs !== isBack
}

/** The end of the list after one more mark. `end`: null for an empty list. */
export function endAfter(end: MarksEnd | null, number: number, mac: Uint8Array): MarksEnd {
  const before = Buffer.from(end?.digest ?? '', 'hex')
  return { number, digest: hash('sha256', Buffer.concat([before, mac]), 'hex') }
}

/** The further of two ends of the same list. Null counts as the beginning. */
export function furtherEnd(one: MarksEnd | null, other: MarksEnd | null): MarksEnd | null {
  return (other?.number ?? 0) > (one?.number ?? 0) ? other : one
}

/** The mark that follows `end`, signed. */
export function signedMark(
  key: KeyObject,
  end: MarksEnd | null,
  what: Omit<Signed, 'number'>,
): { readonly mark: StoredMark; readonly end: MarksEnd } {
  const number = (end?.number ?? 0) + 1
  const mac = markMac(key, { ...what, number })
  const next = endAfter(end, number, mac)
  return { mark: { ...what, number, mac, digest: Buffer.from(next.digest, 'hex') }, end: next }
}
