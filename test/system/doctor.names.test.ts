// The doctor and names that have several IP addresses: each may be another server.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { diagnose, type Diagnosis } from '../../src/tools/vsphere/doctor.ts'
import { startEmbedded } from '../support/server/server.ts'

test('two servers with keys of their own behind one name: both are examined, and the doctor says what a client would meet', async (t) => {
  const first = await startEmbedded()
  t.after(() => first[Symbol.asyncDispose]())
  const { port } = first.kmip
  const second = await startEmbedded({ args: ['--kmip', `127.0.0.2:${port}`] })
  t.after(() => second[Symbol.asyncDispose]())
  const { tls } = await first.issue('vcenter')
  await second.trust('vcenter', tls.cert)

  const ask = (...ips: string[]): Promise<Diagnosis> =>
    diagnose({
      addresses: [{ host: 'kms.example.com', port }],
      client: { cert: tls.cert, key: Buffer.from(tls.key) },
      trust: { by: 'nothing' },
      writeTest: true,
      nowMs: Date.now(),
      resolve: () => Promise.resolve(ips),
    })
  const { ok, addresses, findings } = await ask('127.0.0.1', '127.0.0.2')
  assert.equal(ok, false)
  assert.deepEqual(
    addresses.map(({ address, resolved, certificate, client }) => ({
      address,
      resolved,
      sha256: certificate?.sha256,
      client,
    })),
    [first, second].map(({ kmip: { host }, serverCertSha256 }) => ({
      address: `kms.example.com:${port} at ${host}`,
      resolved: [host],
      sha256: serverCertSha256,
      client: 'trusted',
    })),
  )
  assert.ok(findings.some(({ what }) => /shows 2 different certificates at its IP addresses/.test(what)))
  assert.ok(addresses[1]?.findings.some(({ what }) => /^Get of the test key: .*ItemNotFound/.test(what)))

  const half = await ask('127.0.0.1', '127.0.0.3')
  assert.ok(half.ok, JSON.stringify(half, null, 1))
  assert.deepEqual(
    half.addresses.map(({ address }) => address),
    [`kms.example.com:${port}`],
  )
  assert.ok(
    half.addresses[0]?.findings.some(({ what }) => /^127\.0\.0\.3 port .* resolves to it too$/.test(what)),
  )
})
