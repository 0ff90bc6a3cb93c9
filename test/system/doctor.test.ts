// The doctor against the real server, and against what is wrong in each of the ways that it should find.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { createServer as createTlsServer, type TlsOptions } from 'node:tls'
import { Fault } from '../../src/wire/kmip/fault.ts'
import { usernameAndPassword } from '../../src/wire/kmip/credential.ts'
import { basicConstraints, extendedKeyUsage, subjectAltNames } from '../../src/core/pki/build.ts'
import { makeAuthority } from '../../src/core/pki/issue.ts'
import {
  diagnose,
  type AddressReport,
  type Diagnosis,
  type DoctorOptions,
} from '../../src/tools/vsphere/doctor.ts'
import type { DoctorFinding, DoctorSeverity } from '../../src/tools/vsphere/doctor-findings.ts'
import {
  clientCertificate,
  makeCertificate,
  testVmca,
  type TestIdentity,
} from '../support/certificates/certificates.ts'
import { command } from '../support/server/command.ts'
import { alter, leaves, withoutTag } from './broken.ts'
import { freePort } from '../support/server/free-port.ts'
import { openOldKmipServer, Reset } from '../support/old-kmip-server/fake.ts'
import { openAlteringProxy, openMute } from '../support/clients/proxy.ts'
import { startEmbedded, type CommandResult } from '../support/server/server.ts'
import { operations, read, tags, write } from '../support/clients/wire.ts'

const server = await startEmbedded()
const files = await server.issue('doctor')
const client = { cert: files.tls.cert, key: Buffer.from(files.tls.key) }
const folder = mkdtempSync(path.join(tmpdir(), 'mortise-doctor-'))
after(async () => {
  rmSync(folder, { recursive: true, force: true })
  await server[Symbol.asyncDispose]()
})

const named = subjectAltNames(['127.0.0.1'])
const loopback = (port: number) => ({ host: '127.0.0.1', port })

function ask(ports: readonly number[], more: Partial<DoctorOptions> = {}): Promise<Diagnosis> {
  const addresses = ports.map(loopback)
  return diagnose({ addresses, client, writeTest: false, nowMs: Date.now(), ...more })
}

async function one(port: number, more: Partial<DoctorOptions> = {}): Promise<AddressReport> {
  const [report] = (await ask([port], more)).addresses
  assert.ok(report)
  return report
}

/** The one finding of this severity that fits. It must say what mends it. */
function found(findings: readonly DoctorFinding[], severity: DoctorSeverity, what: RegExp, mend = /./): void {
  const fitting = findings.filter((finding) => finding.severity === severity && what.test(finding.what))
  assert.equal(fitting.length, 1, `${severity} ${String(what)} in ${JSON.stringify(findings, null, 1)}`)
  if (severity === 'fault' || severity === 'warning') assert.match(fitting[0]?.mend ?? '', mend)
}

const faults = (findings: readonly DoctorFinding[]): string[] =>
  findings.filter(({ severity }) => severity === 'fault').map(({ what }) => what)

interface Key {
  readonly state: string
}

test('a healthy server: everything is looked at, nothing would fail, and the test key is gone', async () => {
  const diagnosis = await ask([server.kmip.port], { writeTest: true })
  assert.ok(diagnosis.ok, JSON.stringify(diagnosis, null, 1))
  assert.equal(diagnosis.testKey, true)
  const [report] = diagnosis.addresses
  assert.ok(report)
  assert.equal(report.certificate?.sha256, server.serverCertSha256)
  assert.equal(report.client, 'trusted')
  assert.match(report.tls?.tls13 ?? '', /^TLS_/)
  assert.match(report.tls?.tls12 ?? '', /^ECDHE-/)
  assert.match(report.tls?.rsa ?? '', /^AES/)
  assert.equal(report.tls?.old, null)
  for (const ms of [report.connectMs, report.handshakeMs, report.requestMs]) assert.ok(ms !== null && ms > 0)
  // A busy machine may take a second for a handshake.
  const warned = [...diagnosis.findings, ...report.findings].filter(
    ({ severity, what }) => severity === 'warning' && !/ took \d/.test(what),
  )
  assert.deepEqual(warned, [])
  assert.deepEqual(await server.json('key', 'list', '--state', 'Active'), [])
  const destroyed = (await server.json('key', 'list', '--state', 'Destroyed')) as Key[]
  assert.equal(destroyed.length, 1)
})

