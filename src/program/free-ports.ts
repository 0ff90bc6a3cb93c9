// Tries whether the server may listen where the configuration says, before it writes anything: a first start on a port that is taken would
// leave a data folder with a root key and a token. Part of the composition root.

import { createServer, type Server } from 'node:net'
import type { Config } from '../outside/config/options.ts'
import { bind } from '../doors/kmip/bind.ts'

/** Rejects with an error for people. Another program may still take a port before the server listens there. */
export async function requireFreePorts({ kmip, admin }: Pick<Config, 'kmip' | 'admin'>): Promise<void> {
  const held: Server[] = []
  try {
    for (const address of [kmip.listen, kmip.https, admin.listen]) {
      if (address === null || address.port === 0) continue
      const server = createServer()
      await bind(server, address, 1)
      held.push(server)
    }
  } finally {
    await Promise.all(held.map((server) => new Promise((resolve) => server.close(resolve))))
  }
}
