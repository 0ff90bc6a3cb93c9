// Source addresses for simulated hosts on one machine. If the server is on loopback, each host connects from an address
// of its own in 127.0.0.0/8. This reveals a server that ties a client to an address.

import { createServer } from 'node:net'
import { once } from 'node:events'
import type { Address } from '../../base/kmip-address.ts'

/** The address of host number `index`. 127.0.0.1 is vCenter's. */
export function hostAddress(index: number): string {
  const number = index + 10
  return `127.0.${Math.floor(number / 250) % 250}.${(number % 250) + 1}`
}

/** Whether all servers are on loopback and this machine has all of 127.0.0.0/8 (Linux has; others do not). */
export async function canChooseSource(addresses: readonly Address[]): Promise<boolean> {
  if (!addresses.every(({ host }) => host.startsWith('127.'))) return false
  const server = createServer()
  try {
    server.listen(0, hostAddress(0))
    await once(server, 'listening')
    return true
  } catch {
    return false
  } finally {
    server.close()
  }
}

/** An address on this machine where nothing listens. */
export async function deadAddress(): Promise<Address> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const bound = server.address()
  server.close()
  await once(server, 'close')
  return { host: '127.0.0.1', port: typeof bound === 'object' && bound !== null ? bound.port : 1 }
}
