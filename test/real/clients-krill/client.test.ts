// NLnet Labs' kmip-protocol, from crates.io: what Krill's signer does with it, in a program of ours.

import path from 'node:path'
import { test } from 'node:test'
import { clientTestTimeoutMs } from '../../support/real-clients/builds.ts'
import { buildRustClient } from '../../support/real-clients/rust.ts'
import { tellStories } from '../../support/real-clients/site.ts'

test("NLnet Labs' kmip-protocol, as Krill uses it", { timeout: clientTestTimeoutMs }, async (t) => {
  const command = await buildRustClient(t, 'krill-kmip', path.join(import.meta.dirname, 'program'))
  if (command === undefined) return
  await tellStories(t, { product: 'krill', leastStories: 11 }, { command, args: [] })
})
