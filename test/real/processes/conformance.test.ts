// Runs alone: it sends thousands of messages, and beside other tests of a busy machine it ran into its limit.
// `mortise conformance` over HTTPS, in XML and JSON, against the real server. test/system/conformance.test.ts does it in TTLV.

import { test } from 'node:test'
import { nothingDiffers } from '../../support/clients/conformance.ts'
import { startEmbedded } from '../../support/server/server.ts'

for (const encoding of ['xml', 'json'] as const)
  test(`${encoding}: Mortise does in every version what the checks ask, and nothing is left`, async () => {
    await using server = await startEmbedded({ args: ['--kmip-https', '127.0.0.1:0'] })
    await nothingDiffers(server, await server.issue('checks'), encoding)
  })
