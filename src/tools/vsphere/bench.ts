// A load run against a KMIP server: creates keys to fetch, runs lanes unmeasured for a while, then measured, and
// destroys what it created. It reports how fast the server answered, never why.

import { randomUUID } from 'node:crypto'
import { counted } from '../../base/text/counted.ts'
import { addressText, type Address } from '../../base/kmip-address.ts'
import { connectKmip, type KmipClient } from '../../outside/kmip-client/client.ts'
import { createKey, endingRefusal, versionsOf } from '../../outside/kmip-client/calls.ts'
import { openConnection } from '../../outside/kmip-client/connection.ts'
import { KmipRefused, KmipTransportError } from '../../outside/kmip-client/errors.ts'
import { clientTls, type ServerTrust } from '../../outside/kmip-client/tls.ts'
import { BenchLane, type LaneOptions } from './bench-lane.ts'
import { benchWorks, mixText, roundOf, type BenchKey, type Mix } from './bench-mix.ts'
import { Schedule } from './bench-schedule.ts'
import { BenchTally, type BenchFailure, type Percentiles } from './bench-tally.ts'
import { forEach, together } from './together.ts'

export interface BenchOptions {
  readonly address: Address
  readonly cert: string | Buffer
  readonly key: string | Buffer
  readonly trust: ServerTrust
  readonly tls?: '1.2' | '1.3' | undefined
  readonly mix: Mix
  /** The number of lanes, that is, of concurrent requests. */
  readonly connections: number
  readonly durationMs: number
  readonly warmUpMs: number
  /** Pieces of work per second, over all lanes. Left out: as many as the lanes can do. */
  readonly rate?: number | undefined
  /** Open a new connection for each piece of work. */
  readonly perWork: boolean
  /** With `perWork`: resume the TLS session of the previous connection. */
  readonly resume: boolean
  /** The number of keys to fetch. */
  readonly keys: number
  /** Keep the created keys. */
  readonly keep: boolean
  /** Ends the run early, with a complete report. */
  readonly signal?: AbortSignal
  readonly onProgress?: (phase: string) => void
}

export interface Measured {
  readonly count: number
  readonly perSecond: number
  readonly latencyMs: Percentiles
}

export interface BenchReport {
  /** Nothing failed, and every created key was destroyed unless it was to be kept. */
  readonly ok: boolean
  readonly server: string
  readonly tls: { readonly version: string; readonly cipher: string }
  readonly mix: string
  readonly connections: number
  /** Pieces of work per second that were wanted; null: as many as possible. */
  readonly rate: number | null
  readonly perWork: boolean
  readonly resume: boolean
  /** The duration of the measurement. */
  readonly seconds: number
  /** All operations together. */
  readonly requestsPerSecond: number
  readonly operations: Readonly<Record<string, Measured>>
  /** New connections, TCP and TLS. */
  readonly handshakes: Measured & { readonly resumed: number }
  /** With perWork: the time from connecting to the last answer. With a rate: from the moment when the work was due. */
  readonly pieces: Measured | null
  readonly failed: number
  readonly failures: readonly BenchFailure[]
  readonly keys: { readonly made: number; readonly destroyed: number; readonly left: number }
}

/** Rejects with KmipRefused, KmipTransportError or TlsOptionsError if the server does not let it begin. */
export async function bench(options: BenchOptions): Promise<BenchReport> {
  const made: string[] = []
  let left = 0
  let run: Omit<BenchReport, 'ok' | 'keys'> | undefined
  try {
    run = await measured(options, made)
  } finally {
    left = options.keep ? made.length : await destroyAll(options, made)
    // No report says it.
    if (!run && left > 0)
      options.onProgress?.(
        `of the ${counted(made.length, 'key')} that it made, ${left} ${left === 1 ? 'is' : 'are'} left at the server`,
      )
  }
  const keys = { made: made.length, destroyed: made.length - left, left: options.keep ? 0 : left }
  return { ok: run.failed === 0 && keys.left === 0, ...run, keys }
}

async function measured(options: BenchOptions, made: string[]): Promise<Omit<BenchReport, 'ok' | 'keys'>> {
  const { address, connections, warmUpMs, durationMs, perWork, resume, mix, signal } = options
  const tls = clientTls({ ...options, ...tlsRange(options.tls) })
  options.onProgress?.('keys are made')
  const keys = await prepare(options, made)
  const about = await serverAt(address, tls)
  const lane: LaneOptions = {
    address,
    tls,
    perWork,
    resume,
    round: roundOf(mix),
    keys,
    made: (id) => void made.push(id),
  }
  const lanes = Array.from({ length: connections }, (_, number) => new BenchLane(lane, number))
  const runFor = async (ms: number): Promise<{ tally: BenchTally; seconds: number }> => {
    const tally = new BenchTally()
    const begunMs = performance.now()
    const schedule = new Schedule(ms, options.rate, signal)
    await together(lanes.map((one) => one.run(tally, schedule)))
    return { tally, seconds: (performance.now() - begunMs) / 1000 }
  }
  try {
    options.onProgress?.('warming up')
    if (warmUpMs > 0) await runFor(warmUpMs)
    options.onProgress?.('measuring')
    return { ...about, ...sumUp(options, await runFor(durationMs)) }
  } finally {
    await together(lanes.map((one) => one.close()))
  }
}

