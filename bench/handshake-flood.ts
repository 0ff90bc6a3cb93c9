// What others notice when one address opens connections as fast as it can: `node bench/handshake-flood.ts [AT_ONCE]`
// (500) connections at the same time, dropped as soon as they are open and opened again, for ten seconds.

import { connectClient } from '../test/support/clients/tls-client.ts'
import { after, measureHandshakes, measureRequests, start, startListener } from './kmip-listener.ts'

const atOnce = Number(process.argv[2] ?? 500)
await using listener = await startListener()
const { port } = listener
const clients = await Promise.all(Array.from({ length: 8 }, () => connectClient({ port, from: '127.0.0.2' })))
const quiet = await measure(5)
await using flood = start('flood', String(port), String(atOnce))
await flood.said()
const flooded = await measure(10)
for (const client of clients) client.close()
process.stdout.write(`${JSON.stringify({ atOnce, quiet, flooded }, null, 2)}\n`)

async function measure(seconds: number): Promise<unknown> {
  const over = after(seconds)
  const [requests, handshakes] = await Promise.all([
    measureRequests(clients, over),
    measureHandshakes(port, '127.0.0.3', over),
  ])
  return { requests, handshakes }
}
