// One call to the old server for one object that a client wants: reads it with its attributes, checks it, and adopts it in
// one transaction, whose audit entry says that it was adopted on demand. It asks once; upstream.ts decides when.

import type { Keys } from '../../core/keys/keys.ts'
import { addressText, type Address } from '../../base/kmip-address.ts'
import {
  isNotFound,
  isUnreadable,
  KmipRefused,
  KmipTransportError,
} from '../../outside/kmip-client/errors.ts'
import { TlsOptionsError } from '../../outside/kmip-client/tls.ts'
import { Fault } from '../../wire/kmip/fault.ts'
import { clientRestMs } from '../../base/bounds.ts'
import { upstreamCallsMax } from './bounds.ts'
import type { Clock, Timer } from '../../core/ports/clock.ts'
import type { Caller } from '../../core/trust/caller.ts'
import { wipeAnswer } from './key-bytes.ts'
import { openOldServer, type OldServer, type OldServerOptions } from './old-server.ts'
import { contradictsDigest, inOneAct, otherDigest, storable } from './one-object.ts'
import { Reader, type Read } from './reader.ts'
import type { UpstreamAnswer } from './upstream.ts'

/** A connection to the old server may take so long. */
const upstreamConnectTimeoutMs = 2_000
/** For the TLS handshake, and again for the answer. Old servers stall, some for half a minute. */
const upstreamAnswerTimeoutMs = 40_000
/** Connections to the old server are closed after this long without a call. */
const upstreamIdleMs = 30_000

export interface OnDemandOptions {
  readonly clock: Clock
  readonly keys: Pick<Keys, 'perform'>
  readonly addresses: readonly Address[]
  /** The client's certificate and key, and how to recognize the old server; undefined: the key is gone. The key is wiped. */
  readonly credentials: () => Promise<
    (Pick<OldServerOptions, 'cert' | 'trust'> & { readonly key: Buffer }) | undefined
  >
  /** Looks up who adopts, as of now. Throws a Fault if the upstream was removed or changed meanwhile. */
  readonly identify: (requestId: string) => Promise<Caller>
  /** Called with bugs and outages. */
  readonly failed: (error: unknown) => void
}

interface Opened {
  readonly server: OldServer
  readonly reader: Reader
}

/** The connections to one old server. They are closed after a while without a request. */
export class OnDemand {
  readonly #options: OnDemandOptions
  #opened: Promise<Opened> | undefined
  #running = 0
  #idle: Timer | undefined

  constructor(options: OnDemandOptions) {
    this.#options = options
  }

  /** Never rejects. */
  async look(identifier: string, requestId: string): Promise<UpstreamAnswer> {
    this.#running++
    this.#idle?.cancel()
    try {
      return await this.#look(identifier, requestId)
    } catch (error) {
      return this.#unexpected(error)
    } finally {
      this.#running--
      if (this.#running === 0) this.#idle = this.#options.clock.after(upstreamIdleMs, () => void this.close())
    }
  }

  async close(): Promise<void> {
    this.#idle?.cancel()
    const opened = this.#opened
    this.#opened = undefined
    await opened?.then(({ server }) => server.close()).catch(() => undefined)
  }

  async #look(identifier: string, requestId: string): Promise<UpstreamAnswer> {
    let read: Read
    try {
      const { reader } = await this.#open()
      read = await reader.read(identifier)
    } catch (error) {
      return foundIn(error)
    }
    try {
      return await this.#store(read, requestId)
    } finally {
      wipeAnswer(read.object)
    }
  }

  async #store(read: Read, requestId: string): Promise<UpstreamAnswer> {
    const { object } = read
    const [first] = this.#options.addresses
    const from = first ? addressText(first) : ''
    const made = storable(read, from)
    if ('destroyed' in made) return refused('ObjectDestroyed', made.destroyed)
    if ('notStored' in made)
      return refused(
        'FeatureNotSupported',
        `the old server has it, and this server cannot store it: ${made.notStored}`,
      )
    if (contradictsDigest(read)) return refused('GeneralFailure', otherDigest)
    const identify = () => this.#options.identify(requestId)
    try {
      await inOneAct(
        (work) => this.#options.keys.perform(identify, work),
        object,
        (work, material) => work.adopt(made.adopted, material, { dryRun: false, onDemand: true }),
      )
      return { is: 'adopted' }
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      // Another request brought or made the object meanwhile: that one counts.
      if (error.reason === 'ObjectAlreadyExists' || error.reason === 'ObjectDestroyed')
        return { is: 'adopted' }
      const message = `the old server has it, and it could not be stored here: ${error.message}`
      return { is: 'failed', fault: new Fault('GeneralFailure', message, { cause: error }) }
    }
  }

  #open(): Promise<Opened> {
    this.#opened ??= this.#connect().catch((error: unknown) => {
      this.#opened = undefined
      throw error
    })
    return this.#opened
  }

  async #connect(): Promise<Opened> {
    const { addresses, credentials } = this.#options
    const access = await credentials()
    if (!access)
      throw new TlsOptionsError('its private key is gone from the database: name the upstream again')
    try {
      const server = await openOldServer({ ...access, addresses, ...upstreamSettings })
      // Each object is asked for once: the client asks again.
      return { server, reader: new Reader(server, { ask: (ask) => ask() }) }
    } finally {
      access.key.fill(0)
    }
  }

  #unexpected(error: unknown): UpstreamAnswer {
    this.#options.failed(error)
    const message = 'the old server could not be asked: the log of this server says why'
    return { is: 'failed', fault: new Fault('GeneralFailure', message) }
  }
}

/** How an upstream is asked; also when it is tried before it is kept. */
export const upstreamSettings = {
  connectionsMax: upstreamCallsMax,
  restMs: clientRestMs,
  timeouts: {
    connectMs: upstreamConnectTimeoutMs,
    handshakeMs: upstreamAnswerTimeoutMs,
    answerMs: upstreamAnswerTimeoutMs,
  },
} as const

/** A failed call, as far as it says something of the object. Throws errors that are no failure of the call. */
function foundIn(error: unknown): UpstreamAnswer {
  if (error instanceof KmipRefused) return foundInRefusal(error)
  if (isUnreadable(error))
    return refused('GeneralFailure', 'the old server has it, and its answer cannot be read', error.message)
  if (error instanceof KmipTransportError || error instanceof TlsOptionsError)
    return { is: 'unanswered', message: error.message }
  throw error
}

/** The client learns the reason only: the text is the old server's. */
function foundInRefusal(error: KmipRefused): UpstreamAnswer {
  const { message, reason, status } = error
  if (isNotFound(error)) return { is: 'absent' }
  if (reason === 'ObjectDestroyed')
    return refused('ObjectDestroyed', 'it was destroyed at the old server', message)
  // The old server no longer trusts the certificate, and so says nothing about the object.
  if (reason === 'AuthenticationNotSuccessful') return { is: 'unanswered', message }
  // An overloaded server says no more than that.
  if (reason === undefined || reason === 'GeneralFailure')
    return { is: 'failed', fault: new Fault('GeneralFailure', 'the old server failed at it: try again') }
  return refused(
    'PermissionDenied',
    `the old server does not hand it out (${reason})`,
    `${status}: ${message}`,
  )
}

function refused(reason: Fault['reason'], message: string, why = message): UpstreamAnswer {
  return { is: 'refused', fault: new Fault(reason, message), why }
}
