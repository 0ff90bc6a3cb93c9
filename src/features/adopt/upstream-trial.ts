// Tries an upstream before it is kept: whether it is the right server, speaks KMIP 1.x, trusts the certificate, and says of a
// made-up identifier that it does not have it. If that identifier is asked for here meanwhile, the question came back:
// the upstream is this server itself, or asks this one for what it does not know.

import { randomUUID } from 'node:crypto'
import { isNotFound, KmipRefused } from '../../outside/kmip-client/errors.ts'
import { TlsOptionsError } from '../../outside/kmip-client/tls.ts'
import type { Clock } from '../../core/ports/clock.ts'
import { AdoptionFailed, failureOf } from './failure.ts'
import { Allowance } from './fair-asks.ts'
import type { OldHosts } from './old-hosts.ts'
import { addressOf, openOldServer, type OldServer, type OldServerRequest } from './old-server.ts'
import { upstreamSettings } from './on-demand.ts'

/** How long a manager of one instance waits for a no about an old server, whatever the reason, and how many they may try. */
export const adoptTryMs = 10_000
export const adoptTriesMax = 10
const adoptTriesPerSecond = 1 / 60
const adoptTryingInstancesMax = 1_000

export interface TrialsOptions {
  readonly clock: Pick<Clock, 'monotonic' | 'sleep'>
  readonly hosts: OldHosts
  /** Called with why an old server could not be used, where its asker is not told. */
  readonly onUntold: (error: unknown, about: { readonly instanceId: string }) => void
}

/** The trials that run now. */
export class UpstreamTrials {
  readonly #options: TrialsOptions
  /** By instance: the old servers that its own managers may still try. */
  readonly #tries: Allowance
  /** The identifiers that were made up for them, and whether a request to this server named one. */
  readonly #madeUp = new Map<string, { cameBack: boolean }>()

  constructor(options: TrialsOptions) {
    this.#options = options
    this.#tries = new Allowance(() => options.clock.monotonic(), {
      max: adoptTriesMax,
      perSecond: adoptTriesPerSecond,
      partiesMax: adoptTryingInstancesMax,
    })
  }

  /** Whether a manager of one instance, too, may know why one of these servers does not answer. */
  mayTellAll(servers: readonly string[]): boolean {
    return this.#options.hosts.areListed(servers)
  }

  /** Whether the identifier was made up for a trial. Call it for each unknown identifier that a client asks for. */
  isMadeUp(identifier: string): boolean {
    const madeUp = this.#madeUp.get(identifier)
    if (madeUp) madeUp.cameBack = true
    return madeUp !== undefined
  }

  /**
   * Tries each of its addresses. `instanceId`: the asker manages this one instance alone; null: all of them. Rejects with
   * AdoptionFailed.
   */
  async run(upstream: OldServerRequest, instanceId: string | null): Promise<void> {
    this.#options.hosts.require(upstream.servers)
    if (instanceId === null || this.mayTellAll(upstream.servers)) return this.#run(upstream)
    return this.#runUntold(upstream, instanceId)
  }

  /** Undefined: the asker may know all about these servers, and no trial is needed before they are read. */
  before(
    upstream: OldServerRequest | undefined,
    instanceId: string | null,
  ): (() => Promise<void>) | undefined {
    if (!upstream) return undefined
    this.#options.hosts.require(upstream.servers)
    if (instanceId === null || this.mayTellAll(upstream.servers)) return undefined
    return () => this.#runUntold(upstream, instanceId)
  }

  /**
   * Whatever is wrong, the answer is the same, after the same time, so that it does not distinguish hosts and ports of the network. The
   * number of tries is bounded.
   */
  async #runUntold(upstream: OldServerRequest, instanceId: string): Promise<void> {
    const { clock, onUntold } = this.#options
    if (this.#tries.isSpent(instanceId)) throw tooManyTries()
    this.#tries.spend(instanceId)
    const answered = new AbortController()
    const late = clock.sleep(adoptTryMs, answered.signal)
    const tooLate = late.then(() => Promise.reject(new Error(`no answer within ${adoptTryMs} ms`)))
    try {
      await Promise.race([this.#run(upstream), tooLate])
      answered.abort()
    } catch (error) {
      if (error instanceof AdoptionFailed && error.cause instanceof TlsOptionsError) throw error
      onUntold(error, { instanceId })
      await late
      throw notUsable()
    }
  }

  async #run(upstream: OldServerRequest): Promise<void> {
    const identifier = randomUUID()
    const seen = { cameBack: false }
    this.#madeUp.set(identifier, seen)
    try {
      await tryUpstream(upstream, identifier)
    } catch (error) {
      throw seen.cameBack ? comesBack(error) : error
    } finally {
      this.#madeUp.delete(identifier)
    }
    if (seen.cameBack) throw comesBack()
  }
}

function tooManyTries(): AdoptionFailed {
  return new AdoptionFailed(
    'stopped',
    'the managers of this instance tried too many old servers',
    'One more can be tried in a minute. Servers that adopt.hosts lists, and managers of all instances, are not counted.',
  )
}

function notUsable(): AdoptionFailed {
  return new AdoptionFailed(
    'server',
    'the old server cannot be used: it does not answer, is not the one that the CA or the fingerprint names, does not trust the certificate, or asks this server in turn',
    'The reason is in the log of this server. The server tells it to managers of all instances, and to every manager about hosts that the owner of the machine lists in adopt.hosts.',
  )
}

function comesBack(error?: unknown): AdoptionFailed {
  return new AdoptionFailed(
    'options',
    'the question came back to this server: the upstream is this server itself, or it has this server as its own upstream',
    'Name the server that holds the old keys. An upstream that asks this server must forget it first: instance set NAME --no-upstream, there.',
    error instanceof Error ? error : undefined,
  )
}

async function tryUpstream({ servers, ...options }: OldServerRequest, madeUp: string): Promise<void> {
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
