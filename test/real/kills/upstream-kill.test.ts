// kill -9 while clients make the server adopt on demand: each object is whole afterwards or not there at all, with its audit
// entry or without one, and the next Get brings what is not there.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { getKey } from '../../../src/outside/kmip-client/calls.ts'
import { connectKmip, type KmipClient } from '../../../src/outside/kmip-client/client.ts'
import { KmipRefused } from '../../../src/outside/kmip-client/errors.ts'
import { Fault } from '../../../src/wire/kmip/fault.ts'
import { openOldKmipServer, type OldKmipServer } from '../../support/old-kmip-server/fake.ts'
import { bytesOf, holding } from '../../support/old-kmip-server/keys.ts'
import { startServer, type ClientFiles, type TestServer } from '../../support/server/server.ts'

const ids = Array.from({ length: 90 }, (_, index) => `old-${index}`)
/** After so many answers of the old server, and so many milliseconds more, the server is killed. */
const kills = [
  { answers: 3, moreMs: 0 },
  { answers: 12, moreMs: 5 },
  { answers: 24, moreMs: 10 },
]

let old: OldKmipServer
/** What the old server does when it gave an object. */
let onAnswer: () => void = () => undefined
/** It gives nothing. */
let isBusy = false

before(async () => {
  const handlers = holding(ids)
  old = await openOldKmipServer({
    ...handlers,
    Get: (asked) => {
      if (isBusy || !handlers.Get) throw new Fault('GeneralFailure', 'too much to do')
      onAnswer()
      return handlers.Get(asked)
    },
  })
})
after(() => old[Symbol.asyncDispose]())

function kmip({ kmip: address }: TestServer, { tls }: ClientFiles, connectionsMax = 1): KmipClient {
  const trust = { by: 'authority', pem: tls.ca } as const
  return connectKmip({ addresses: [address], ...tls, trust, connectionsMax })
}

interface Entry {
  readonly object: string
  readonly result: string
}

/** The identifiers that are here, of which each is whole. The old server must be busy. */
async function whole(server: TestServer, client: ClientFiles): Promise<ReadonlySet<string>> {
  const here = new Set<string>()
  await using talk = kmip(server, client)
  for (const id of ids)
    try {
      const { material } = await getKey(talk, id)
      assert.deepEqual(material, bytesOf(id))
      const asked = { UniqueIdentifier: id, AttributeName: ['State', 'x-Mortise-Adopted'] }
      const { Attribute = [] } = await talk.request('GetAttributes', asked)
      assert.deepEqual(
        Attribute.map(({ AttributeName }) => AttributeName),
        ['State', 'x-Mortise-Adopted'],
      )
      assert.equal(Attribute[0]?.AttributeValue, 'Active')
      here.add(id)
    } catch (error) {
      assert.ok(error instanceof KmipRefused && error.reason === 'GeneralFailure', String(error))
    }
  return here
}

async function entered(server: TestServer): Promise<readonly string[]> {
  const listed = await server.json('audit', 'list', '--action', 'key.adopt', '--limit', '1000')
  return (listed as Entry[]).filter(({ result }) => result === 'success').map(({ object }) => object)
}

async function counted(server: TestServer): Promise<number> {
  const shown = (await server.json('instance', 'show', 'default')) as { upstream: { adopted: number } }
  return shown.upstream.adopted
}

test('killed while it adopts on demand: each object is whole or not there, and the next Get brings it', async (t) => {
  await using first = await startServer()
  const { data } = first
  const client = await first.issue('vcenter')
  const as = ['--upstream-cert', client.certFile, '--upstream-key', client.keyFile]
  const named = ['--upstream', `kmip://127.0.0.1:${old.port}`, ...as, '--upstream-fingerprint', old.sha256]
  await first.json('instance', 'set', 'default', ...named)
  let server = first
  const left: number[] = []
  try {
    for (const { answers, moreMs } of kills) {
      const { promise: enough, resolve } = Promise.withResolvers<undefined>()
      let given = 0
      onAnswer = () => {
        if (++given === answers) resolve(undefined)
      }
      await using asking = kmip(server, client, 16)
      const known = new Set(await entered(server))
      const wanted = ids.filter((id) => !known.has(id)).slice(0, 30)
      const got = wanted.map((id) =>
        getKey(asking, id).then(
          () => id,
          () => undefined,
        ),
      )
      await enough
      await sleep(moreMs)
      await server.kill()
      const answered = new Set(await Promise.all(got))
      isBusy = true
      server = await startServer({ data })
      const here = await whole(server, client)
      for (const id of answered) assert.ok(id === undefined || here.has(id), `${id} was sent and is gone`)
      const adopted = await entered(server)
      assert.deepEqual(new Set(adopted), here)
      assert.deepEqual([adopted.length, await counted(server)], [here.size, here.size])
      left.push(wanted.filter((id) => !here.has(id)).length)
      isBusy = false
    }
    t.diagnostic(`not there after each kill: ${left.join(', ')} of 30`)
    assert.ok(Math.max(...left) > 0, 'every kill came too late')
    assert.ok(Math.min(...left) < 30, 'every kill came too early')
    await using talk = kmip(server, client)
    for (const id of ids) assert.deepEqual((await getKey(talk, id)).material, bytesOf(id))
    assert.equal(await counted(server), ids.length)
    const proof = (await server.json('audit', 'verify')) as { readonly ok: boolean }
    assert.ok(proof.ok)
  } finally {
    await server.kill()
  }
})
