// An upstream from end to end: named with the command line, tried before it is kept, asked over the wire, shown, stopped by a
// restore, removed. And one that hangs holds nobody else up.

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { createKey, getKey } from '../../../src/outside/kmip-client/calls.ts'
import { connectKmip, type KmipClient } from '../../../src/outside/kmip-client/client.ts'
import { KmipRefused } from '../../../src/outside/kmip-client/errors.ts'
import { Fault } from '../../../src/wire/kmip/fault.ts'
import { command } from '../../support/server/command.ts'
import { openOldKmipServer, textOf, type OldKmipServer } from '../../support/old-kmip-server/fake.ts'
import { active, bytesOf, holding, keyOf, known } from '../../support/old-kmip-server/keys.ts'
import { startServer, type ClientFiles, type TestServer } from '../../support/server/server.ts'
import { until } from '../../support/time/until.ts'

interface Shown {
  readonly state: string
  readonly adopted: number
  readonly lastFailure: { readonly message: string } | null
}
interface Status {
  readonly instances: readonly { readonly upstream: Shown | null }[]
  readonly conditions: readonly { readonly id: string; readonly message: string }[]
}

let mine: TestServer
let client: ClientFiles
let old: OldKmipServer
/** Gets of these hang until the test lets them go. */
let letGo: () => void
let isFailing = false
const ids = Array.from({ length: 30 }, (_, index) => `old-${index}`)

before(async () => {
  mine = await startServer()
  client = await mine.issue('vcenter')
  const { promise: gate, resolve } = Promise.withResolvers<undefined>()
  letGo = () => resolve(undefined)
  old = await openOldKmipServer({
    ...holding(ids),
    Get: async ({ UniqueIdentifier }) => {
      const id = textOf(UniqueIdentifier)
      if (isFailing) throw new Fault('GeneralFailure', 'the disk is full')
      if (id.startsWith('slow-')) await gate
      return keyOf(id.startsWith('slow-') ? id : known(ids, id))
    },
    GetAttributes: ({ UniqueIdentifier }) => ({
      UniqueIdentifier: textOf(UniqueIdentifier),
      Attribute: active,
    }),
  })
})
after(async () => {
  await mine[Symbol.asyncDispose]()
  await old[Symbol.asyncDispose]()
})

function kmip(server = mine, connectionsMax = 1): KmipClient {
  const trust = { by: 'authority', pem: client.tls.ca } as const
  return connectKmip({ addresses: [server.kmip], ...client.tls, trust, connectionsMax })
}

const set = (...more: string[]) => ['instance', 'set', 'default', ...more]
const named = (sha256 = old.sha256) => {
  const as = ['--upstream-cert', client.certFile, '--upstream-key', client.keyFile]
  return set('--upstream', `kmip://127.0.0.1:${old.port}`, ...as, '--upstream-fingerprint', sha256)
}
const cli = (words: readonly string[], server = mine) => command([...words, '--data', server.data])
const json = async (words: readonly string[], server = mine): Promise<unknown> => {
  const { code, stdout, stderr } = await cli([...words, '--json'], server)
  assert.equal(code, 0, stderr)
  return JSON.parse(stdout)
}
const status = async (server = mine) => (await json(['status'], server)) as Status
const upstream = async (server = mine) => (await status(server)).instances[0]?.upstream
const conditions = async (server = mine) =>
  (await status(server)).conditions.map(({ id }) => id).filter((id) => id.startsWith('upstream-'))
const refusal = async (doing: Promise<unknown>) => {
  const error: unknown = await doing.then(
    () => assert.fail('it was answered'),
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof KmipRefused, String(error))
  return error.reason
}

const refused = async (words: readonly string[], code: number, told: RegExp) => {
  const answered = await cli(words)
  assert.equal(answered.code, code, answered.stderr)
  assert.match(answered.stderr, told)
}

test('it is tried before it is kept, and only a manager names it', async () => {
  await refused(
    set('--upstream', 'kmip://127.0.0.1'),
    2,
    /--upstream-cert PEM and --upstream-key PEM are needed/,
  )
  await refused(set('--upstream-cert', client.certFile), 2, /belong to --upstream/)
  await refused([...named(), '--cache-seconds', '5'], 2, /one thing at a time/)
  await refused(named('ab'.repeat(32)), 1, /another certificate/)
  await refused(set('--no-upstream'), 1, /has no upstream/)
  const { token } = (await json(['token', 'create', '--role', 'operator', '--name', 'op'])) as {
    token: string
  }
  const tokenFile = path.join(mine.data, 'operator')
  writeFileSync(tokenFile, token, { mode: 0o600 })
  await refused([...named(), '--token-file', tokenFile], 1, /this needs the role manager/)
  assert.equal(await upstream(), null)
})

