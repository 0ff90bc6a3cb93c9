// The change-over with numbers: a vCenter's keys of every scenario are made at an old server, adopted, and the old server is
// switched off. The same vCenter, with the same certificate, then finds each key at the new one, with the same bytes.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { adoptWords, runCli, startEmbedded } from '../support/server.ts'

interface Listed {
  readonly id: string
  readonly name: string | null
  readonly state: string
}

test("a vCenter's keys are served by the server that adopted them, the old one being gone", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'mortise-change-over-'))
  try {
    await using old = await startEmbedded()
    await using mine = await startEmbedded()
    const vcenter = await old.issue('vcenter')
    const mover = await old.issue('mover')
    await mine.trust('vcenter', vcenter.tls.cert)
    const keysFile = path.join(folder, 'keys.json')
    const simulate = (server: typeof old, ...more: string[]) => {
      const as = ['--cert', vcenter.certFile, '--key', vcenter.keyFile]
      const at = ['--server', `127.0.0.1:${server.kmip.port}`, '--fingerprint', server.serverCertSha256]
      return runCli(['simulate', 'vsphere', ...at, ...as, '--speed', '1000', '--hosts', '4', ...more])
    }
    const made = await simulate(old, '--scenario', 'e,f,h,i,n', '--vms', '40', '--save', keysFile)
    assert.equal(made.code, 0, made.stdout)

    const more = ['--ca', mover.caFile, '--instance', 'default', '--verify']
    const all = adoptWords(old.kmip.port, mover, ...more)
    const report = (await mine.json(...all)) as { adopted: number; verified: { equal: number } }
    const keys = (await old.json('key', 'list', '--instance', 'default')) as Listed[]
    assert.ok(keys.length > 80, `${keys.length} keys were made`)
    assert.deepEqual([report.adopted, report.verified.equal], [keys.length, keys.length])
    const seen = (all: readonly Listed[]) =>
      all.map(({ id, name, state }) => [id, name, state].join(' ')).toSorted()
    const here = (await mine.json('key', 'list', '--instance', 'default')) as Listed[]
    assert.deepEqual(seen(here), seen(keys), 'the same names and states')

    await old.stop()
    const after = await simulate(mine, '--scenario', 'c,g', '--vms', '4', '--expect', keysFile)
    assert.equal(after.code, 0, after.stdout)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