test('without leave nothing is made, and it is said that it was not tried', async () => {
  const count = async () => ((await server.json('key', 'list', '--state', 'Destroyed')) as Key[]).length
  const before = await count()
  const { testKey, findings } = await ask([server.kmip.port, server.kmip.port])
  assert.equal(testKey, null)
  found(findings, 'note', /not tried/)
  assert.equal(await count(), before)
  assert.deepEqual(await server.json('key', 'list'), [])
})

test('a stopped server, a name that nobody knows, a TCP black hole, no TLS at all', async () => {
  const stopped = await freePort()
  const gone = await one(stopped)
  found(gone.findings, 'fault', /nothing listens/, /Start the key server/)
  assert.equal(gone.tls, null)

  const nameless = await diagnose({
    addresses: [{ host: 'no-such-server.invalid', port: 5696 }],
    writeTest: false,
    nowMs: Date.now(),
  })
  found(nameless.addresses[0]?.findings ?? [], 'fault', /DNS/, /Correct the name/)

  await using hole = await openMute()
  const silent = await one(hole.port, { timeouts: { handshakeMs: 500 } })
  found(silent.findings, 'fault', /sends nothing/, /hangs, or a load balancer/)

  await using web = await openMute('HTTP/1.1 400 Bad Request\r\n\r\n')
  found(
    (await one(web.port)).findings,
    'fault',
    /does not speak TLS: it is a web server \(HTTP\)/,
    /Correct address and port/,
  )
  await using shell = await openMute('SSH-2.0-OpenSSH_9.2\r\n')
  found((await one(shell.port)).findings, 'fault', /does not speak TLS: it answers "SSH-2\.0-OpenSSH_9\.2"$/)
  await using clear = await openMute(Buffer.from('42007b0100000000', 'hex'))
  found((await one(clear.port)).findings, 'fault', /does not speak TLS: it answers KMIP in clear$/)
})

test('TLS without KMIP behind it is a fault, with a client certificate and without, and it is said what is there', async () => {
  const identity = await makeCertificate({ commonName: 'another', extensions: [named] })
  await using mail = await show(identity, {}, Buffer.from('220 mail.example.com ESMTP\r\n'))
  await using bytes = await show(identity, {}, Buffer.from('0102030405060708', 'hex'))
  const admin = Number(new URL(server.admin).port)
  for (const more of [{}, { client: undefined }]) {
    found(
      (await one(admin, more)).findings,
      'fault',
      /a web server \(HTTPS\) answers there/,
      /console and admin API/,
    )
    found(
      (await one(mail.port, more)).findings,
      'fault',
      /no KMIP: .* answers "220 mail\.example\.com ESMTP"$/,
    )
    found((await one(bytes.port, more)).findings, 'fault', /no KMIP: .* answers the bytes 0102030405060708$/)
  }
  await using silent = await show(identity, {}, 'silent')
  const { ok, addresses } = await ask([silent.port], { client: undefined, timeouts: { answerMs: 300 } })
  assert.equal(ok, false)
  found(addresses[0]?.findings ?? [], 'fault', /gets no answer: no answer within 0\.3 s/, /hangs/)
})

test('without a client certificate a key server is known by its answer; one that ends the connection is not judged', async () => {
  const { findings } = await one(server.kmip.port, { client: undefined })
  found(findings, 'good', /^answers KMIP$/)
  assert.deepEqual(faults(findings), [])
  const identity = await makeCertificate({ commonName: 'closing', extensions: [named] })
  await using closing = await show(identity)
  const report = await one(closing.port, { client: undefined })
  found(report.findings, 'warning', /cannot be seen without a client certificate: the server ended/, /--cert/)
  assert.deepEqual(faults(report.findings), [])
})

