// The whole server behind a load balancer that states its clients' addresses: the audit log, pending clients and when a
// client was last seen have those.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clientCertificate } from '../support/certificates/certificates.ts'
import { openTalk } from '../support/clients/kmip-talk.ts'
import { proxyHeader } from '../support/clients/proxy-protocol.ts'
import { startEmbedded } from '../support/server/server.ts'
import { until } from '../support/time/until.ts'

interface Seen {
  readonly address: string | null
}

test("audit, pending clients and last seen have the client's address, never the load balancer's", async () => {
  const env = { MORTISE_KMIP_PROXY_PROTOCOL_FROM: '127.0.0.5' }
  await using server = await startEmbedded({ env })
  const { tls } = await server.issue('vcenter')
  const behind = { ...server.kmip, from: '127.0.0.5', before: proxyHeader({ from: '198.51.100.7' }) }
  const talk = await openTalk({ ...behind, tls })
  const id = await talk.create()
  const stranger = await openTalk({
    ...behind,
    before: proxyHeader({ from: '2001:db8::9' }),
    tls: (await clientCertificate('self-signed')).tls,
  })
  await assert.rejects(stranger.create())

  const of = (address: string) =>
    server.json('audit', 'list', '--address', address) as Promise<readonly Seen[]>
  assert.ok((await of('198.51.100.7')).length > 0, `nothing was entered for the client that made ${id}`)
  // A refusal is entered beside its answer.
  await until(async () => (await of('2001:db8::9')).length > 0)
  assert.deepEqual(await of('127.0.0.5'), [])
  const pending = (await server.json('client', 'pending')) as readonly Seen[]
  assert.deepEqual(
    pending.map(({ address }) => address),
    ['2001:db8::9'],
  )
  const shown = (await server.json('client', 'show', 'vcenter')) as { readonly lastSeen: Seen | null }
  assert.equal(shown.lastSeen?.address, '198.51.100.7')

  // Somebody else who sends a header gets nowhere.
  await assert.rejects(openTalk({ ...behind, from: '127.0.0.6', tls }))
  talk.close()
  stranger.close()
})
