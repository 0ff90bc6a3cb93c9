// What `mortise client trust` says to do next, and how `client pending` lists, where a certificate has expired.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { basicConstraints, keyUsage } from '../../../src/pki/build.ts'
import { leaveDoor, startDoor, type TestDoor } from '../../support/admin-door.ts'
import { clientCertificate, makeCertificate, type TestIdentity } from '../../support/certificates.ts'
import { command } from '../../support/command.ts'

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
  assert.match(said, /This CA has expired and vouches for nobody\. Trust its successor/)
  assert.doesNotMatch(said, /Now in vCenter/)
})
