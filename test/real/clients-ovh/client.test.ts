// OVH's client (github.com/ovh/kmip-go, from the Go module proxy): what its examples do, in a program of ours, over KMIP 1.0 to 1.4.

import path from 'node:path'
import { test } from 'node:test'
import { clientTestTimeoutMs } from '../../support/real-clients/builds.ts'
import { buildGoClient } from '../../support/real-clients/go.ts'
import { tellStories } from '../../support/real-clients/site.ts'

test("OVH's kmip-go, KMIP 1.0 to 1.4", { timeout: clientTestTimeoutMs }, async (t) => {
  const command = await buildGoClient(t, 'ovh-kmip-go', path.join(import.meta.dirname, 'program'))
  if (command !== undefined)
    await tellStories(t, { product: 'ovh-kmip-go', leastStories: 80 }, { command, args: [] })
})
