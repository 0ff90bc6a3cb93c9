// Binds the KMIP port, in the process that accepts its connections.

import { once } from 'node:events'
import type { AddressInfo, Server } from 'node:net'
import { errorCode } from './error-code.ts'
import type { ListenAddress } from './contract.ts'

/** Rejects with an error for administrators if the address is not available. */
export async function bind(net: Server, { host, port }: ListenAddress, backlog: number): Promise<void> {
  const listen = async (on: string): Promise<void> => {
    const bound = once(net, 'listening')
    net.listen({ host: on, port, backlog })
    await bound
  }
  try {
    await listen(host).catch((error: unknown) => {
      // A machine without IPv6 listens on all IPv4 addresses instead.
      if (host === '::' && errorCode(error) === 'EAFNOSUPPORT') return listen('0.0.0.0')
      throw error
    })
  } catch (cause) {
    throw new Error(`listen on ${host} port ${port}: ${errorCode(cause)}`, { cause })
  }
}

export function boundAddress(net: Server): AddressInfo {
  const bound = net.address()
  if (bound === null || typeof bound === 'string') throw new Error('the listener is not open')
  return bound
}