/** A TLS server that shows a certificate, and ends the connection, answers the beginning of something, or nothing. */
async function show(
  identity: TestIdentity,
  options: TlsOptions = {},
  begins?: Buffer | 'silent',
): Promise<AsyncDisposable & { readonly port: number }> {
  const tls = createTlsServer({ ...identity.tls, requestCert: true, rejectUnauthorized: false, ...options })
  const sockets = new Set<Socket>()
  tls.on('connection', (socket: Socket) => sockets.add(socket))
  tls.on('secureConnection', (socket) =>
    socket
      .on('error', () => {})
      .on('data', () => {
        if (begins !== 'silent') void (begins ? socket.end(begins) : socket.destroy())
      }),
  )
  tls.on('tlsClientError', () => {})
  tls.listen(0, '127.0.0.1')
  await once(tls, 'listening')
  return {
    port: (tls.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      tls.close()
      await once(tls, 'close')
    },
  }
}

test('an answer that is cut off is no refusal of the certificate', async () => {
  const identity = await makeCertificate({ commonName: 'cut', extensions: [named] })
  await using cutting = await show(identity, {}, Buffer.from('42007b0100000080', 'hex'))
  const report = await one(cutting.port)
  assert.equal(report.client, 'unclear')
  found(report.findings, 'fault', /in the middle of its answer/, /cut its answer off/)
})

test('a server that takes no further connection took no request', async () => {
  const identity = await makeCertificate({ commonName: 'few', extensions: [named] })
  let connections = 0
  // One looks whether somebody listens, five look at TLS.
  const few = createTlsServer({ ...identity.tls, requestCert: true, rejectUnauthorized: false })
  few.on('connection', () => ++connections === 6 && few.close()).on('tlsClientError', () => {})
  few.listen(0, '127.0.0.1')
  await once(few, 'listening')
  const report = await one((few.address() as AddressInfo).port)
  assert.equal(report.client, 'unclear')
  found(report.findings, 'fault', /a further connection failed: nothing listens there/, /limit on them/)
})

test('a server that is not the one expected is asked nothing', async () => {
  await using other = await openOldKmipServer({
    DiscoverVersions: () => ({ ProtocolVersion: [{ ProtocolVersionMajor: 1, ProtocolVersionMinor: 1 }] }),
    GetAttributes: () => {
      throw new Fault('ItemNotFound', 'no such key')
    },
  })
  const credential = usernameAndPassword({ username: 'vcenter', password: 'secret' })
  const trust = { by: 'fingerprint', sha256: server.serverCertSha256 } as const
  const { client: standing, findings } = await one(other.port, { credential, trust, writeTest: true })
  assert.deepEqual([other.asked, standing], [[], null])
  found(findings, 'fault', /not the server expected/, /asks it nothing/)
  assert.equal(
    (await one(other.port, { trust: { by: 'fingerprint', sha256: other.sha256 } })).client,
    'trusted',
  )
})

test('a server with wrong dates that the CA did not sign is asked nothing, and one that it signed is', async () => {
  const [ca, other] = await Promise.all([
    makeAuthority({ commonName: 'expected', nowMs: Date.now() }),
    makeAuthority({ commonName: 'another', nowMs: Date.now() }),
  ])
  const trust = { by: 'authority', pem: ca.certificate.pem } as const
  for (const dates of [
    { fromDays: -10, toDays: -1 },
    { fromDays: 10, toDays: 20 },
  ])
    for (const issuer of [ca, other]) {
      await using tls = await show(
        await makeCertificate({ extensions: [named, basicConstraints(false)], issuer, ...dates }),
      )
      const { client: standing, findings } = await one(tls.port, { trust })
      const isOther = faults(findings).some((what) => /not the server expected/.test(what))
      assert.deepEqual([isOther, standing === null], issuer === other ? [true, true] : [false, false])
    }
})

