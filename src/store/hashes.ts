// 64-bit hashes by which rows are found. They only narrow: what is found is compared with the whole text again,
// by the caller of objects() or in audit-reader.ts. They keep the indexes an order of magnitude smaller.

import { hash } from 'node:crypto'

/** For object_index. Destroyed objects have hashes of their own, so that pages of live ones skip none. */
export function indexHash(instanceId: string, key: string, value: string, destroyed: boolean): bigint {
  return hash64(JSON.stringify([destroyed ? 'destroyed' : 'live', instanceId, key, value]))
}

/** For the columns of audit. Most entries name what others before them named. */
export function auditHash(column: 'instance' | 'object' | 'certificate', text: string): bigint {
  const name = `${column}:${text}`
  let known = auditHashes.get(name)
  if (known === undefined) {
    if (auditHashes.size >= auditHashesMax) auditHashes.clear()
    auditHashes.set(name, (known = hash64(name)))
  }
  return known
}

const auditHashesMax = 10_000
const auditHashes = new Map<string, bigint>()

function hash64(text: string): bigint {
  return hash('sha256', text, 'buffer').readBigInt64BE(0)
}
