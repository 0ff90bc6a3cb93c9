// HAProxy as Debian ships it (haproxy) before the real server: it passes TLS through, checks whether the server is well,
// and states its clients' addresses with the PROXY protocol.

import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../../support/server/free-port.ts'
import { openTalk, type KmipTalk, type TalkOptions } from '../../support/clients/kmip-talk.ts'
import { until } from '../../support/time/until.ts'
import { startServer, type TestServer } from '../../support/server/server.ts'
import { skipOrFail } from '../../support/server/skip.ts'

interface Entry {
  readonly actor: { readonly address: string | null }
}

/** HAProxy connects from `source` and sends what `words` says. */
async function balance(
  server: TestServer,
  source: string,
  words: string,
): Promise<AsyncDisposable & { port: number }> {
  const folder = mkdtempSync(path.join(tmpdir(), 'mortise-haproxy-'))
  const port = await freePort()
  const config = path.join(folder, 'haproxy.cfg')
  writeFileSync(
    config,
    `defaults
  mode tcp
  timeout connect 5s
  timeout client 30s
  timeout server 30s
listen kmip
  bind 127.0.0.1:${port}
  server kms 127.0.0.1:${server.kmip.port} source ${source} check inter 200ms ${words}
`,
  )
  const child = spawn('haproxy', ['-db', '-f', config], { stdio: 'inherit' })
  const gone = once(child, 'exit')
  return {
    port,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGTERM')
      await gone
      rmSync(folder, { recursive: true })
    },
  }
}

/** HAProxy listens a moment after it was started. */
async function openSoon(options: TalkOptions): Promise<KmipTalk> {
  for (const deadline = performance.now() + 30_000; ; await sleep(100))
    try {
      return await openTalk(options)
    } catch (error) {
      if (performance.now() > deadline) throw error
    }
}

test('through HAProxy the audit log has the addresses of its clients', { timeout: 120_000 }, async (t) => {
  if (spawnSync('haproxy', ['-v']).status !== 0)
    return skipOrFail(t, "needs Debian's haproxy: apt-get install haproxy")
  await using server = await startServer({ env: { MORTISE_KMIP_PROXY_PROTOCOL_FROM: '127.0.0.5' } })
  const { tls } = await server.issue('vcenter')

  await t.test('version 2, with checks of every kind', async () => {
    for (const words of ['send-proxy-v2', 'send-proxy-v2-ssl-cn', 'send-proxy-v2 check-ssl verify none']) {
      await using balancer = await balance(server, '127.0.0.5', words)
      for (const from of ['127.0.0.71', '127.0.0.72']) {
        const talk = await openSoon({ port: balancer.port, from, tls })
        assert.ok((await talk.get(await talk.create())).ok)
        talk.close()
      }
    }
    const entries = (await server.json('audit', 'list', '--action', 'key.create')) as readonly Entry[]
    const expected = Array.from({ length: 3 }, () => ['127.0.0.71', '127.0.0.72']).flat()
    assert.deepEqual(entries.map(({ actor }) => actor.address ?? '').toSorted(), expected.toSorted())
    assert.doesNotMatch(server.stderr(), /PROXY protocol/)
  })

  await t.test('version 1 is refused, and the log says what to set', async () => {
    await using balancer = await balance(server, '127.0.0.5', 'send-proxy')
    await until(async () => {
      await assert.rejects(openTalk({ port: balancer.port, tls }))
      return /version 1: .*send-proxy-v2/.test(server.stderr())
    })
  })

  await t.test('a load balancer that is not listed cannot state any address', async () => {
    await using balancer = await balance(server, '127.0.0.6', 'send-proxy-v2')
    await sleep(500)
    await assert.rejects(openTalk({ port: balancer.port, tls }))
  })
})
