// The certificate that somebody means, by its fingerprint: another one that was staged meanwhile is neither switched to nor discarded.

import type { certificateRoutes } from '../../../src/features/certificates/routes.ts'
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import type { Output } from '../../../src/doors/http/route.ts'
import { leaveDoor, startDoor } from '../../support/server/admin-door.ts'
import { inProcess } from '../../support/server/command.ts'

type Shown = Output<typeof certificateRoutes.showServerCertificate>

test('activate and discard with --sha256 take that certificate alone', async (t) => {
  const door = await startDoor()
  t.after(() => door.close())
  const folder = mkdtempSync(path.join(tmpdir(), 'mortise-server-cert-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  await leaveDoor(door, folder)
  const say = (...words: string[]) => inProcess(['server-cert', ...words, '--json', '--data', folder], {})
  const renew = async () => (JSON.parse((await say('renew')).stdout) as Shown).staged?.sha256 ?? ''
  const first = await renew()
  await say('discard')
  const second = await renew()
  for (const verb of ['activate', 'discard']) {
    const { code, stderr, stdout } = await say(verb, '--sha256', first)
    assert.equal(code, 1, stdout)
    assert.match(stderr, /another/)
  }
  const colons = second.toUpperCase().match(/../g)?.join(':') ?? ''
  const active = JSON.parse((await say('activate', '--sha256', colons)).stdout) as Shown
  assert.equal(active.sha256, second)
  const third = await renew()
  const { staged } = JSON.parse((await say('discard', '--sha256', third)).stdout) as Shown
  assert.equal(staged, null)
})
