// Alerts with a whole server: the test of the way, and a file of targets that is wrong.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { startEmbedded } from '../support/server/server.ts'
import { startWebhook } from '../support/webhook/fake.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'mortise-alerts-'))
after(() => rmSync(folder, { recursive: true, force: true }))

test('alert test reaches each target of the file, and names the one that it does not reach', async (t) => {
  const { asked, url } = await startWebhook(t, 200)
  const file = path.join(folder, 'targets')
  await using server = await startEmbedded({ env: { MORTISE_ALERTS_TARGETS_FILE: file } })
  const missing = await server.cli('alert', 'test')
  assert.equal(missing.code, 1)
  assert.match(
    missing.stderr,
    /targets: there is no such file.*Correct the file that alerts\.targetsFile names/s,
  )

  writeFileSync(file, `json ${url}\nslack http://127.0.0.1:1/secret\n`)
  const { code, stdout } = await server.cli('alert', 'test')
  assert.equal(code, 1)
  assert.match(
    stdout,
    /^json 127\.0\.0\.1:\d+ \(\w+\): it took the test\nslack 127\.0\.0\.1:1 \(\w+\): (?!it took)/,
  )
  assert.doesNotMatch(stdout, /secret/)
  assert.equal((JSON.parse(asked[0]?.body ?? '') as { event: string }).event, 'test')
  assert.match((await server.cli('alert', 'list')).stdout, /json 127.*\nslack 127.*\n0 alerts wait/)

  writeFileSync(file, 'sms +49\n')
  assert.match((await server.cli('alert', 'list')).stderr, /targets, line 1: begin with one of json/)
  const { stdout: status } = await server.cli('status')
  assert.match(
    status,
    /WARNING: no alert is sent: .*targets, line 1: begin with one of json.*\n {2}Correct the file/,
  )
})

test('without a file nobody is alerted, and the command says what to do', async () => {
  await using server = await startEmbedded()
  assert.match(
    (await server.cli('alert', 'list')).stdout,
    /No alert is sent: name a file in alerts\.targetsFile/,
  )
  assert.match((await server.cli('alert', 'test')).stderr, /no target is named, so no alert is sent/)
  await assert.rejects(
    startEmbedded({ env: { MORTISE_ALERTS_SMTP: 'mail.example.com' } }),
    /smtps:\/\/mortise@mail/,
  )
})
