// The rehearsal of docs/try-key-protect.md: `adopt probe` with a fake of the old service beside that of Key Protect, with each of its exit
// codes, and what the old service and the proof hand over.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { KeyProtectFake } from '../support/key-protect/fake.ts'
import { runCli, startEmbedded } from '../support/server/server.ts'

const env = (fake: KeyProtectFake) => ({
  MORTISE_IBM_IAM_URL: fake.about.iamUrl,
  MORTISE_IBM_CA_FILE: fake.about.caFile,
})

test('the probe is rehearsed: no standard key, unknown, all, none; then the keys are handed over', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'mortise-rehearsal-'))
  const inFolder = (name: string) => path.join(folder, name)
  const probe = (fake: KeyProtectFake, apiKey: string, ...more: readonly string[]) =>
    runCli(
      ['adopt', 'probe', '--root-key', fake.uri('mortise'), '--api-key-file', inFolder(apiKey), ...more],
      env(fake),
    )

  const without = await KeyProtectFake.start(folder)
  const none = await probe(without, 'manager-api-key')
  await assert.rejects(
    without.control('POST', 'kmip-for-vmware', { aad: [] }),
    /the old service does not run/,
  )
  await without.stop()
  assert.equal(none.code, 3, none.stderr)

  const fake = await KeyProtectFake.start(folder, ['--kmip-for-vmware'])
  const old = fake.about.kmipForVmware ?? assert.fail('no old service')
  const as = ['--cert', old.certFile, '--key', old.keyFile, '--ca', fake.about.caFile]
  const compared = ['--kmip', old.address, ...as]
  const reader = 'reader-plus-api-key'
  assert.equal((await probe(fake, reader)).code, 4)
  const all = await probe(fake, reader, ...compared, '--proof', inFolder('proof.json'))
  assert.deepEqual([all.code, /4 yes, 0 no, 0 unknown/.test(all.stdout)], [0, true], all.stderr)
  await assert.rejects(fake.control('POST', 'kmip-for-vmware', { aad: 'x' }), /aad is a list of texts/)
  await fake.control('POST', 'kmip-for-vmware', { aad: ['a secret of the service'] })
  assert.equal((await probe(fake, reader, ...compared)).code, 1)

  const server = await startEmbedded()
  t.after(() => server[Symbol.asyncDispose]())
  const ask = { MORTISE_DATA: server.data, ...env(fake) }
  const adopted = await runCli(['adopt', 'kmip', old.address, '--verify', ...as], ask)
  assert.equal(adopted.code, 0, adopted.stderr)
  const { stdout } = await runCli(['key', 'list', '--json'], ask)
  const ids = (JSON.parse(stdout) as { readonly id: string }[]).map(({ id }) => id)
  assert.equal(ids.length, 4)

  await fake.control('POST', 'kmip-for-vmware', { aad: [] })
  await fake.stop()
  // A restart has the same keys.
  const after = await KeyProtectFake.start(folder)
  t.after(() => after.stop())
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const again = await probe(after, reader, '--json')
  const { keys } = JSON.parse(again.stdout) as { readonly keys: readonly { readonly id: string }[] }
  assert.deepEqual(keys.map(({ id }) => id).toSorted(), ids.toSorted())
})
