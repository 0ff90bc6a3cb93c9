// Strangers at the log-in through an identity provider: anybody who reaches the admin API may begin one, and end it wrongly.

import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { AdminClient } from '../../src/doors/http/client.ts'
import { minuteQuotaPerGroupMax } from '../../src/core/audit/minute-quota.ts'
import { writeConfig } from '../support/oidc/write-config.ts'
import { startWrongProvider } from '../support/oidc/wrong-provider.ts'
import { startEmbedded } from '../support/server/server.ts'
import { loginRoutes } from '../../src/features/login/routes.ts'

test('logins that fail fill no log: beyond some of each address they are counted', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'mortise-oidc-strangers-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const provider = await startWrongProvider(t, Date.now)
  const config = writeConfig(folder, provider, ['managers=manager'])
  const server = await startEmbedded({ args: ['--config', config] })
  await using _ = server
  const stranger = new AdminClient({
    url: server.admin,
    token: '',
    trust: { by: 'authority', pem: readFileSync(path.join(server.data, 'admin-ca.pem'), 'utf8') },
  })
  const { flow } = await stranger.call(loginRoutes.beginLogin, {
    body: { redirectUri: 'http://127.0.0.1:1/callback' },
  })
  const tries = minuteQuotaPerGroupMax + 5
  for (let tried = 0; tried < tries; tried++)
    await assert.rejects(
      stranger.call(loginRoutes.finishLogin, { body: { flow, answer: '?code=1&state=wrong' } }),
    )
  const lines = () =>
    server
      .stderr()
      .split('\n')
      .filter((line) => line.includes('through the identity provider failed'))
  assert.equal(lines().length, minuteQuotaPerGroupMax)
  await server.stop()
  const [counted = ''] = server
    .stderr()
    .split('\n')
    .filter((line) => line.includes('more logins'))
  assert.match(counted, /"count":5\b.*127\.0\.0\.1: 5/)
})