test('an unknown identifier is adopted on demand, and the upstream is shown everywhere', async () => {
  const shown = (await json(named())) as Shown
  assert.deepEqual([shown.state, shown.adopted], ['on', 0])
  await using here = kmip()
  const [first = ''] = ids
  assert.deepEqual((await getKey(here, first)).material, bytesOf(first))
  assert.equal(await refusal(getKey(here, 'nobody-has-it')), 'ItemNotFound')
  const { Attribute = [] } = await here.request('GetAttributes', {
    UniqueIdentifier: 'old-1',
    AttributeName: ['State'],
  })
  assert.equal(Attribute[0]?.AttributeValue, 'Active')
  // An Undo batch of objects that are all unknown.
  const undo = await here.batch(
    ids.slice(2, 6).map((UniqueIdentifier) => ({ operation: 'Get' as const, request: { UniqueIdentifier } })),
    { onError: 'Undo' },
  )
  assert.ok(undo.every(({ ok }) => ok))
  assert.deepEqual(await upstream().then((one) => [one?.state, one?.adopted]), ['on', 6])
  const { stdout } = await cli(['instance', 'show', 'default'])
  assert.match(stdout, /Upstream: +127\.0\.0\.1:\d+, since /)
  assert.match(stdout, /6 adopted on demand, the last at /)
  assert.deepEqual(await conditions(), [])
  const entries = (await json(['audit', 'list', '--action', 'key.adopt'])) as {
    detail: { onDemand?: boolean }
  }[]
  assert.ok(entries.length === 6 && entries.every(({ detail }) => detail.onDemand))
  // The private key is nowhere in clear.
  const keyText = readFileSync(client.keyFile, 'utf8').split('\n')[1] ?? ''
  for (const file of ['mortise.db', 'mortise.db-wal'])
    assert.ok(!readFileSync(path.join(mine.data, file)).includes(keyText))
})

test('an old server that hangs holds up nobody else: not on this connection, not on others', async () => {
  await using waiting = kmip(mine, 20)
  await using other = kmip()
  const slow = Array.from({ length: 20 }, (_, index) => refusal(getKey(waiting, `slow-${index}`)))
  const own = await createKey(other)
  let longest = 0
  for (let round = 0; round < 50; round++) {
    const begun = performance.now()
    await getKey(other, own)
    longest = Math.max(longest, performance.now() - begun)
  }
  assert.ok(longest < 3_000, `a Get of a key that is here took ${longest} ms`)
  assert.deepEqual(new Set(await Promise.all(slow)), new Set(['GeneralFailure']))
  assert.deepEqual(
    [(await upstream())?.state, await conditions()],
    ['not-answering', ['upstream-not-answering']],
  )
  assert.match((await upstream())?.lastFailure?.message ?? '', /no answer within 7 s/)
  // The question that hung is answered at last, and the key is here when the client asks again.
  letGo()
  await until(async () => (await upstream())?.state === 'on')
  assert.deepEqual((await getKey(waiting, 'slow-0')).material, bytesOf('slow-0'))
  assert.deepEqual(await conditions(), [])
})

test('after a restore it is off until a manager turns it on; then it goes on, also with a restart', async () => {
  await mine.stop()
  const accepted = await mine.cli('restore-accept', '--anyway')
  assert.equal(accepted.code, 0, accepted.stderr)
  await using again = await startServer({ data: mine.data })
  await using here = kmip(again)
  assert.equal(await refusal(getKey(here, 'old-20')), 'GeneralFailure')
  assert.equal((await getKey(here, 'old-0')).material.length, 32)
  assert.deepEqual([(await upstream(again))?.state, await conditions(again)], ['off', ['upstream-off']])
  assert.match((await cli(['status'], again)).stdout, /UPSTREAM OF +SERVERS/)
  isFailing = true
  const failed = await cli(set('--upstream-on'), again)
  isFailing = false
  assert.equal(failed.code, 1)
  assert.match(failed.stderr, /the upstream stays off: .*GeneralFailure \(the disk is full\)/)
  assert.equal((await upstream(again))?.state, 'off')
  const on = (await json(set('--upstream-on'), again)) as Shown
  assert.equal(on.state, 'on')
  assert.deepEqual((await getKey(here, 'old-20')).material, bytesOf('old-20'))
  const compared = await json(['adopt', 'check', '--digests', '--instance', 'default'], again)
  const equal = (await upstream(again))?.adopted ?? 0
  assert.ok(equal >= 8)
  assert.deepEqual(compared, { compared: { equal, different: { count: 0, items: [] } } })
  const removed = await cli(set('--no-upstream'), again)
  assert.match(removed.stdout, /is removed, with its private key/)
  assert.equal(await refusal(getKey(here, 'old-21')), 'ItemNotFound')
  const without = await cli(['adopt', 'check', '--digests', '--instance', 'default'], again)
  assert.match(without.stderr, /has no upstream to compare with/)
  const actions = (await json(['audit', 'list', '--action', 'instance.upstream'], again)) as {
    detail: { what: string }
  }[]
  assert.deepEqual(actions.map(({ detail }) => detail.what).toSorted(), ['on', 'removed', 'set'])
  assert.equal((await cli(['audit', 'verify'], again)).code, 0)
})

test('an instance that comes back from a backup has its upstream off, and without its private key', async () => {
  await using again = await startServer({ data: mine.data })
  await json(named(), again)
  const backup = path.join(mine.data, 'a.backup')
  await json(['backup', 'create', backup], again)
  await json(['instance', 'delete', 'default', '--shred', 'default'], again)
  await json(['restore', backup, '--instance', 'default', '--with-clients', '--yes'], again)
  assert.deepEqual([(await upstream(again))?.state, await conditions(again)], ['off', ['upstream-off']])
  await using here = kmip(again)
  const asked = old.asked.length
  assert.equal(await refusal(getKey(here, 'old-25')), 'GeneralFailure')
  assert.deepEqual((await getKey(here, 'old-20')).material, bytesOf('old-20'))
  assert.equal(old.asked.length, asked)
  const on = await cli(set('--upstream-on'), again)
  assert.equal(on.code, 1)
  assert.match(on.stderr, /was not restored with the instance[^]*Name the upstream again/)
  assert.equal(((await json(named(), again)) as Shown).state, 'on')
  assert.deepEqual((await getKey(here, 'old-25')).material, bytesOf('old-25'))
})