test('a password goes to no server of the CA whose certificate does not name it', async () => {
  const issuer = await makeAuthority({ commonName: 'of everybody', nowMs: Date.now() })
  const others = [subjectAltNames(['other.example.test']), basicConstraints(false)]
  const trust = { by: 'authority', pem: issuer.certificate.pem } as const
  const credential = usernameAndPassword({ username: 'vcenter', password: 'secret' })
  for (const dates of [{}, { fromDays: -10, toDays: -1 }]) {
    await using tls = await show(await makeCertificate({ extensions: others, issuer, ...dates }))
    const { client: standing, findings } = await one(tls.port, { credential, trust })
    assert.equal(standing, null)
    found(findings, 'fault', /did not sign .* for 127\.0\.0\.1/, /--fingerprint.*asks it nothing/)
    assert.notEqual((await one(tls.port, { trust })).client, null, 'without a password it is asked')
  }
})

test('who interrupts the write test waits until the test key is destroyed', async () => {
  let listening = 0
  await using other = await openOldKmipServer({
    DiscoverVersions: () => ({ ProtocolVersion: [{ ProtocolVersionMajor: 1, ProtocolVersionMinor: 1 }] }),
    GetAttributes: () => {
      throw new Fault('ItemNotFound', 'no such key')
    },
    Create: () => {
      listening = process.listenerCount('SIGINT')
      process.emit('SIGINT')
      return { ObjectType: 'SymmetricKey', UniqueIdentifier: 'test-key' }
    },
    Destroy: () => ({ UniqueIdentifier: 'test-key' }),
  })
  const before = process.listenerCount('SIGINT')
  const shown = ['--cert', files.certFile, '--key', files.keyFile, '--fingerprint', other.sha256]
  const { code } = await command(['doctor', `127.0.0.1:${other.port}`, ...shown, '--write-test'])
  assert.equal(code, 1, 'it does not serve the key')
  assert.deepEqual([listening - before, other.asked.includes('Destroy')], [1, true])
  assert.equal(process.listenerCount('SIGINT'), before)
})

test('a connection that breaks off does not make the server another one', async () => {
  const identity = await makeCertificate({ commonName: 'few', extensions: [named] })
  let connections = 0
  const few = createTlsServer({ ...identity.tls, requestCert: true, rejectUnauthorized: false })
  few.on('connection', (socket: Socket) => ++connections === 7 && socket.resetAndDestroy())
  few.on('tlsClientError', () => {})
  few.listen(0, '127.0.0.1')
  await once(few, 'listening')
  const { findings } = await one((few.address() as AddressInfo).port, {
    trust: { by: 'fingerprint', sha256: identity.certificate.sha256 },
  })
  few.close()
  found(findings, 'fault', /a further connection failed/, /limit on them/)
  assert.ok(!faults(findings).some((what) => /not the server expected/.test(what)))
})

test('what is wrong with the certificate of a server', async () => {
  const shown = async (peculiar: Parameters<typeof makeCertificate>[0], options: TlsOptions = {}) => {
    await using tls = await show(await makeCertificate({ extensions: [named], ...peculiar }), options)
    return (await one(tls.port, { client: undefined })).findings
  }
  found(await shown({ fromDays: -400, toDays: -3 }), 'fault', /expired on \d{4}-/, /server-cert renew/)
  found(await shown({ fromDays: 2 }), 'fault', /valid only from/, /clocks/)
  found(await shown({ toDays: 20 }), 'warning', /ends in (19|20) days/, /Make vCenter Trust KMS/)
  const other = await shown({ extensions: [subjectAltNames(['kms.example.test'])] })
  found(other, 'warning', /does not name 127\.0\.0\.1: it has kms\.example\.test/, /--names 127\.0\.0\.1/)
  found(await shown({ extensions: [] }), 'warning', /no subject alternative names/)
  found(await shown({ key: 'ec' }), 'warning', /EC P-256/, /RSA key/)
  found(await shown({ extensions: [named, extendedKeyUsage('clientAuth')] }), 'warning', /lacks serverAuth/)
  const weak = { ciphers: 'DEFAULT:@SECLEVEL=0' }
  found(await shown({ key: 'rsa-1024' }, weak), 'warning', /RSA 1024/)
  found(await shown({ algorithm: 'sha1WithRSAEncryption' }, weak), 'warning', /sha1/i)
  assert.deepEqual(faults(await shown({})), [])
})

