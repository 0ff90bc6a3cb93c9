// The statements of the store that write, with their values, recorded from a run on SQLite: all rows of a Create, or one audit entry, in
// groups as they are committed. For the benchmarks that ask how fast a database commits the same by itself.

import { digestOf } from '../src/core/keys/object/digest.ts'
import { initialAttributes } from '../src/core/keys/object/initial-attributes.ts'
import { single, toWrite } from '../src/core/keys/object/managed-object.ts'
import type { Change } from '../src/core/ports/store.ts'
import { applyChange } from '../src/outside/store/apply/apply.ts'
import { noEffects } from '../src/outside/store/apply/effects.ts'
import { GroupFacts } from '../src/outside/store/apply/group-facts.ts'
import { AuditChain } from '../src/outside/store/audit/audit-chain.ts'
import { openFile } from '../src/outside/store/sqlite/file.ts'
import { Statements } from '../src/outside/store/sqlite/statements.ts'
import type { Query, Steps } from '../src/outside/store/steps.ts'

const nowMs = 1_764_000_000_000
const instanceId = '6f1d0a3e-3f5c-4d0f-9d5c-8a1c9a3e2b11'

/** In order, like those of new objects. */
function identifier(n: number): string {
  const time = (nowMs + n).toString(16).padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-7d0f-8d5c-${n.toString(16).padStart(12, '0')}`
}

function entryOf(n: number, action: 'key.create' | 'key.get'): Change {
  const actor = {
    kind: 'client',
    id: 'e2b1c7d4-0000-4000-8000-000000000001',
    name: 'vcenter',
    certificateSha256: 'ab'.repeat(32),
    address: '192.0.2.10',
  } as const
  const known = { atMs: nowMs, action, result: 'success', instanceId, object: identifier(n) } as const
  const entry = { ...known, actor, reason: null, requestId: identifier(n), detail: null }
  return { writes: [], entries: [entry], durability: 'disk' }
}

function createOf(n: number): Change {
  const wanted = new Map<string, ReturnType<typeof single>>([
    ['CryptographicAlgorithm', single('AES')],
    ['CryptographicLength', single(256)],
    ['CryptographicUsageMask', single(12)],
  ])
  const digest = digestOf({ bytes: Buffer.alloc(32, n), head: { keyFormatType: 'Raw' } })
  const facts = { nowMs, generated: true, digest }
  const attributes = initialAttributes({ objectType: 'SymmetricKey', attributes: wanted }, facts)
  const place = { instanceId, uniqueIdentifier: identifier(n), objectType: 'SymmetricKey' } as const
  const stored = { state: 'PreActive', version: 1, createdMs: nowMs, sealed: Buffer.alloc(85, n) } as const
  const write = toWrite({ ...place, ...stored, attributes, dataKeyId: identifier(0) })
  return { ...entryOf(n, 'key.create'), writes: [write] }
}

export const works = {
  create: { changeOf: createOf, group: 32, recordedMax: 40_000 },
  entry: { changeOf: (n: number) => entryOf(n, 'key.get'), group: 8, recordedMax: 60_000 },
}

/** `file`: a new database. */
export function record(
  file: string,
  { changeOf, group, recordedMax }: (typeof works)['create'],
): readonly (readonly Query[])[] {
  const opened = openFile(file)
  const statements = new Statements(opened.database)
  const chain = new AuditChain('sqlite-commits', nowMs)
  const groups: Query[][] = []
  opened.database.exec('PRAGMA synchronous = OFF; BEGIN')
  for (let first = 0; first < recordedMax; first += group) {
    const queries: Query[] = []
    const facts = new GroupFacts()
    const marks = { key: undefined, end: null }
    const shared = { facts, effects: noEffects(), marks }
    for (let n = first; n < first + group; n++)
      statements.take(recorded(applyChange(chain, changeOf(n), shared), queries))
    statements.take(recorded(facts.save(), queries))
    statements.take(recorded(chain.save(), queries))
    groups.push(queries)
  }
  opened.database.exec('COMMIT')
  opened.close()
  return groups
}

function* recorded<T>(steps: Steps<T>, into: Query[]): Steps<T> {
  let step = steps.next()
  while (step.done !== true) {
    if (step.value.wants !== 'row' && step.value.wants !== 'rows') into.push(step.value)
    step = steps.next(yield step.value)
  }
  return step.value
}
