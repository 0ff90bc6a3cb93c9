// 64-bit hashes that index rows. They only narrow a search: the caller of objects(), or audit-reader.ts, then compares the full
// text. They make the indexes ten times smaller.

import { hash } from 'node:crypto'

/** For object_index. Destroyed objects have different hashes, so that pages of live objects need not skip them. */
export function indexHash(instanceId: string, key: string, value: string, destroyed: boolean): bigint {
  return hash64(JSON.stringify([destroyed ? 'destroyed' : 'live', instanceId, key, value]))
}

/** For the columns of the table audit. */
export function auditHash(column: 'instance' | 'object' | 'certificate', text: string): bigint {
  const name = `${column}:${text}`
  let known = auditHashes.get(name)
  if (known === undefined) {
    if (auditHashes.size >= auditHashesMax) auditHashes.clear()
    auditHashes.set(name, (known = (column === 'object' ? beginningOf(text) : undefined) ?? hash64(name)))
  }
  return known
}

/** All hashes that the entries of an object may have, the likelier one first. Earlier versions hashed every identifier. */
export function objectHashes(identifier: string): readonly bigint[] {
  return [...new Set([auditHash('object', identifier), hash64(`object:${identifier}`)])]
}

/**
 * A UUID of version 7 begins with its time, so the entries of new objects are neighbours in the index; with hashes each of them
 * would change a different page. Of its first 64 bits, 12 are random.
 */
function beginningOf(identifier: string): bigint | undefined {
  const [, high, middle, low] = timedUuid.exec(identifier) ?? []
  return high === undefined ? undefined : BigInt.asIntN(64, BigInt(`0x${high}${middle}${low}`))
}

const timedUuid = /^([0-9a-f]{8})-([0-9a-f]{4})-(7[0-9a-f]{3})-[0-9a-f]{4}-[0-9a-f]{12}$/

const auditHashesMax = 10_000
const auditHashes = new Map<string, bigint>()

function hash64(text: string): bigint {
  return hash('sha256', text, 'buffer').readBigInt64BE(0)
}
