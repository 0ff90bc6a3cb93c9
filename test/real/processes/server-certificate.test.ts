// The certificate of the KMIP door through the real server: staged, switched to, brought from another CA, and what is
// left when the process is killed between two steps.

import type { certificateRoutes } from '../../../src/features/certificates/routes.ts'
import assert from 'node:assert/strict'
import { createPublicKey, X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from 'node:tls'
import { AsnConvert, OctetString } from '@peculiar/asn1-schema'
import { BasicConstraints, Extension, id_ce_basicConstraints } from '@peculiar/asn1-x509'
import type { Output } from '../../../src/doors/http/route.ts'
import {
  basicConstraints,
  extendedKeyUsage,
  keyUsage,
  signCertificate,
  subjectAltNames,
} from '../../../src/core/pki/build.ts'
import { parseCertificate } from '../../../src/core/pki/certificate.ts'
import { readRequest } from '../../../src/core/pki/request.ts'
import { nameWithCommonName } from '../../../src/core/pki/build-name.ts'
import { makeCertificate, type TestIdentity } from '../../support/certificates/certificates.ts'
import { command } from '../../support/server/command.ts'
import { openTalk } from '../../support/clients/kmip-talk.ts'
import {
  startServer,
  type ClientFiles,
  type CommandResult,
  type TestServer,
} from '../../support/server/server.ts'
import { connectClient } from '../../support/clients/tls-client.ts'

type Shown = Output<typeof certificateRoutes.showServerCertificate>

const dayMs = 24 * 3600_000
const folder = mkdtempSync(path.join(tmpdir(), 'mortise-certificate-'))
const data = path.join(folder, 'data')
let server: TestServer
let files: ClientFiles
/** A company's CA, and a CA below it that signs. */
let rootCa: TestIdentity
let issuingCa: TestIdentity

before(async () => {
  server = await startServer({ data })
  files = await server.issue('vc1')
  const ca = { ownKey: true, extensions: [], toDays: 3650 } as const
  const extensions = [basicConstraints(true), keyUsage('ca')]
  rootCa = await makeCertificate({ ...ca, commonName: 'Company root', extensions: [caAbove, keyUsage('ca')] })
  issuingCa = await makeCertificate({ ...ca, commonName: 'Company issuing', extensions, issuer: rootCa })
})
after(async () => {
  await server[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

/** Without the path length 0 of a CA that signs leaves only. */
const caAbove = new Extension({
  extnID: id_ce_basicConstraints,
  critical: true,
  extnValue: new OctetString(AsnConvert.serialize(new BasicConstraints({ cA: true }))),
})

const cli = (...words: string[]): Promise<CommandResult> => command(words, { data })

async function json(...words: string[]): Promise<Shown> {
  const { code, stdout, stderr } = await cli('server-cert', ...words, '--json')
  assert.equal(code, 0, stderr)
  return JSON.parse(stdout) as Shown
}

async function refused(words: readonly string[], why: RegExp): Promise<void> {
  const before = await json('show')
  const { code, stderr } = await cli('server-cert', ...words)
  assert.equal(code, 1, stderr)
  assert.match(stderr, why)
  assert.deepEqual(await json('show'), before, 'a refusal changes nothing')
}

/** The SHA-256 of the certificate that a new handshake sees. */
async function shownNow(): Promise<string> {
  const client = await connectClient(server.kmip)
  const sha256 = client.socket.getPeerX509Certificate()?.fingerprint256.replaceAll(':', '').toLowerCase()
  client.close()
  return sha256 ?? ''
}

interface Peculiarities {
  readonly names?: readonly string[] | null
  readonly fromDays?: number
  readonly toDays?: number
  readonly usage?: 'serverAuth' | 'clientAuth'
  readonly isCa?: boolean
  readonly sha1?: boolean
}

/** What the company's CA makes of a request; PEM. */
async function signed(request: string, peculiar: Peculiarities = {}): Promise<string> {
  const { names = ['kms.example.test'], fromDays = -1, toDays = 398, usage = 'serverAuth' } = peculiar
  const { publicKey } = await readRequest(request)
  const der = await signCertificate({
    subject: nameWithCommonName('kms.example.test'),
    issuer: nameWithCommonName('Company issuing'),
    publicKey,
    notBeforeMs: Date.now() + fromDays * dayMs,
    notAfterMs: Date.now() + toDays * dayMs,
    extensions: [
      basicConstraints(peculiar.isCa === true),
      keyUsage(peculiar.isCa === true ? 'ca' : 'tls'),
      extendedKeyUsage(usage),
      ...(names === null ? [] : [subjectAltNames(names)]),
    ],
    signWith: issuingCa.privateKey,
    algorithm: peculiar.sha1 === true ? 'sha1WithRSAEncryption' : 'sha256WithRSAEncryption',
  })
  return parseCertificate(der).pem
}

function written(name: string, ...pems: readonly string[]): string {
  const file = path.join(folder, name)
  writeFileSync(file, pems.join(''))
  return file
}

async function restart(how: 'stop' | 'kill'): Promise<void> {
  await server[how]()
  server = await startServer({ data })
}

test('show tells both fingerprints, names, dates and key, as the door shows them', async () => {
  const shown = await json('show')
  assert.equal(shown.sha256, server.serverCertSha256)
  assert.equal(shown.sha256, await shownNow())
  const certificate = new X509Certificate(shown.certificate)
  assert.equal(shown.sha1, certificate.fingerprint.replaceAll(':', '').toLowerCase())
  assert.equal(shown.key, 'RSA 2048')
  assert.ok(shown.names.includes('localhost') && shown.names.includes('127.0.0.1'), shown.names.join())
  assert.equal(shown.staged, null)
  assert.match((await cli('server-cert', 'show')).stdout, /^SHA-256: +[0-9A-F]{2}(:[0-9A-F]{2}){31}\nSHA-1: /)
})

test('a renewed certificate is staged, switched to without a restart, connections are kept, and it can be gone back from', async () => {
  const old = await json('show')
  const open = await openTalk({ ...server.kmip, tls: files.tls })
  const id = await open.create()
  const recorded = await sessionNow()

  const staged = await json('renew', '--names', 'kms.example.test,192.0.2.7,2001:db8::1')
  assert.equal(staged.sha256, old.sha256)
  assert.deepEqual(staged.staged?.names, ['kms.example.test', '192.0.2.7', '2001:db8::1'])
  assert.equal(await shownNow(), old.sha256, 'staged is not shown')
  await refused(['renew'], /another certificate is staged/)

  const switched = await json('activate')
  assert.equal(switched.sha256, staged.staged?.sha256)
  assert.equal(switched.staged, null)
  assert.equal(switched.previous?.sha256, old.sha256)
  assert.equal(await shownNow(), switched.sha256)
  assert.ok((await open.get(id)).ok, 'the connection that was open goes on')
  open.close()
  const again = await connectClient({ ...server.kmip, ...recorded })
  assert.ok(!again.socket.isSessionReused(), 'sessions do not outlive the certificate that they began under')
  again.close()

  const back = await json('activate', '--previous')
  assert.equal(back.sha256, old.sha256)
  assert.equal(await shownNow(), old.sha256)
  assert.equal((await json('activate', '--previous')).sha256, switched.sha256)
})

async function sessionNow(): Promise<{ session: Buffer; maxVersion: 'TLSv1.2' }> {
  const client = await connectClient({ ...server.kmip, maxVersion: 'TLSv1.2' })
  const { session } = client
  assert.ok(session)
  client.close()
  const resumed = await connectClient({ ...server.kmip, maxVersion: 'TLSv1.2', session })
  assert.ok(resumed.socket.isSessionReused(), 'otherwise this test shows nothing')
  resumed.close()
  return { session, maxVersion: 'TLSv1.2' }
}

test('the admin door goes on under the pinned CA, by the names that it is known by', async () => {
  const ca = readFileSync(path.join(data, 'admin-ca.pem'), 'utf8')
  const { hostname, port } = new URL(server.admin)
  // The names given to `renew` lack localhost, so that the admin door needs a certificate of its own.
  for (const servername of ['localhost', undefined])
    await new Promise<void>((resolve, reject) => {
      const socket = connect(
        { host: hostname, port: Number(port), ca, ...(servername && { servername }) },
        () => {
          socket.end()
          resolve()
        },
      )
      socket.once('error', reject)
    })
  assert.equal((await cli('instance', 'list')).code, 0)
})

test('a restart keeps what is active and what is staged, and the ready line names the active one', async () => {
  const { sha256 } = await json('show')
  const { staged } = await json('renew')
  for (const how of ['stop', 'kill'] as const) {
    await restart(how)
    assert.equal(server.serverCertSha256, sha256)
    assert.equal(await shownNow(), sha256)
    const shown = await json('show')
    assert.deepEqual(shown.staged, staged)
  }
  // The key is the one that belongs to it, or the handshake would fail.
  await json('activate')
  await restart('kill')
  assert.equal(server.serverCertSha256, staged?.sha256)
  assert.equal(await shownNow(), staged?.sha256)
  const names = (await json('show')).names
  assert.ok(names.includes('kms.example.test') && names.includes('localhost'), 'a renewal loses no name')
})

test('kill -9 at any moment of a switch leaves one certificate or the other, with its key', async () => {
  const seen = new Set<string>()
  for (let round = 0; round < 4; round++) {
    const { sha256: old } = await json('show')
    const { staged } = await json('renew')
    const switching = cli('server-cert', 'activate')
    await sleep(round * 4)
    await server.kill()
    await switching
    server = await startServer({ data })
    const { sha256, staged: left } = await json('show')
    assert.ok([old, staged?.sha256].includes(sha256))
    assert.equal(await shownNow(), sha256)
    assert.equal(server.serverCertSha256, sha256)
    assert.equal(left?.sha256, sha256 === old ? staged?.sha256 : undefined)
    if (left) await json('discard')
    seen.add(sha256 === old ? 'before' : 'after')
  }
  assert.ok(seen.size > 0)
})

test('a certificate of another CA: request, import with its chain, switch', async () => {
  const file = path.join(folder, 'kms.csr')
  const { code, stdout } = await cli(
    'server-cert',
    'csr',
    '--names',
    'kms.example.test,192.0.2.9',
    '--out',
    file,
  )
  assert.equal(code, 0)
  assert.match(stdout, /kms\.example\.test, 192\.0\.2\.9/)
  const request = readFileSync(file, 'utf8')
  await restart('kill')
  assert.equal((await cli('server-cert', 'csr', '--out', '-')).stdout, request, 'the one that waits, again')
  await refused(['csr', '--names', 'x.example.test', '--out', '-'], /waits for its certificate/)

  const pem = await signed(request, { names: ['kms.example.test', '192.0.2.9'] })
  const chain = written('chain.pem', rootCa.certificate.pem, pem, issuingCa.certificate.pem)
  const { staged, request: waiting } = await json('import', '--cert', chain)
  assert.equal(waiting, null)
  assert.equal(staged?.sha256, parseCertificate(pem).sha256)
  assert.deepEqual(staged?.warnings, [])
  assert.equal(staged?.certificate, [pem, issuingCa.certificate.pem, rootCa.certificate.pem].join(''))

  await restart('kill')
  await json('activate')
  await new Promise<void>((resolve, reject) => {
    const trust = { ca: rootCa.certificate.pem, servername: 'kms.example.test' }
    const socket = connect({ ...server.kmip, ...trust }, () => {
      socket.end()
      resolve()
    })
    socket.once('error', reject)
  })
  assert.equal((await cli('instance', 'list')).code, 0, 'the admin door stays under the CA of its own')
  await restart('stop')
  assert.equal(await shownNow(), staged?.sha256)
  assert.equal((await cli('instance', 'list')).code, 0)
})

test('what cannot be the certificate of the server is refused, with the reason', async () => {
  const { stdout: request } = await cli('server-cert', 'csr', '--out', '-', '--names', 'kms.example.test')
  const wrong = async (why: RegExp, peculiar: Peculiarities, ...behind: string[]): Promise<void> => {
    const file = written('wrong.pem', await signed(request, peculiar), ...behind)
    await refused(['import', '--cert', file], why)
  }
  await wrong(/expired on \d{4}-/, { fromDays: -400, toDays: -1 })
  await wrong(/valid only from \d{4}-/, { fromDays: 2 })
  await wrong(/lacks serverAuth/, { usage: 'clientAuth' })
  await wrong(/no subject alternative name/, { names: null })
  await wrong(/of a CA/, { isCa: true })
  await wrong(/sha1/i, { sha1: true })
  await wrong(/no place in the chain/, {}, (await makeCertificate({})).certificate.pem)
  const { key } = files.tls
  await wrong(/private key/, {}, key)
  const other = await makeCertificate({ ownKey: true, extensions: [subjectAltNames(['kms.example.test'])] })
  await refused(['import', '--cert', written('other.pem', other.certificate.pem)], /none of the keys/)
  await refused(
    ['import', '--cert', written('ca.pem', issuingCa.certificate.pem)],
    /Only certificates of CAs/,
  )
  await refused(['import', '--cert', written('csr.pem', request)], /signing request/)
  await refused(['import', '--cert', path.join(folder, 'none.pem')], /there is no file/)

  const lacking = await json(
    'import',
    '--cert',
    written('lacks.pem', await signed(request, { names: ['b.test'] })),
  )
  assert.match(lacking.staged?.warnings.join() ?? '', /lacks kms\.example\.test/)
  const corrected = await json('import', '--cert', written('good.pem', await signed(request)))
  assert.deepEqual(corrected.staged?.warnings, [], 'another for the same key takes its place')
  await json('discard')
  await refused(['activate'], /no certificate is staged/)
  await refused(['discard'], /no certificate is staged/)
})

test('a staged certificate is switched to at its time, also when that passes while the server is down', async () => {
  await refused(['renew', '--at', '2020-01-01'], /past/)
  const later = await json('renew', '--at', new Date(Date.now() + dayMs).toISOString())
  assert.ok(later.staged?.at)
  assert.equal((await json('activate', '--at', 'never')).staged?.at, null)

  const soon = new Date(Date.now() + 4_000)
  await json('activate', '--at', soon.toISOString())
  for (let tries = 0; (await json('show')).sha256 !== later.staged.sha256; tries++) {
    assert.ok(tries < 300, 'the time is long past')
    await sleep(100)
  }
  assert.ok(Date.now() >= soon.getTime())
  assert.equal(await shownNow(), later.staged.sha256)

  const down = await json('renew', '--at', new Date(Date.now() + 4_000).toISOString())
  await server.kill()
  await sleep(4_100)
  server = await startServer({ data })
  assert.equal(server.serverCertSha256, down.staged?.sha256)
})

test('renew --now does both; every step stands in the audit log, which proves it', async () => {
  const { sha256 } = await json('renew', '--now', '--days', '90')
  assert.equal(await shownNow(), sha256)
  const { stdout } = await cli('audit', 'list', '--limit', '1000', '--json')
  const entries = JSON.parse(stdout) as { action: string; object: string | null; actor: { kind: string } }[]
  for (const action of ['request', 'stage', 'schedule', 'activate', 'discard'])
    assert.ok(
      entries.some((entry) => entry.action === `server-cert.${action}`),
      action,
    )
  const activated = entries.filter(({ action }) => action === 'server-cert.activate')
  assert.equal(activated[0]?.object, sha256)
  assert.deepEqual(new Set(activated.map(({ actor }) => actor.kind)), new Set(['token', 'server']))
  assert.equal((await cli('audit', 'verify')).code, 0)
})

test('private keys are in no answer, no log and not plain in the data folder', async () => {
  const shown = JSON.stringify(await json('show'))
  assert.doesNotMatch(shown + server.stderr(), /PRIVATE KEY/)
  const stored = Buffer.concat(
    ['mortise.db', 'mortise.db-wal'].map((name) => readFileSync(path.join(data, name))),
  )
  assert.ok(!stored.includes('PRIVATE KEY'))
  assert.ok(createPublicKey((await json('show')).certificate))
})
