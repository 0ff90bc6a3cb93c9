// Shared by both benchmarks of the KMIP listener: starts the listener in a process of its own, so that it and its clients
// do not share a thread, and measures requests and handshakes.

import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { openListener, messageOf } from '../test/support/server/kmip-listener.ts'
import { connectClient, type TlsClient } from '../test/support/clients/tls-client.ts'

const file = import.meta.filename

export interface OtherProcess extends AsyncDisposable {
  readonly process: ChildProcess
  /** Resolves with the next thing that it sends. */
  said(): Promise<unknown>
}

/** Runs this benchmark's file again, in another role. */
export function start(role: string, ...args: readonly string[]): OtherProcess {
  const child = fork(file, [role, ...args])
  return {
    process: child,
    said: async () => {
      const [message] = (await once(child, 'message')) as unknown[]
      return message
    },
    [Symbol.asyncDispose]: async () => {
      child.kill()
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    },
  }
}

export async function startListener(): Promise<OtherProcess & { readonly port: number }> {
  const other = start('listener')
  return { ...other, port: Number(await other.said()) }
}

export interface Times {
  readonly count: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
}

export function summary(timesMs: readonly number[]): Times {
  const sorted = timesMs.toSorted((a, b) => a - b)
  const at = (share: number): number =>
    Number((sorted[Math.floor(share * (sorted.length - 1))] ?? 0).toFixed(2))
  return { count: sorted.length, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) }
}

/** Requests on open connections, one at a time on each, until `over`. */
export async function measureRequests(clients: readonly TlsClient[], over: () => boolean): Promise<Times> {
  const timesMs: number[] = []
  await Promise.all(
    clients.map(async (client) => {
      while (!over()) {
        const before = performance.now()
        if ((await client.ask(messageOf(1, 200))) === undefined) throw new Error('the connection ended')
        timesMs.push(performance.now() - before)
        await new Promise((resolve) => setTimeout(resolve, 2))
      }
    }),
  )
  return summary(timesMs)
}

/** New connections with one request each, one after the other, until `over`. */
export async function measureHandshakes(port: number, from: string, over: () => boolean): Promise<Times> {
  const timesMs: number[] = []
  while (!over()) {
    const before = performance.now()
    const client = await connectClient({ port, from })
    await client.ask(messageOf(1, 200))
    timesMs.push(performance.now() - before)
    client.close()
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return summary(timesMs)
}

export function after(seconds: number): () => boolean {
  const end = performance.now() + seconds * 1_000
  return () => performance.now() >= end
}

/** Opens connections from one address and keeps them; says how many it has, every thousand and at the end. */
async function hold(port: number, count: number): Promise<void> {
  const clients: TlsClient[] = []
  while (clients.length < count) {
    const batch = Math.min(50, count - clients.length)
    clients.push(...(await Promise.all(Array.from({ length: batch }, () => connectClient({ port })))))
  }
  process.send?.(clients.length)
}

/** Opens connections from one address and drops them, so many at the same time, until killed. */
async function flood(port: number, atOnce: number): Promise<void> {
  process.send?.('begun')
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (;;) {
        await connectClient({ port, from: '127.0.0.9' }).then(
          (client) => client.close(),
          () => undefined,
        )
      }
    }),
  )
}

const [role, ...args] = process.argv[1] === file ? process.argv.slice(2) : []
if (role === 'listener') process.send?.((await openListener()).port)
if (role === 'hold') await hold(Number(args[0]), Number(args[1]))
if (role === 'flood') await flood(Number(args[0]), Number(args[1]))
