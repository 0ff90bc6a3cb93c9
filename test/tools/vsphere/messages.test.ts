// The simulator's requests against recorded ones, byte for byte: a server must not be able to tell the two apart.

import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { suite, test, type TestContext } from 'node:test'
import { usernameAndPassword } from '../../../src/wire/kmip/credential.ts'
import * as messages from '../../../src/tools/vsphere/messages.ts'
import type { Message } from '../../../src/tools/vsphere/messages.ts'
import { loadTrace } from '../../support/clients/vcenter-trace.ts'
import {
  all,
  find,
  inside,
  numberOf,
  operations,
  read,
  textOf,
  write,
  type Item,
} from '../../support/clients/wire.ts'

const reference = path.resolve(import.meta.dirname, '../../../../shared')
const folder = path.join(reference, 'vsphere/traces')
const traces = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.json')) : []

function skipped(t: TestContext): void {
  // Skipped in CI too: the recordings belong to other people and are not part of the project.
  process.stderr.write(`SKIPPED ${t.name}: no recorded conversation of vCenter lies beside the project\n`)
  t.skip('../shared is not here: no recorded conversation to compare with')
}

suite('the bytes of vCenter', () => {
  if (traces.length === 0) test('recorded', skipped)
  for (const name of traces)
    test(name, () => {
      const seen = new Map<string, number>()
      for (const session of loadTrace(path.join(folder, name)))
        for (const { request } of session.exchanges) {
          const recorded = write(request)
          const ours = sameInOurs(request)
          assert.equal(ours.bytes.toString('hex'), recorded.toString('hex'), `session ${session.name}`)
          for (const { operation } of ours.items) seen.set(operation, (seen.get(operation) ?? 0) + 1)
        }
      for (const operation of ['DiscoverVersions', 'Create', 'Get', 'GetAttributes', 'Activate'])
        assert.ok((seen.get(operation) ?? 0) > 0, `no ${operation} was compared`)
    })
})

/** The simulator's message with the same meaning as the recorded one. */
function sameInOurs(request: Item): Message {
  const items = all(request, 'BatchItem')
  const [item] = items
  const payload = find(item, 'RequestPayload')
  const id = textOf(find(payload, 'UniqueIdentifier')) ?? ''
  switch (numberOf(find(item, 'Operation')) ?? 0) {
    case operations.DiscoverVersions:
      return messages.discoverVersions(find(item, 'UniqueBatchItemID') === undefined)
    case operations.Query:
      return messages.queryServerInformation()
    case operations.Create:
      return messages.create()
    case operations.Get:
      return messages.get(id)
    case operations.GetAttributes:
      return messages.getAttributes(id, textOf(find(payload, 'AttributeName')) ?? '')
    case operations.Activate:
      return messages.activate(id)
    case operations.AddAttribute:
      return messages.addAttributes(id, items.map(noteOf))
    default:
      throw new Error('the recording has an operation that the simulator does not know')
  }
}

function noteOf(item: Item): readonly [string, string] {
  const attribute = find(item, 'RequestPayload', 'Attribute')
  return [textOf(find(attribute, 'AttributeName')) ?? '', textOf(find(attribute, 'AttributeValue')) ?? '']
}

const credential = usernameAndPassword({ username: 'vSphere', password: 'password' })

test('a credential stands between version and batch count, as recorded', (t) => {
  const digest = path.join(reference, 'vsphere/clients.md')
  if (!existsSync(digest)) return skipped(t)
  const [, seen] = /^Create with credential .*\n\s+([0-9a-f]+)…/m.exec(readFileSync(digest, 'utf8')) ?? []
  assert.ok(seen)
  assert.ok(messages.create(credential).bytes.toString('hex').startsWith(seen))
})

test('a credential changes nothing else, and goes with four requests only', () => {
  const pairs: readonly (readonly [Message, Message])[] = [
    [messages.create(), messages.create(credential)],
    [messages.get('1'), messages.get('1', credential)],
    [messages.getAttributes('1', 'State'), messages.getAttributes('1', 'State', credential)],
    [messages.activate('1'), messages.activate('1', credential)],
  ]
  for (const [without, withIt] of pairs) {
    const message = read(withIt.bytes)
    const header = inside(find(message, 'RequestHeader')).filter(({ tag }) => tag !== 0x42000c)
    const rebuilt = { ...message, value: [] as Item[] }
    rebuilt.value.push(
      { ...(find(message, 'RequestHeader') as Item), value: header },
      ...all(message, 'BatchItem'),
    )
    assert.deepEqual(write(rebuilt), without.bytes)
  }
})

test('batch items are numbered QLKC 1, 2, 3, little-endian, and the first Discover Versions has no number', () => {
  const notes = Array.from({ length: 3 }, (_, index) => [`x-${index}`, 'value'] as const)
  const ids = messages.addAttributes('1', notes).items.map((item) => item.uniqueBatchItemId?.toString('hex'))
  assert.deepEqual(ids, ['514c4b4301000000', '514c4b4302000000', '514c4b4303000000'])
  assert.equal(messages.discoverVersions(true).items[0]?.uniqueBatchItemId, undefined)
})