function tlsRange(version: BenchOptions['tls']) {
  return version && ({ minVersion: `TLSv${version}`, maxVersion: `TLSv${version}` } as const)
}

/** Creates the keys to fetch. This also finds out whether the server refuses. */
async function prepare(options: BenchOptions, made: string[]): Promise<readonly BenchKey[]> {
  await using client = clientOf(options)
  await versionsOf(client)
  const refused = options.keep ? undefined : await endingRefusal(client, ['Destroy'])
  if (refused) throw refused
  const steps = [...options.mix.keys()].flatMap((name) => benchWorks[name].steps)
  if (!steps.some(({ needs }) => needs)) return []
  const isNamed = steps.some(({ needs }) => needs === 'named key')
  const keys: BenchKey[] = []
  await forEach(Array.from({ length: options.keys }), options.connections, async () => {
    if (options.signal?.aborted === true) return
    const name = isNamed ? `mortise-bench-${randomUUID()}` : ''
    const id = await createKey(client, isNamed ? { name } : {})
    made.push(id)
    keys.push({ id, name })
  })
  return keys
}

/** The server at the address, and the TLS that it speaks. */
async function serverAt(address: Address, tls: ReturnType<typeof clientTls>) {
  const connection = await openConnection(address, { tls })
  const { tlsVersion: version, cipher } = connection
  await connection.close()
  return { server: addressText(address), tls: { version, cipher } }
}

/** Destroys the keys and returns how many remain: those that the server refused to destroy, or did not answer for. */
async function destroyAll(options: BenchOptions, made: readonly string[]): Promise<number> {
  if (made.length === 0) return 0
  options.onProgress?.(`${counted(made.length, 'key is', 'keys are')} destroyed`)
  let left = 0
  await using client = clientOf(options)
  await forEach(made, options.connections, async (id) => {
    const gone = (await tried(destroy(client, id))) || (await tried(revokeAndDestroy(client, id)))
    if (!gone) left += 1
  })
  return left
}

async function destroy(client: KmipClient, UniqueIdentifier: string): Promise<void> {
  await client.request('Destroy', { UniqueIdentifier })
}

/** For servers whose keys are active from the start. */
async function revokeAndDestroy(client: KmipClient, UniqueIdentifier: string): Promise<void> {
  const RevocationReason = { RevocationReasonCode: 'CessationOfOperation' } as const
  await client.request('Revoke', { UniqueIdentifier, RevocationReason })
  await destroy(client, UniqueIdentifier)
}

async function tried(doing: Promise<void>): Promise<boolean> {
  try {
    await doing
    return true
  } catch (error) {
    if (error instanceof KmipRefused || error instanceof KmipTransportError) return false
    throw error
  }
}

function clientOf({ address, cert, key, trust, tls, connections }: BenchOptions): KmipClient {
  return connectKmip({
    addresses: [address],
    cert,
    key,
    trust,
    ...tlsRange(tls),
    version: '1.1',
    connectionsMax: connections,
  })
}

function sumUp(
  { mix, connections, rate, perWork, resume }: BenchOptions,
  { tally, seconds }: { readonly tally: BenchTally; readonly seconds: number },
) {
  const measure = (times: { count: number; percentiles(): Percentiles }): Measured => ({
    count: times.count,
    perSecond: Math.round((times.count / seconds) * 10) / 10,
    latencyMs: times.percentiles(),
  })
  const operations = Object.fromEntries([...tally.requests].map(([name, times]) => [name, measure(times)]))
  const failures = tally.failures()
  const requests = Object.values(operations).reduce((sum, { count }) => sum + count, 0)
  return {
    mix: mixText(mix),
    connections,
    rate: rate ?? null,
    perWork,
    resume,
    seconds: Math.round(seconds * 1e6) / 1e6,
    requestsPerSecond: Math.round((requests / seconds) * 10) / 10,
    operations,
    handshakes: { ...measure(tally.handshakes), resumed: tally.resumed },
    pieces: perWork || rate !== undefined ? measure(tally.pieces) : null,
    failed: failures.reduce((sum, { count }) => sum + count, 0),
    failures,
  }
}