test('what is wrong with the TLS of a server', async () => {
  const identity = await makeCertificate({ extensions: [named] })
  const spoken = async (options: TlsOptions) => {
    await using tls = await show(identity, options)
    return (await one(tls.port, { client: undefined })).findings
  }
  found(await spoken({ minVersion: 'TLSv1.3' }), 'fault', /speaks no TLS 1\.2/, /accept TLS 1\.2/)
  const rsa = { maxVersion: 'TLSv1.2', ciphers: 'AES128-SHA256' } as const
  found(await spoken(rsa), 'warning', /only with RSA key exchange/)
  found(
    await spoken({ minVersion: 'TLSv1', ciphers: 'DEFAULT:@SECLEVEL=0' }),
    'warning',
    /also speaks TLS 1\.0/,
  )
})

test('a certificate that is known, and what the server thinks of others', async () => {
  const standing = async (identity: TestIdentity) => {
    const { cert, key } = identity.tls
    return one(server.kmip.port, { client: { cert, key: Buffer.from(key) } })
  }
  const stranger = await clientCertificate('self-signed')
  const unknown = await standing(stranger)
  assert.equal(unknown.client, 'unknown')
  const mend = new RegExp(`client trust .*${stranger.certificate.sha256}`)
  found(unknown.findings, 'fault', /not trusted yet/, mend)

  await server.trust('vc', stranger.certificate.pem)
  assert.equal((await standing(stranger)).client, 'trusted')
  await server.json('client', 'block', stranger.certificate.sha256)
  const blocked = await standing(stranger)
  assert.equal(blocked.client, 'blocked')
  found(blocked.findings, 'fault', /blocked/, /client unblock/)

  const old = await makeCertificate({ extensions: [], fromDays: -900, toDays: -500, ownKey: true })
  await server.trust('old', old.certificate.pem)
  const expired = await standing(old)
  assert.equal(expired.client, 'expired')
  found(expired.findings, 'fault', /has expired/, /Make KMS trust vCenter/)
})

test('a server of another make that refuses the certificate in the handshake, or without a word', async () => {
  const identity = await makeCertificate({ extensions: [named] })
  const { certificate } = await testVmca()
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    await using picky = await show(identity, { rejectUnauthorized: true, ca: certificate.pem, maxVersion })
    const { client, findings } = await one(picky.port)
    assert.equal(client, 'refused', maxVersion)
    assert.equal(faults(findings).length, 1, maxVersion)
    found(findings, 'fault', /ends the connection|refused in the handshake/, /Make KMS trust vCenter/)
  }
})

test('a server that speaks other versions than vCenter is not said to refuse the certificate', async () => {
  await using newer = await startEmbedded({ env: { MORTISE_KMIP_VERSIONS: '2.1' } })
  await newer.trust('doctor', client.cert)
  const { client: standing, findings } = await one(newer.kmip.port)
  assert.equal(standing, 'refused')
  found(findings, 'fault', /KMIP 1\.1, which vCenter sends: this server speaks KMIP 2\.1/, /kmip\.versions/)
  assert.equal(faults(findings).length, 1)
})

test('certificate and key that do not belong together, or end soon', async () => {
  const { cert } = (await clientCertificate('self-signed-other')).tls
  const { ok, findings } = await ask([server.kmip.port], { client: { ...client, cert } })
  assert.ok(!ok)
  found(findings, 'fault', /does not belong/, /--key/)
  const soon = await makeCertificate({ extensions: [], toDays: 10 })
  const { findings: warned } = await ask([server.kmip.port], {
    client: { cert: soon.tls.cert, key: Buffer.from(soon.tls.key) },
  })
  found(warned, 'warning', /ends in (9|10) days/)
})

test('a client certificate with a short key is tried, as the server may take it, and warned of', async () => {
  const short = await clientCertificate('rsa-1024')
  await server.trust('short', short.certificate.pem)
  const { addresses, findings } = await ask([server.kmip.port], {
    client: { cert: short.tls.cert, key: Buffer.from(short.tls.key) },
  })
  assert.equal(addresses[0]?.client, 'trusted')
  found(findings, 'warning', /key of RSA 1024/, /new certificate/)
  assert.deepEqual(faults(findings), [])
})

