// A change that fails to answer must not have happened: whatever an answer needs is read, and the answer is made, before
// the commit. So a store that can no longer be read at the moment of the commit costs no answer, and one that cannot be
// read before it costs the change too.

import { certificateRoutes } from '../../src/features/certificates/routes.ts'
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { AdminClient } from '../../src/doors/http/client.ts'
import type { CorePorts } from '../../src/core/server/core.ts'
import { StoreUnavailable, type Store } from '../../src/core/ports/store.ts'
import { basicConstraints, keyUsage } from '../../src/core/pki/build.ts'
import { makeRequest } from '../../src/core/pki/make-request.ts'
import { startDoor, type TestDoor } from '../support/server/admin-door.ts'
import { clientCertificate, makeCertificate, testVmca } from '../support/certificates/certificates.ts'
import { writeCertificate } from '../support/certificates/der-certificates.ts'
import { manager } from '../support/server/core.ts'
import {
  certificateAround,
  certificateWithoutKey,
  unreadableCertificates,
} from '../support/certificates/hostile-certificates.ts'
import { clientRoutes } from '../../src/features/clients/routes.ts'
import { instanceRoutes } from '../../src/features/instances/routes.ts'
import { keyRoutes } from '../../src/features/keys/routes.ts'
import { statusRoutes } from '../../src/features/status/routes.ts'
import { tokenRoutes } from '../../src/features/tokens/routes.ts'

let door: TestDoor
let client: AdminClient
/** Reads that fail: by name, and all of them from the next change on. */
let failing: ReadonlySet<string> = new Set()
let failsAfterChange = false
let changed = false

function failingReads(store: CorePorts['store']): CorePorts['store'] {
  return new Proxy(store, {
    get(target, name) {
      const member: unknown = target[name as keyof Store]
      if (typeof member !== 'function') return member
      if (name === 'commit')
        return async (...[change]: Parameters<Store['commit']>) => {
          await target.commit(change)
          changed ||= change.entries.length > 0
        }
      return (...given: unknown[]) => {
        if (
          failing.has(String(name)) ||
          (failsAfterChange && changed && name !== 'close' && name !== 'health')
        )
          return Promise.reject(new StoreUnavailable('busy', `no ${String(name)}`))
        return (member as (...args: unknown[]) => unknown).apply(target, given)
      }
    },
  })
}

before(async () => {
  door = await startDoor({ around: failingReads })
  const trust = { by: 'fingerprint', sha256: door.certificateSha256 } as const
  // Work in the background is not what is looked at here.
  door.context.instanceWork.nudge = () => {}
  client = new AdminClient({ url: door.url, token: await door.token('manager'), trust })
})
after(() => door.close())

const version = async () => (await door.context.access.snapshot()).version
const red = { instance: 'red' } as const

async function trusted(name: string): Promise<string> {
  const body = { by: 'certificate', name, certificate: writeCertificate().pem } as const
  return (await client.call(clientRoutes.trustClient, { ...red, body })).sha256
}

async function key(): Promise<string> {
  return (await client.call(keyRoutes.createKey, { ...red, body: {} })).id
}

async function request(): Promise<string> {
  return (await makeRequest({ commonName: 'signed' })).request
}

