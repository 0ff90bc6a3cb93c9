// Real vCenters' conversations against the real server: each recorded request is sent as it was, over TLS connections
// as they were, with our identifiers in place of the recorded ones; each answer is judged by what vCenter needs, not by
// what the recorded server said (one of them could not even Add Attribute).

import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { suite, test, type TestContext } from 'node:test'
import { clientCertificate } from '../support/certificates/certificates.ts'
import { KmipTalk, openTalk, reasons, states, type TalkOptions } from '../support/clients/kmip-talk.ts'
import { startEmbedded, type EmbeddedServer } from '../support/server/server.ts'
import { connectClient } from '../support/clients/tls-client.ts'
import {
  inRecordedOrder,
  loadTrace,
  withCredential,
  withOurIdentifiers,
  type Exchange,
  type Session,
} from '../support/clients/vcenter-trace.ts'
import {
  all,
  bytesOf,
  find,
  inside,
  numberOf,
  operations,
  read,
  textOf,
  types,
  walk,
  write,
  type Item,
} from '../support/clients/wire.ts'

const reference = path.resolve(import.meta.dirname, '../../../shared')
const folder = path.join(reference, 'vsphere/traces')
const traces = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.json')) : []

suite('recorded conversations of vCenter', { concurrency: false }, () => {
  if (traces.length === 0)
    test('replayed', (t) => {
      // Excused in CI as well: the recordings are other people's and lie beside the project, not in it.
      process.stderr.write('SKIPPED: no recorded conversation of vCenter lies beside the project\n')
      t.skip('../shared is not here: no recorded conversation to replay')
    })
  for (const name of traces) {
    const sessions = loadTrace(path.join(folder, name))
    test(name, { timeout: 300_000 }, (t) => replay(t, sessions))
    test(`${name}, with user name and password`, { timeout: 300_000 }, (t) =>
      replay(t, withCredential(sessions)),
    )
  }
})

async function replay(t: TestContext, sessions: readonly Session[]): Promise<void> {
  await using server = await startEmbedded()
  const { tls, certificate } = await clientCertificate('self-signed')
  const options = { ...server.kmip, tls }
  await t.test('before it is trusted, vCenter gets through the handshake and is refused', async () => {
    for (const session of sessions.filter(({ trusted }) => !trusted)) await connectOnce(options, session)
    const talk = await openTalk(options)
    const refused = await talk.ask(operations.DiscoverVersions)
    talk.close()
    assert.deepEqual([refused.ok, refused.reason], [false, reasons.AuthenticationNotSuccessful])
  })
  await t.test('it is pending, and can be trusted by its fingerprint', () =>
    trustPending(server, certificate.sha256),
  )
  const vcenter = new VCenter(options)
  await t.test('each answer is what vCenter needs', () =>
    inRecordedOrder(
      sessions.filter(({ trusted }) => trusted),
      (session) => vcenter.session(session),
    ),
  )
  await t.test('what vCenter noted on its keys is shown to the administrator', () =>
    vcenter.compareWith(server),
  )
  await t.test('after a stop and a start every key is the same', async () => {
    assert.equal(await server.stop(), 0)
    await using again = await startEmbedded({ data: server.data })
    await vcenter.fetchAll({ ...again.kmip, tls })
  })
}

async function connectOnce(options: TalkOptions, session: Session): Promise<void> {
  const client = await connectClient({ ...options, ...options.tls })
  client.end()
  assert.equal(await client.ended, null, `session ${session.name}`)
  client.close()
}

async function trustPending(server: EmbeddedServer, sha256: string): Promise<void> {
  const pending = (await server.json('client', 'pending')) as readonly { readonly sha256: string }[]
  assert.ok(
    pending.some((client) => client.sha256 === sha256),
    'not in the list of pending clients',
  )
  // With no more than vSphere needs, so that all that follows shows that it is enough.
  const client = ['--instance', 'default', '--name', 'vcenter', '--allow', 'vsphere']
  await server.json('client', 'trust', ...client, '--pending', sha256)
}

/** What our vCenter knows of a key. */
interface KnownKey {
  state: number
  material: Buffer | undefined
  readonly attributes: Map<string, string>
}

class VCenter {
  readonly #options: TalkOptions
  /** Recorded identifier to ours. */
  readonly #identifiers = new Map<string, string>()
  /** By our identifier. */
  readonly #keys = new Map<string, KnownKey>()

  constructor(options: TalkOptions) {
    this.#options = options
  }

  async session({ name, exchanges }: Session): Promise<void> {
    const client = await connectClient({ ...this.#options, ...this.#options.tls })
    const talk = new KmipTalk(client)
    try {
      for (const [index, exchange] of exchanges.entries())
        await this.#exchange(talk, exchange).catch((error: unknown) => {
          throw new Error(`session ${name}, message ${index + 1}: ${String(error)}`, { cause: error })
        })
      client.end()
    } finally {
      talk.close()
    }
  }