test('two servers with data of their own are found, with a test key and without', async () => {
  await using other = await startEmbedded()
  await other.trust('doctor', client.cert)
  const ports = [server.kmip.port, other.kmip.port]
  const tried = await ask(ports, { writeTest: true })
  assert.ok(!tried.ok)
  assert.equal(tried.testKey, false)
  found(tried.findings, 'note', /2 different certificates/)
  found(tried.addresses[1]?.findings ?? [], 'fault', /Get of the test key/, /nodes of one key server/)
  const left = [
    ...((await server.json('key', 'list')) as Key[]),
    ...((await other.json('key', 'list')) as Key[]),
  ]
  assert.deepEqual(left, [], 'the test key is destroyed all the same')

  await server.json('key', 'create', '--instance', 'default')
  const compared = await ask(ports)
  assert.ok(!compared.ok)
  found(compared.addresses[1]?.findings ?? [], 'fault', /does not know 1 of 1 keys/)
  assert.deepEqual(faults(compared.addresses[0]?.findings ?? []), [])
})

test('an address is not said to know the keys of others that list none', async () => {
  await server.json('key', 'create', '--instance', 'default')
  await using unlisted = await openOldKmipServer({
    DiscoverVersions: () => ({ ProtocolVersion: [{ ProtocolVersionMajor: 1, ProtocolVersionMinor: 1 }] }),
    GetAttributes: () => {
      throw new Fault('ItemNotFound', 'no such key')
    },
  })
  const { addresses } = await ask([server.kmip.port, unlisted.port])
  const keys = addresses.map(({ findings }) => findings.filter(({ check }) => check === 'keys'))
  assert.deepEqual(keys[0], [])
  found(keys[1] ?? [], 'fault', /does not know/)
})

test('an address that does not say whether it has the keys of another is not said to know them, nor to lack them', async () => {
  await server.json('key', 'create', '--instance', 'default')
  for (const [later, says] of [
    [new Fault('GeneralFailure', 'later'), /was refused: GeneralFailure/],
    [new Reset(), /ended/],
  ] as const) {
    let states = 0
    await using silent = await openOldKmipServer({
      DiscoverVersions: () => ({ ProtocolVersion: [{ ProtocolVersionMajor: 1, ProtocolVersionMinor: 1 }] }),
      Locate: () => ({ UniqueIdentifier: [] }),
      GetAttributes: () => {
        throw states++ === 0 ? new Fault('ItemNotFound', 'no such key') : later
      },
    })
    const { addresses } = await ask([server.kmip.port, silent.port])
    const keys = (addresses[1]?.findings ?? []).filter(({ check }) => check === 'keys')
    found(keys, 'warning', says)
    assert.equal(keys.length, 1, JSON.stringify(keys))
  }
})

test('a test key whose answer was lost is said to be there perhaps', async () => {
  await using lossy = await openOldKmipServer({
    DiscoverVersions: () => ({ ProtocolVersion: [{ ProtocolVersionMajor: 1, ProtocolVersionMinor: 1 }] }),
    GetAttributes: () => {
      throw new Fault('ItemNotFound', 'no such key')
    },
    Create: () => {
      throw new Reset()
    },
  })
  const { findings } = await one(lossy.port, { writeTest: true })
  found(findings, 'fault', /Create: /, /may have made the test key/)
})

test('answers that vSphere cannot use are told', async () => {
  const target = { host: '127.0.0.1', port: server.kmip.port }
  await using mute = await openAlteringProxy({
    target,
    tls: files.tls,
    alter: alter(operations.GetAttributes, withoutTag(tags.UniqueBatchItemID)),
  })
  const { findings } = await one(mute.port)
  found(findings, 'warning', /not echoed/, /maker of the key server/)
})

test('a key of zeros, and an answer about another key, are faults: no disk may be encrypted with such a key', async () => {
  const target = { host: '127.0.0.1', port: server.kmip.port }
  const zeros = leaves('KeyMaterial', (leaf) => ({ ...leaf, value: Buffer.alloc(32) }))
  const other = leaves('UniqueIdentifier', (leaf) => ({ ...leaf, value: 'another' }))
  for (const [change, says] of [
    [zeros, /Get: the key is all zeros/],
    [other, /Get: the answer is about another identifier/],
  ] as const) {
    await using wrong = await openAlteringProxy({
      target,
      tls: files.tls,
      alter: alter(operations.Get, change),
    })
    const { ok, addresses } = await ask([wrong.port], { writeTest: true })
    found(addresses[0]?.findings ?? [], 'fault', says, /no vCenter/)
    assert.equal(ok, false)
  }
})

