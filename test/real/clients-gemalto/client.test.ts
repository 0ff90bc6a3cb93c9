// gemalto/kmip-go, from the Go module proxy: what Rook and ceph-csi do with it, in a program of ours.

import path from 'node:path'
import { test } from 'node:test'
import { clientTestTimeoutMs } from '../../support/real-clients/builds.ts'
import { buildGoClient } from '../../support/real-clients/go.ts'
import { tellStories, type ClientSite } from '../../support/real-clients/site.ts'

test("gemalto's kmip-go, as Rook and ceph-csi use it", { timeout: clientTestTimeoutMs }, async (t) => {
  const command = await buildGoClient(t, 'gemalto-kmip-go', path.join(import.meta.dirname, 'program'))
  if (command === undefined) return
  await tellStories(t, { product: 'rook', leastStories: 3 }, { command, args: ['rook'] })
  const prepare = activeKey
  await tellStories(t, { product: 'ceph-csi', leastStories: 3 }, { command, args: ['ceph-csi'], prepare })
  await tellStories(
    t,
    { product: 'ceph-csi-get', leastStories: 2 },
    { command, args: ['ceph-csi-fetch'], prepare },
  )
})

/** The commands that docs/clients.md names; the identifier is for UNIQUE_IDENTIFIER. */
async function activeKey({ server }: ClientSite): Promise<readonly string[]> {
  const made = await server.json('key', 'create', '--instance', 'default', '--name', 'ceph-csi')
  const { id } = made as { readonly id: string }
  await server.json('key', 'activate', id)
  return [id]
}