/** Each prepares what it needs, and then asks for one change. */
const changes: Readonly<Record<string, () => Promise<() => Promise<unknown>>>> = {
  createInstance: async () => () => client.call(instanceRoutes.createInstance, { body: { name: 'made' } }),
  setInstance: async () => () =>
    client.call(instanceRoutes.setInstance, { ...red, body: { cacheSeconds: 60 } }),
  'deleteInstance with shred': async () => {
    const { name } = await client.call(instanceRoutes.createInstance, { body: { name: 'shredded' } })
    return () => client.call(instanceRoutes.deleteInstance, { instance: name, query: { shred: name } })
  },
  deleteInstance: async () => {
    const { name } = await client.call(instanceRoutes.createInstance, { body: { name: 'deleted' } })
    return () => client.call(instanceRoutes.deleteInstance, { instance: name })
  },
  setRootKey: async () => () =>
    client.call(instanceRoutes.setRootKey, { instance: 'blue', body: { rootKey: 'file:other.key' } }),
  'trustClient by certificate': async () => () => trusted('trusted'),
  'trustClient by CA': async () => {
    const authority = (await testVmca()).certificate.pem
    const body = { by: 'authority', name: 'ca', authority, subject: 'kmipClient*' } as const
    return () => client.call(clientRoutes.trustClient, { ...red, body })
  },
  'trustClient of one that is pending': async () => {
    const { der, sha256 } = writeCertificate()
    door.context.pending.recordUnknown({ der, sha256 }, '192.0.2.1')
    return () =>
      client.call(clientRoutes.trustClient, { ...red, body: { by: 'pending', name: 'pending', sha256 } })
  },
  signClient: async () => {
    const body = { name: 'signed', request: await request() }
    return () => client.call(clientRoutes.signClient, { ...red, body })
  },
  setClient: async () => {
    await trusted('set')
    return () => client.call(clientRoutes.setClient, { ...red, client: 'set', body: { expiredGraceDays: 7 } })
  },
  removeCertificate: async () => {
    const certificate = await trusted('less')
    return () => client.call(clientRoutes.removeCertificate, { ...red, client: 'less', certificate })
  },
  removeClient: async () => {
    await trusted('removed')
    return () => client.call(clientRoutes.removeClient, { ...red, client: 'removed' })
  },
  blockCertificate: async () => () =>
    client.call(clientRoutes.blockCertificate, { body: { sha256: writeCertificate().sha256 } }),
  unblockCertificate: async () => {
    const { sha256 } = await client.call(clientRoutes.blockCertificate, {
      body: { sha256: writeCertificate().sha256 },
    })
    return () => client.call(clientRoutes.unblockCertificate, { certificate: sha256 })
  },
  createToken: async () => () =>
    client.call(tokenRoutes.createToken, { body: { role: 'viewer', instance: 'red' } }),
  revokeToken: async () => {
    const { id } = await client.call(tokenRoutes.createToken, { body: { role: 'viewer' } })
    return () => client.call(tokenRoutes.revokeToken, { token: id })
  },
  createKey: async () => () =>
    client.call(keyRoutes.createKey, { ...red, body: { name: 'made', activate: true } }),
  activateKey: async () => {
    const id = await key()
    return () => client.call(keyRoutes.activateKey, { ...red, key: id })
  },
  revokeKey: async () => {
    const id = await key()
    return () => client.call(keyRoutes.revokeKey, { ...red, key: id, body: { reason: 'KeyCompromise' } })
  },
  destroyKey: async () => {
    const id = await key()
    return () => client.call(keyRoutes.destroyKey, { ...red, key: id })
  },
  renewServerCertificate: async () => () =>
    client.call(certificateRoutes.renewServerCertificate, { body: { names: ['kms.example.test'] } }),
  discardServerCertificate: async () => () => client.call(certificateRoutes.discardServerCertificate),
  requestServerCertificate: async () => () =>
    client.call(certificateRoutes.requestServerCertificate, { body: { names: ['kms.example.test'] } }),
}

for (const [name, prepare] of Object.entries(changes))
  test(`answered although nothing can be read after the commit: ${name}`, async () => {
    const change = await prepare()
    changed = false
    failsAfterChange = true
    try {
      assert.ok(await change())
      assert.ok(changed, 'it was a change')
    } finally {
      failsAfterChange = false
    }
    assert.deepEqual(door.bugs, [])
  })

const clientChanges = [
  'trustClient by certificate',
  'signClient',
  'setClient',
  'removeCertificate',
  'revokeToken',
]
const unanswerable: readonly (readonly [read: string, change: string])[] = [
  ...clientChanges.map((name) => ['seen', name] as const),
  ['seen', 'createToken'],
  ['secrets', 'createInstance'],
  ['secrets', 'setInstance'],
  ['secrets', 'setRootKey'],
]

for (const [read, name] of unanswerable)
  test(`not done, since the answer cannot be made (${read}): ${name}`, async () => {
    const change = await changes[name]?.()
    const earlier = await version()
    failing = new Set([read])
    try {
      await assert.rejects(async () => change?.(), { code: 'unavailable' })
    } finally {
      failing = new Set()
    }
    assert.equal(await version(), earlier)
  })