  async #exchange(talk: KmipTalk, { request, recorded }: Exchange): Promise<void> {
    const ours = await withOurIdentifiers(request, this.#identifiers, () => this.#preparedKey())
    const before = this.#attributesAsked(ours)
    const answer = read(await talk.exchange(write(ours)))
    judgeMessage(ours, answer)
    const recordedItems = all(recorded, 'BatchItem')
    for (const [index, item] of all(ours, 'BatchItem').entries()) {
      const answered = all(answer, 'BatchItem')[index]
      assert.ok(answered)
      this.#judgeItem({ item, answered, recorded: recordedItems[index], before })
    }
  }

  /** A key from before the recording began. */
  async #preparedKey(): Promise<string> {
    const talk = await openTalk(this.#options)
    const identifier = await talk.create()
    const { ok } = await talk.activate(identifier)
    assert.ok(ok)
    talk.close()
    this.#keys.set(identifier, { state: states.Active, material: undefined, attributes: new Map() })
    return identifier
  }

  /** The custom attributes known of the message's key before it is sent: others may add some meanwhile. */
  #attributesAsked(request: Item): ReadonlyMap<string, string> {
    const identifier = textOf(find(request, 'BatchItem', 'RequestPayload', 'UniqueIdentifier'))
    return new Map(this.#keys.get(identifier ?? '')?.attributes)
  }

