// The doctor and a client that is trusted and may not do all that vCenter does: Discover Versions and Get Attributes succeed then.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { usernameAndPassword } from '../../src/wire/kmip/credential.ts'
import { diagnose, type DoctorOptions } from '../../src/tools/vsphere/doctor.ts'
import type { DoctorFinding } from '../../src/tools/vsphere/doctor-findings.ts'
import { startEmbedded } from '../support/server/server.ts'

test('a password that is missing, and a client that may not fetch keys, are faults although reading attributes works', async (t) => {
  const server = await startEmbedded()
  t.after(() => server[Symbol.asyncDispose]())
  const { tls } = await server.issue('vcenter')
  const faults = async (more: Partial<DoctorOptions> = {}): Promise<readonly DoctorFinding[]> => {
    const { addresses } = await diagnose({
      addresses: [server.kmip],
      client: { cert: tls.cert, key: Buffer.from(tls.key) },
      trust: { by: 'nothing' },
      writeTest: false,
      nowMs: Date.now(),
      ...more,
    })
    return addresses.flatMap(({ findings }) => findings.filter(({ severity }) => severity === 'fault'))
  }
  assert.deepEqual(await faults(), [])

  const passwordFile = path.join(server.data, 'password')
  writeFileSync(passwordFile, 'only vCenter knows it')
  const required = ['--credential', 'required', '--user-name', 'vsphere', '--password-file', passwordFile]
  await server.json('client', 'set', 'vcenter', ...required)
  const [missing, ...more] = await faults()
  assert.match(missing?.what ?? '', /must send its user name and password/)
  assert.match(missing?.mend ?? '', /Password protection/)
  assert.deepEqual(more, [])
  const credential = usernameAndPassword({ username: 'vsphere', password: 'only vCenter knows it' })
  assert.deepEqual(await faults({ credential }), [])

  await server.json('client', 'set', 'vcenter', '--credential', 'none', '--allow', 'GetAttributes,Locate')
  const [forbidden] = await faults()
  assert.match(forbidden?.what ?? '', /is trusted, and may not fetch keys: /)
  assert.match(forbidden?.mend ?? '', /client set NAME --allow vsphere/)

  await server.json('client', 'set', 'vcenter', '--allow', 'Get')
  const [unread] = await faults()
  assert.match(unread?.what ?? '', /may not ask for GetAttributes/)
  assert.match(unread?.mend ?? '', /client set NAME --allow vsphere/)
})

test('no test key is made that the client may not destroy: the doctor says which rights the test needs', async (t) => {
  const server = await startEmbedded()
  t.after(() => server[Symbol.asyncDispose]())
  const { tls } = await server.issue('vcenter')
  await server.json('client', 'set', 'vcenter', '--allow', 'vsphere')
  const tried = () =>
    diagnose({
      addresses: [server.kmip],
      client: { cert: tls.cert, key: Buffer.from(tls.key) },
      trust: { by: 'nothing' },
      writeTest: true,
      nowMs: Date.now(),
    })
  const { ok, testKey, addresses } = await tried()
  assert.deepEqual([ok, testKey], [false, false])
  const [fault] = addresses.flatMap(({ findings }) => findings.filter(({ severity }) => severity === 'fault'))
  assert.match(fault?.what ?? '', /no test key was made.*may not ask for Revoke/)
  assert.match(fault?.mend ?? '', /--allow vsphere,Revoke,Destroy/)
  assert.deepEqual(await server.json('key', 'list'), [])
  await server.json('client', 'set', 'vcenter', '--allow', 'vsphere,Revoke,Destroy')
  assert.equal((await tried()).testKey, true)
})