test('a clock that is wrong is named, since certificates seem to have ended or not to have begun by it', async () => {
  for (const [aheadHours, says] of [
    [-72, /clock is 3 days behind/],
    [3, /clock is 3 hours ahead of/],
  ] as const) {
    const timeStamp = BigInt(Math.floor(Date.now() / 1000) + aheadHours * 3600)
    const stamped = leaves('TimeStamp', (leaf) => ({ ...leaf, value: timeStamp }))
    await using wrong = await openAlteringProxy({
      target: { host: '127.0.0.1', port: server.kmip.port },
      tls: files.tls,
      alter: (answer) => write(stamped(read(answer))),
    })
    const report = await one(wrong.port)
    found(report.findings, 'warning', says, /NTP/)
  }
})

test('a slow server is measured against the patience of vSAN', async () => {
  const delayMs = 1_100
  const slow = createTcpServer((inner) => {
    const outer = connect(server.kmip)
    setTimeout(() => inner.pipe(outer).pipe(inner), delayMs)
    for (const socket of [inner, outer]) socket.on('error', () => inner.destroy())
    inner.on('close', () => outer.destroy())
  })
  slow.listen(0, '127.0.0.1')
  await once(slow, 'listening')
  const report = await one((slow.address() as AddressInfo).port)
  slow.close()
  assert.ok((report.handshakeMs ?? 0) >= 1_000)
  found(report.findings, 'warning', /a handshake took [1-4]\.\d s/, /load of the key server/)
})

const run = (...words: string[]): Promise<CommandResult> => command(['doctor', ...words])

test('the command: exit code, JSON, leave, wrong use', async () => {
  const address = `127.0.0.1:${server.kmip.port}`
  const shown = ['--cert', files.certFile, '--key', files.keyFile]
  const healthy = await run(address, ...shown, '--write-test', '--fingerprint', server.serverCertSha256)
  assert.equal(healthy.code, 0, healthy.stdout + healthy.stderr)
  assert.match(healthy.stdout, /nothing would fail/)
  assert.match(healthy.stdout, /ok +the client is trusted/)

  const json = await run(address, '127.0.0.1:1', ...shown, '--json')
  assert.equal(json.code, 1)
  const diagnosis = JSON.parse(json.stdout) as Diagnosis
  assert.equal(diagnosis.ok, false)
  assert.deepEqual(
    diagnosis.addresses.map((report) => report.address),
    [address, '127.0.0.1:1'],
  )

  const wrong = await run(address, '--fingerprint', 'ab'.repeat(32))
  assert.equal(wrong.code, 1)
  assert.match(wrong.stdout, /FAULT +it is not the server expected/)
  const { certificate } = await testVmca()
  const ca = path.join(folder, 'ca.pem')
  writeFileSync(ca, certificate.pem)
  assert.equal((await run(address, '--ca', ca)).code, 1)
  assert.equal((await run(address, '--ca', files.caFile)).code, 0)

  const asked = await command(['doctor', address, ...shown], { terminal: true, input: 'no\n' })
  assert.match(asked.stderr, /Create a test key/)
  assert.match(asked.stdout, /were not tried/)

  const credential = path.join(folder, 'credential')
  writeFileSync(credential, 'vcenter:secret\n')
  for (const [words, why] of [
    [[], /missing required argument/],
    [[address, ...shown, '--credential-file', credential], /say how to recognize the server/],
    [[address, '--cert', files.certFile], /belong together/],
    [[address, '--write-test'], /needs --cert/],
    [['http://kms'], /takes HOST or HOST:PORT/],
    [[address, address], /twice/],
  ] as const) {
    const { code, stderr } = await run(...words)
    assert.equal(code, 2, stderr)
    assert.match(stderr, why)
  }
})