  #judgeItem(exchange: {
    readonly item: Item
    readonly answered: Item
    readonly recorded: Item | undefined
    readonly before: ReadonlyMap<string, string>
  }): void {
    const { item, answered, recorded, before } = exchange
    const operation = numberOf(find(item, 'Operation')) ?? 0
    const asked = find(item, 'RequestPayload')
    const payload = find(answered, 'ResponsePayload')
    const message = textOf(find(answered, 'ResultMessage'))
    assert.equal(numberOf(find(answered, 'ResultStatus')), 0, `refused: ${message}`)
    const identifier = textOf(find(payload, 'UniqueIdentifier'))
    const known = this.#keys.get(identifier ?? '')
    if (asked && find(asked, 'UniqueIdentifier')) {
      assert.equal(identifier, textOf(find(asked, 'UniqueIdentifier')))
      assert.ok(known, `an answer about ${identifier}, which nobody made`)
    }
    switch (operation) {
      case operations.DiscoverVersions:
        return judgeVersions(payload)
      case operations.Query:
        return assert.ok(textOf(find(payload, 'VendorIdentification')), 'vCenter shows the vendor')
      case operations.Create:
        return this.#created(payload, textOf(find(recorded, 'ResponsePayload', 'UniqueIdentifier')))
      case operations.Get:
        return judgeKey(payload, known)
      case operations.GetAttributes:
        return judgeAttributes(asked, payload, known, before)
      case operations.AddAttribute:
        return judgeAdded(asked, payload, known)
      case operations.Activate:
        if (known) known.state = states.Active
        return
      default:
        assert.fail(`operation ${operation}: this test does not know what to expect`)
    }
  }

  #created(payload: Item | undefined, recorded: string | undefined): void {
    const identifier = textOf(find(payload, 'UniqueIdentifier'))
    assert.ok(identifier)
    assert.equal(numberOf(find(payload, 'ObjectType')), 2)
    assert.ok(!this.#keys.has(identifier), 'an identifier given twice')
    this.#keys.set(identifier, { state: states.PreActive, material: undefined, attributes: new Map() })
    if (recorded !== undefined) this.#identifiers.set(recorded, identifier)
  }

  async compareWith(server: EmbeddedServer): Promise<void> {
    const listed = (await server.json('key', 'list')) as readonly {
      readonly id: string
      readonly state: string
      readonly vsphere: { readonly name: string | null }
    }[]
    assert.deepEqual(listed.map(({ id }) => id).toSorted(), [...this.#keys.keys()].toSorted())
    for (const { id, state, vsphere } of listed) {
      assert.equal(states[state as keyof typeof states], this.#keys.get(id)?.state, id)
      assert.equal(vsphere.name, this.#keys.get(id)?.attributes.get('x-Name') ?? null)
    }
  }

  async fetchAll(options: TalkOptions): Promise<void> {
    const talk = await openTalk(options)
    for (const [identifier, known] of this.#keys) {
      judgeKey((await talk.get(identifier)).payload, known)
      assert.equal(await talk.state(identifier), known.state)
    }
    talk.close()
  }
}

/** Version as asked, batch count, Operation and Unique Batch Item ID echoed, no tag that this version lacks. */
function judgeMessage(request: Item, answer: Item): void {
  const [asked, given] = [find(request, 'RequestHeader'), find(answer, 'ResponseHeader')]
  assert.deepEqual(find(given, 'ProtocolVersion')?.value, find(asked, 'ProtocolVersion')?.value)
  assert.equal(find(given, 'TimeStamp')?.type, types.DateTime)
  assert.equal(numberOf(find(given, 'BatchCount')), numberOf(find(asked, 'BatchCount')))
  const items = all(request, 'BatchItem')
  assert.equal(all(answer, 'BatchItem').length, items.length)
  for (const [index, answered] of all(answer, 'BatchItem').entries()) {
    assert.equal(numberOf(find(answered, 'Operation')), numberOf(find(items[index], 'Operation')))
    assert.deepEqual(
      find(answered, 'UniqueBatchItemID')?.value,
      find(items[index], 'UniqueBatchItemID')?.value,
    )
  }
  const version = find(asked, 'ProtocolVersion')
  const known = tagsOf(inside(version).map(numberOf).join('.'))
  for (const { tag } of walk(answer))
    assert.ok(known.has(tag), `tag ${tag.toString(16)} is unknown to this version`)
}

const tagSets = new Map<string, ReadonlySet<number>>()

/** All tags of a protocol version, from the reference tables. */
function tagsOf(version: string): ReadonlySet<number> {
  let known = tagSets.get(version)
  if (!known) {
    const tables = JSON.parse(readFileSync(path.join(reference, 'kmip/tables.json'), 'utf8')) as {
      readonly versions: Readonly<
        Record<string, { readonly tags: Readonly<Record<string, string | number>> }>
      >
    }
    known = new Set(Object.values(tables.versions[version]?.tags ?? {}).map(Number))
    assert.ok(known.size > 100, `no table of tags for version ${version}`)
    tagSets.set(version, known)
  }
  return known
}

function judgeVersions(payload: Item | undefined): void {
  const versions = all(payload, 'ProtocolVersion').map((item) => inside(item).map(numberOf).join('.'))
  assert.ok(versions.includes('1.1'), `vCenter speaks 1.1; offered: ${versions.join(' ')}`)
}

/** AES-256, Raw, 32 bytes, nothing but the material in the key value, and the same bytes each time. */
function judgeKey(payload: Item | undefined, known: KnownKey | undefined): void {
  assert.equal(numberOf(find(payload, 'ObjectType')), 2)
  const block = find(payload, 'SymmetricKey', 'KeyBlock')
  assert.equal(numberOf(find(block, 'KeyFormatType')), 1, 'Raw')
  assert.equal(numberOf(find(block, 'CryptographicAlgorithm')), 3, 'AES')
  assert.equal(numberOf(find(block, 'CryptographicLength')), 256)
  assert.equal(inside(find(block, 'KeyValue')).length, 1)
  const material = bytesOf(find(block, 'KeyValue', 'KeyMaterial'))
  assert.equal(material?.length, 32)
  if (!known) return
  known.material ??= material
  assert.ok(known.material?.equals(material), 'not the same bytes as before')
}

function judgeAttributes(
  asked: Item | undefined,
  payload: Item | undefined,
  known: KnownKey | undefined,
  before: ReadonlyMap<string, string>,
): void {
  const names = all(asked, 'AttributeName').map(textOf)
  const given = all(payload, 'Attribute').map((attribute) => ({
    name: textOf(find(attribute, 'AttributeName')),
    value: find(attribute, 'AttributeValue'),
  }))
  for (const { name } of given) assert.ok(names.includes(name), `${name} was not asked`)
  for (const name of names) {
    const value = given.find((attribute) => attribute.name === name)?.value
    if (name === 'State') {
      assert.equal(value?.type, types.Enumeration)
      assert.equal(value.value, known?.state)
    } else if (name !== undefined && before.has(name)) assert.equal(textOf(value), before.get(name))
    // Absent: success, and the identifier alone.
    else if (name !== undefined && !known?.attributes.has(name)) assert.equal(value, undefined, name)
  }
}

function judgeAdded(asked: Item | undefined, payload: Item | undefined, known: KnownKey | undefined): void {
  const [wanted, added] = [find(asked, 'Attribute'), find(payload, 'Attribute')]
  const name = textOf(find(wanted, 'AttributeName'))
  assert.equal(textOf(find(added, 'AttributeName')), name)
  assert.deepEqual(find(added, 'AttributeValue'), find(wanted, 'AttributeValue'))
  if (name !== undefined) known?.attributes.set(name, textOf(find(wanted, 'AttributeValue')) ?? '')
}