test('a certificate that cannot be read is refused in words, and changes nothing', async () => {
  await trusted('beside')
  const hostile = [
    ...unreadableCertificates(),
    ['a key of no kind', certificateWithoutKey()] as const,
    [
      'another certificate inside',
      certificateAround((await clientCertificate('self-signed')).certificate),
    ] as const,
  ]
  const earlier = await version()
  for (const [what, { pem, der, sha256 }] of hostile) {
    const byCertificate = { by: 'certificate', name: 'hostile', certificate: pem } as const
    await assert.rejects(
      client.call(clientRoutes.trustClient, { ...red, body: byCertificate }),
      refusedInWords,
      what,
    )
    const byAuthority = {
      by: 'authority',
      name: 'hostile',
      authority: pem,
      subject: '*',
      everyCertificate: true,
    } as const
    await assert.rejects(
      client.call(clientRoutes.trustClient, { ...red, body: byAuthority }),
      refusedInWords,
      what,
    )
    door.context.pending.recordUnknown({ der, sha256 }, '192.0.2.1')
    const byPending = { by: 'pending', name: 'hostile', sha256 } as const
    await assert.rejects(
      client.call(clientRoutes.trustClient, { ...red, body: byPending }),
      refusedInWords,
      what,
    )
    await assert.rejects(
      client.call(certificateRoutes.importServerCertificate, { body: { certificate: pem } }),
      refusedInWords,
    )
    const listed = (await client.call(clientRoutes.listPending)).find((one) => one.sha256 === sha256)
    assert.deepEqual([listed?.subject, listed?.notAfter, listed?.certificate], [null, null, pem], what)
  }
  assert.equal(await version(), earlier)
  const names = (await client.call(clientRoutes.listClients, red)).map(({ name }) => name)
  assert.deepEqual(names, names.toSorted(), 'listed by name')
  assert.ok(names.includes('beside') && !names.includes('hostile'))
  assert.deepEqual(door.bugs, [])
})

function refusedInWords(error: unknown): true {
  assert.ok(error instanceof Error && 'code' in error)
  assert.equal(error.code, 'bad-request')
  assert.match(error.message, /cannot be read|its content is not one|has more than/)
  return true
}

test('one that was trusted before it was known to be unreadable hides no other, and is never served', async () => {
  const [first] = unreadableCertificates().values()
  assert.ok(first)
  const { der, sha256 } = first
  await door.context.trust.clients.trustCertificate(manager, {
    instanceId: door.red.id,
    name: 'old',
    certificate: { der, sha256 },
  })
  const old = (await client.call(clientRoutes.listClients, red)).find(({ name }) => name === 'old')
  const [certificate] = old?.certificates ?? []
  assert.deepEqual([certificate?.sha256, certificate?.subject, certificate?.notAfter], [sha256, null, null])
  assert.match(certificate?.warnings.join() ?? '', /cannot be read/)
  assert.ok((await client.call(statusRoutes.status)).ready)
  const verdict = await door.context.access.identify({ certificate: { der, sha256 }, address: '192.0.2.1' })
  assert.deepEqual([verdict.trusted, verdict.trusted ? '' : verdict.why], [false, 'not yet valid'])
  assert.equal((await client.call(clientRoutes.removeClient, { ...red, client: 'old' })).name, 'old')
})

test('what is weak about a certificate is said when it is trusted and as long as it is', async () => {
  const expected = [
    ['rsa-1024', /its key has 1024 bits/],
    ['sha-1', /signed with sha1WithRSAEncryption/],
    ['expired', /expired on \d{4}-\d\d-\d\d and is not served any more/],
    [
      'not-yet-valid',
      /^it is valid from \d{4}-\d\d-\d\d on, and refused until the day before: check the clocks$/,
    ],
    ['expired-lately', /expired on \d{4}-\d\d-\d\d and is served until/],
    ['self-signed', /^$/],
  ] as const
  for (const [kind, warning] of expected) {
    const { pem, sha256 } = (await clientCertificate(kind)).certificate
    const body = { by: 'certificate', name: kind, certificate: pem } as const
    const answered = await client.call(clientRoutes.trustClient, { ...red, body })
    const shown = await client.call(clientRoutes.showClient, { ...red, client: kind })
    for (const { certificates } of [answered, shown])
      assert.match(certificates.find((one) => one.sha256 === sha256)?.warnings.join() ?? 'none', warning)
  }
  const weakCa = await makeCertificate({
    key: 'rsa-1024',
    ownKey: true,
    extensions: [basicConstraints(true), keyUsage('ca')],
  })
  const body = { by: 'authority', name: 'weak-ca', authority: weakCa.certificate.pem, subject: 'x*' } as const
  const { authorities } = await client.call(clientRoutes.trustClient, { ...red, body })
  assert.match(authorities[0]?.warnings.join() ?? '', /its key has 1024 bits/)
})
