// vcsim itself: it starts with its own certificate and login, answers, and is gone when it was stopped.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:https'
import { text } from 'node:stream/consumers'
import type { IncomingMessage } from 'node:http'
import { test } from 'node:test'
import { startVcsim, vcsimTestTimeoutMs } from '../../support/vcenter/vcsim.ts'

test('vcsim starts, answers over TLS, and stops', { timeout: vcsimTestTimeoutMs }, async (t) => {
  const vcsim = await startVcsim(t, { arguments: ['-vm', '1'] })
  if (!vcsim) return
  const outgoing = request(`https://127.0.0.1:${vcsim.port}/sdk/vimServiceVersions.xml`, {
    ca: vcsim.certificatePem,
    agent: false,
  }).end()
  const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage]
  assert.match(await text(incoming), /urn:vim25/)
  assert.match(vcsim.certificateSha256, /^[0-9a-f]{64}$/)
  await vcsim.stop()
  const refused = request(`https://127.0.0.1:${vcsim.port}/`, { agent: false }).end()
  const [error] = (await once(refused, 'error')) as [NodeJS.ErrnoException]
  assert.equal(error.code, 'ECONNREFUSED')
})
