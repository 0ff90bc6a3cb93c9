// UnauthenticatedPeers at the KMIP listener of a whole server, and the list of pending clients: what cannot be read is on it by its
// fingerprint and hides nobody, also after a restart, and no crowd keeps a new vCenter from it.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { crowdPending, makeCrowd } from '../support/attacks/crowded-pending.ts'
import { showCertificate } from '../support/attacks/show-certificate.ts'
import { showUnreadable } from '../support/attacks/unreadable-certificates.ts'
import { clientCertificate } from '../support/certificates/certificates.ts'
import { writeCertificate } from '../support/certificates/der-certificates.ts'
import { certificateAround, unreadableCertificates } from '../support/certificates/hostile-certificates.ts'
import { startEmbedded, type EmbeddedServer } from '../support/server/server.ts'

interface Listed {
  readonly sha256: string
  readonly subject: string | null
  readonly address: string
}

let server: EmbeddedServer
const data = mkdtempSync(path.join(tmpdir(), 'mortise-strangers-'))
before(async () => {
  server = await startEmbedded({ data })
})
after(async () => {
  await server[Symbol.asyncDispose]()
  rmSync(data, { recursive: true, force: true })
})

const pending = async (): Promise<Listed[]> => (await server.json('client', 'pending')) as Listed[]
const fingerprints = async (): Promise<string[]> => (await pending()).map(({ sha256 }) => sha256)

test('what cannot be read is listed by its fingerprint as unreadable, also after a restart, and hides nobody', async () => {
  const vcenter = await clientCertificate('self-signed')
  assert.ok(await showCertificate(server.kmip, vcenter.tls))
  const inside = certificateAround((await clientCertificate('vmca-signed')).certificate)
  // From as many addresses as it takes for all to be listed.
  const all = [...unreadableCertificates().values(), inside].map(({ sha256, tls }, number) => {
    return { sha256, tls, from: `127.0.77.${1 + Math.floor(number / 5)}` }
  })
  // A certificate larger than an unknown address may send ends the handshake, so it never comes onto the list.
  const strangers: typeof all = []
  for (const one of all)
    if (await showCertificate(server.kmip, one.tls, { from: one.from })) strangers.push(one)
  assert.ok(strangers.length >= 10, `${strangers.length} of ${all.length} were shown`)

  const look = async () => {
    const { code, stdout, stderr } = await server.cli('client', 'pending')
    assert.equal(code, 0, stderr)
    for (const { sha256 } of strangers)
      assert.match(stdout, new RegExp(`^${sha256} +unreadable .*127\\.0\\.77\\.`, 'm'))
    assert.match(stdout, new RegExp(`^${vcenter.certificate.sha256} +CN=kmipClient`, 'm'))
  }
  await look()
  await server.stop()
  server = await startEmbedded({ data })
  await look()

  for (const { sha256 } of strangers.slice(0, 2)) {
    const refused = await server.cli('client', 'trust', '--name', 'untrusted', '--pending', sha256)
    assert.equal(refused.code, 1)
    assert.match(refused.stderr, /The dates of this certificate cannot be read, so it cannot be trusted/)
  }
  const { sha256 } = vcenter.certificate
  const trusted = await server.cli('client', 'trust', '--name', 'vcenter', '--pending', sha256)
  assert.equal(trusted.code, 0, trusted.stderr)
  assert.deepEqual(await server.json('client', 'list').then((clients) => (clients as unknown[]).length), 1)
})

test('60 addresses with 5 certificates each do not keep a new vCenter from the list', async () => {
  for (const { from, certificates } of makeCrowd())
    await Promise.all(certificates.map(({ tls }) => showCertificate(server.kmip, tls, { from })))
  assert.equal((await pending()).length, 100)
  const vcenter = writeCertificate()
  assert.ok(await showCertificate(server.kmip, vcenter.tls, { from: '127.0.88.1' }))
  const listed = await fingerprints()
  assert.ok(listed.includes(vcenter.sha256))
  assert.equal(listed.length, 100)
})

test('while strangers go on with both, a new vCenter appears and stays', async () => {
  const stop = new AbortController()
  const { hostname: host, port } = new URL(server.admin)
  const target = { kmip: server.kmip, admin: { host, port: Number(port) }, neighbours: [] }
  const attacks = [showUnreadable, crowdPending].map((attack) => attack(target, stop.signal))
  try {
    const vcenter = writeCertificate()
    // As vCenter does: it comes back.
    for (let times = 0; times < 2; times++) {
      assert.ok(await showCertificate(server.kmip, vcenter.tls, { from: '127.0.88.2' }))
      assert.ok((await fingerprints()).includes(vcenter.sha256))
    }
  } finally {
    stop.abort()
    await Promise.all(attacks)
  }
})
