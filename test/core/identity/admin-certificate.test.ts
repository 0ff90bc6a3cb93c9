// The certificate of the admin API, which all nodes of one database share.

import assert from 'node:assert/strict'
import path from 'node:path'
import { test } from 'node:test'
import { certificateNamesMax } from '../../../src/base/bounds.ts'
import { Secrets } from '../../../src/core/sealing/secrets.ts'
import { adminCertificate } from '../../../src/core/identity/admin-certificate.ts'
import { openServerIdentity } from '../../../src/core/identity/server-identity.ts'
import { namesIn } from '../../../src/core/pki/server-chain.ts'
import { FaultyRootKey } from '../../support/root-keys/faulty-root-key.ts'
import { openSqlite, storeFolder } from '../../support/store/store-place.ts'

const yearMs = 365 * 24 * 3600_000

test('nodes with different names share one certificate with the names of all, and do not replace it with each start', async (t) => {
  const store = await openSqlite(t, path.join(await storeFolder(t), 'mortise.db'))
  const rootKey = new FaultyRootKey()
  let nowMs = Date.now()
  /** Starts a node, which reads what is stored then. */
  const node = async (...names: string[]) => {
    const secrets = await Secrets.open(store, rootKey)
    const { authority, server: kmip } = await openServerIdentity(secrets, [], nowMs)
    return async () => (await adminCertificate({ secrets, authority, kmip, names, nowMs })).certificate
  }
  const [one, two] = [await node('one.example'), await node('two.example')]
  await one()
  const shared = await two()
  const names = namesIn(shared.der)
  for (const name of ['localhost', 'one.example', 'two.example']) assert.ok(names.includes(name), name)
  for (const name of ['one.example', 'two.example', 'one.example']) {
    const started = await node(name)
    assert.equal((await started()).sha256, shared.sha256)
  }
  assert.equal((await two()).sha256, shared.sha256)
  const { entries } = await store.audit({ action: 'admin-cert.renew', order: 'newest', limit: 9 })
  assert.equal(entries.length, 2, 'each name made one')

  // A node that has nearly all of the names that one certificate takes leaves those of the others in it.
  const many = Array.from({ length: certificateNamesMax - 20 }, (_, n) => `${n}.one.example`)
  for (const count of [many.length - 1, many.length]) await (await node(...many.slice(0, count)))()
  const stored = await (await node(...many))()
  assert.ok(namesIn(stored.der).includes('two.example'))

  // A name that no node has any more does not stay for ever.
  nowMs = shared.notAfterMs
  const next = namesIn((await two()).der)
  assert.deepEqual(
    ['one.example', 'two.example'].map((name) => next.includes(name)),
    [false, true],
  )
  assert.ok((await two()).notAfterMs - nowMs > yearMs / 4)
})
