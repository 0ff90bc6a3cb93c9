// Tries an upstream before it is kept: whether it is the right server, speaks KMIP 1.x, trusts the certificate, and says of an
// identifier that nobody has that it does not have it. If that identifier is asked for here meanwhile, the question came back:
// the upstream is this server itself, or asks this one for what it does not know.

import { randomUUID } from 'node:crypto'
import { isNotFound, KmipRefused } from '../kmip-client/errors.ts'
import { AdoptionFailed, failureOf } from './failure.ts'
import { addressOf, openOldServer, type OldServer, type OldServerWanted } from './old-server.ts'
import { upstreamSettings } from './on-demand.ts'

/** The trials that run now. */
export class UpstreamTrials {
  /** The identifiers that were made up for them, and whether somebody asked this server for one. */
  readonly #madeUp = new Map<string, { cameBack: boolean }>()

  /** Whether the identifier was made up for a trial. Call it for each unknown identifier that a client asks for. */
  isMadeUp(identifier: string): boolean {
    const found = this.#madeUp.get(identifier)
    if (found) found.cameBack = true
    return found !== undefined
  }

  /** Tries each of its addresses. Rejects with AdoptionFailed. */
  async run(wanted: OldServerWanted): Promise<void> {
    const identifier = randomUUID()
    const seen = { cameBack: false }
    this.#madeUp.set(identifier, seen)
    try {
      await tryUpstream(wanted, identifier)
    } catch (error) {
      throw seen.cameBack ? comesBack(error) : error
    } finally {
      this.#madeUp.delete(identifier)
    }
    if (seen.cameBack) throw comesBack()
  }
}

function comesBack(error?: unknown): AdoptionFailed {
  return new AdoptionFailed(
    'options',
    'the question came back to this server: the upstream is this server itself, or it has this server as its own upstream',
    'Name the server that holds the old keys. An upstream that asks this server must forget it first: instance set NAME --no-upstream, there.',
    error instanceof Error ? error : undefined,
  )
}

async function tryUpstream({ servers, ...options }: OldServerWanted, madeUp: string): Promise<void> {
  for (const address of servers.map(addressOf)) {
    let server: OldServer | undefined
    try {
      server = await openOldServer({ ...options, addresses: [address], timeouts: upstreamSettings.timeouts })
      await requireNotFound(server, madeUp)
    } catch (error) {
      throw trouble(error)
    } finally {
      await server?.close()
    }
  }
}

async function requireNotFound(server: OldServer, madeUp: string): Promise<void> {
  try {
    await server.get(madeUp)
  } catch (error) {
    if (error instanceof KmipRefused && isNotFound(error)) return
    throw error
  }
  throw new AdoptionFailed(
    'server',
    'the old server gives an object for an identifier that was just made up',
    undefined,
  )
}

function trouble(error: unknown): unknown {
  if (!(error instanceof KmipRefused))
    return failureOf(
      error,
      'Nothing was changed. Each address that you give must answer: give only those that do.',
    )
  const { operation, message } = error
  const what =
    operation === 'Get'
      ? `the old server does not say of an unknown identifier that it does not have it: ${message}`
      : `the old server refuses: ${message}`
  const hint = 'The certificate must be one that it trusts, and that may fetch every key.'
  return new AdoptionFailed('server', what, hint, error)
}
