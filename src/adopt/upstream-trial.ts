// Tries an upstream before it is kept: whether it is the right server, speaks KMIP 1.x, trusts the certificate, and says of an
// identifier that nobody has that it does not have it.

import { randomUUID } from 'node:crypto'
import { parseAddress, type Address } from '../kmip-client/address.ts'
import { KmipRefused } from '../kmip-client/errors.ts'
import { AdoptionFailed, failureOf } from './failure.ts'
import { openOldServer, type OldServer, type OldServerOptions } from './old-server.ts'
import { upstreamSettings } from './on-demand.ts'

export interface UpstreamWanted extends Pick<OldServerOptions, 'cert' | 'key' | 'trust'> {
  /** HOST or HOST:PORT. */
  readonly servers: readonly string[]
}

/** The version of KMIP that each of its addresses was asked in. Rejects with AdoptionFailed. */
export async function tryUpstream({ servers, ...options }: UpstreamWanted): Promise<void> {
  for (const address of servers.map(addressOf)) {
    let server: OldServer | undefined
    try {
      server = await openOldServer({ ...options, addresses: [address], timeouts: upstreamSettings.timeouts })
      await requireNotFound(server)
    } catch (error) {
      throw trouble(error)
    } finally {
      await server?.close()
    }
  }
}

async function requireNotFound(server: OldServer): Promise<void> {
  try {
    await server.get(randomUUID())
  } catch (error) {
    if (!(error instanceof KmipRefused)) throw error
    const { reason } = error
    if (reason === 'ItemNotFound' || reason === 'ObjectNotFound') return
    throw error
  }
  throw new AdoptionFailed(
    'server',
    'the old server gives an object for an identifier that was just made up',
    undefined,
  )
}

function trouble(error: unknown): unknown {
  if (!(error instanceof KmipRefused)) return failureOf(error)
  const { operation, message } = error
  const what =
    operation === 'Get'
      ? `the old server does not say of an unknown identifier that it does not have it: ${message}`
      : `the old server refuses: ${message}`
  const hint = 'The certificate must be one that it trusts, and that may fetch every key.'
  return new AdoptionFailed('server', what, hint, error)
}

function addressOf(text: string): Address {
  const address = parseAddress(text)
  if (!address) throw new AdoptionFailed('options', `an address is HOST or HOST:PORT, not ${text}`, undefined)
  return address
}
