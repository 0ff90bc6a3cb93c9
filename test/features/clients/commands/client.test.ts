// What `mortise client trust` says to do next, and how `client pending` lists, where a certificate has expired.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { basicConstraints, keyUsage } from '../../../../src/core/pki/build.ts'
import { makeRequest } from '../../../../src/core/pki/make-request.ts'
import { leaveDoor, startDoor, type TestDoor } from '../../../support/server/admin-door.ts'
import {
  clientCertificate,
  makeCertificate,
  type TestIdentity,
} from '../../../support/certificates/certificates.ts'
import { command } from '../../../support/server/command.ts'

let door: TestDoor
const data = mkdtempSync(path.join(tmpdir(), 'mortise-trust-'))
before(async () => {
  door = await startDoor()
  await leaveDoor(door, data)
})
after(async () => {
  await door.close()
  rmSync(data, { recursive: true, force: true })
})

async function trusted(flag: '--cert' | '--ca', { certificate }: TestIdentity): Promise<string> {
  const file = path.join(data, 'certificate.pem')
  writeFileSync(file, certificate.pem)
  const words = ['client', 'trust', '--instance', 'red', '--name', 'vc1', flag, file]
  const { code, stdout, stderr } = await command(words, { data })
  assert.equal(code, 0, stderr)
  return stdout
}

test('a certificate that is valid is to be used in vCenter now', async () => {
  const said = await trusted('--cert', await clientCertificate('self-signed'))
  assert.match(said, /Now in vCenter: .*\n.*Make vCenter Trust KMS/)
  assert.doesNotMatch(said, /expired/)
})

test('one that has expired is to be replaced by a new one', async () => {
  const said = await trusted('--cert', await clientCertificate('expired'))
  assert.match(said, /Warning: .* is not served any more/)
  assert.match(
    said,
    /This certificate has expired\..*\n.*Generate new certificate\.\n.*mortise client pending/,
  )
  assert.doesNotMatch(said, /Make vCenter Trust KMS|"Connected"/)
})

test('a pending one that has expired is marked in the list', async () => {
  for (const kind of ['self-signed-other', 'expired-lately'] as const)
    door.context.pending.recordUnknown((await clientCertificate(kind)).certificate, '192.0.2.7')
  const { stdout } = await command(['client', 'pending'], { data })
  const [valid, expired] = [/CN=kmipClient2027\S+ +20\d\d-/, /CN=kmipClient\S+ +expired 20\d\d-/]
  for (const line of [valid, expired]) assert.match(stdout, line)
  assert.equal(stdout.match(/ expired /g)?.length, 1)
})

test('a CA that has expired is to be replaced by its successor', async () => {
  const ca = await makeCertificate({
    extensions: [basicConstraints(true), keyUsage('ca')],
    key: 'ec',
    ownKey: true,
    fromDays: -400,
    toDays: -35,
  })
  const said = await trusted('--ca', ca)
  assert.match(said, /This CA has expired and vouches for no client\. Trust its successor/)
  assert.doesNotMatch(said, /Now in vCenter/)
})

test('each way to make a client gives it what vSphere sends; --allow gives something else', async () => {
  const inFolder = (name: string) => path.join(data, name)
  const [pinned, waiting, other] = [
    await makeCertificate({ key: 'ec', ownKey: true }),
    await makeCertificate({ key: 'ec', ownKey: true }),
    await makeCertificate({ key: 'ec', ownKey: true }),
  ]
  const ca = await makeCertificate({
    extensions: [basicConstraints(true), keyUsage('ca')],
    key: 'ec',
    ownKey: true,
  })
  writeFileSync(inFolder('pinned.pem'), pinned.certificate.pem)
  writeFileSync(inFolder('other.pem'), other.certificate.pem)
  writeFileSync(inFolder('ca.pem'), ca.certificate.pem)
  writeFileSync(inFolder('request.csr'), (await makeRequest({ commonName: 'signed' })).request)
  door.context.pending.recordUnknown(waiting.certificate, '192.0.2.7')
  const ways: Readonly<Record<string, readonly string[]>> = {
    pinned: ['trust', '--cert', inFolder('pinned.pem')],
    pending: ['trust', '--pending', waiting.certificate.sha256],
    authority: ['trust', '--ca', inFolder('ca.pem'), '--subject', 'a*'],
    issued: ['issue', '--out', inFolder('issued')],
    signed: ['sign', '--csr', inFolder('request.csr'), '--out', inFolder('signed.pem')],
    rook: ['trust', '--cert', inFolder('other.pem'), '--allow', 'register,get,destroy'],
  }
  for (const [name, [verb = '', ...flags]] of Object.entries(ways)) {
    const words = ['client', verb, '--instance', 'red', '--name', name, ...flags]
    const { code, stderr } = await command(words, { data })
    assert.equal(code, 0, stderr)
  }
  const { stdout } = await command(['client', 'list', '--instance', 'red', '--json'], { data })
  const clients = JSON.parse(stdout) as readonly {
    readonly name: string
    readonly allow: readonly string[]
  }[]
  for (const name of Object.keys(ways)) {
    const expected = name === 'rook' ? ['Register', 'Get', 'Destroy'] : ['vsphere']
    assert.deepEqual(clients.find((one) => one.name === name)?.allow, expected, name)
  }
})
