// How much idle connections slow down the others: `node bench/idle-connections.ts [COUNT]` (10000). Compares request
// times on eight connections before, with and after them, in one run, since machines differ more than listeners do.

import { readFileSync } from 'node:fs'
import { connectClient } from '../test/support/clients/tls-client.ts'
import { after, measureRequests, start, startListener } from './kmip-listener.ts'

const count = Number(process.argv[2] ?? 10_000)
await using listener = await startListener()
const clients = await Promise.all(Array.from({ length: 8 }, () => connectClient({ port: listener.port })))
await measureRequests(clients, after(2))
const memoryBefore = memoryMiB(listener.process.pid)
const without = await measureRequests(clients, after(5))
const begun = performance.now()
await using holder = start('hold', String(listener.port), String(count))
await holder.said()
const seconds = (performance.now() - begun) / 1_000
const memoryWith = memoryMiB(listener.process.pid)
// What opening them left behind (garbage, tickets on their way) is not what is measured.
await measureRequests(clients, after(5))
const withIdle = await measureRequests(clients, after(5))
holder.process.kill()
await measureRequests(clients, after(5))
const withoutAgain = await measureRequests(clients, after(5))
for (const client of clients) client.close()
process.stdout.write(
  `${JSON.stringify(
    {
      idle: count,
      openedPerSecond: Math.round(count / seconds),
      memoryPerConnectionKiB: Math.round(((memoryWith - memoryBefore) * 1024) / count),
      without,
      withIdle,
      withoutAgain,
      p99Ratio: Number((withIdle.p99Ms / Math.max(without.p99Ms, withoutAgain.p99Ms)).toFixed(2)),
    },
    null,
    2,
  )}\n`,
)

/** Resident, of a Linux process. */
function memoryMiB(pid: number | undefined): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? Number.NaN) / 1024
}
