// The client of bench/costly.ts that asks for costly work without a pause, on a thread of its own. Counts the answers by what
// they say.

import { parentPort, workerData } from 'node:worker_threads'
import { decodeResponse, encodeRequest } from '../src/wire/kmip/client-message.ts'
import type { OperationName } from '../src/wire/kmip/operations.ts'
import { encodeRequestPayload } from '../src/wire/kmip/payload.ts'
import { connectClient } from '../test/support/clients/tls-client.ts'

export interface CostlyWork {
  readonly host: string
  readonly port: number
  readonly cert: string
  readonly key: string
  readonly operation: OperationName
  readonly request: unknown
  readonly connections: number
}

const { host, port, cert, key, operation, request, connections } = workerData as CostlyWork
const payload = encodeRequestPayload(operation, request as never, '1.4')
const message = encodeRequest({ version: '1.4', items: [{ operation, payload }] })
const answers: Record<string, number> = {}

async function askAgainAndAgain(): Promise<void> {
  const client = await connectClient({ host, port, cert, key })
  for (;;) {
    const [item] = decodeResponse((await client.ask(message)) ?? Buffer.of()).items
    const said = item?.reason ?? item?.status ?? 'nothing'
    answers[said] = (answers[said] ?? 0) + 1
  }
}

parentPort?.on('message', () => parentPort?.postMessage(answers, []))
await Promise.all(Array.from({ length: connections }, askAgainAndAgain))
