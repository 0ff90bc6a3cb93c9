// A trusted client asks for much and leaves: batches of 1,000 Locates over all keys of its instance, on 100 connections
// at once. Every other connection is closed as soon as its batch is sent and opened again a moment later; the others
// wait for their answer, which grows too large to be sent.

import { once } from 'node:events'
import { connect } from 'node:tls'
import { setTimeout as wait } from 'node:timers/promises'
import { enumeration, integer, operations, struct, tags, types, write } from '../clients/wire.ts'
import type { Attack, Target } from './target.ts'

const connections = 100
const locatesPerBatch = 1_000
const comesBackAfterMs = 2_000

export const longBatches: Attack = async (target, signal) => {
  const lanes = Array.from({ length: connections }, (_, number) => lane(target, number % 2 === 0, signal))
  await Promise.all(lanes)
}

async function lane(
  { kmip, neighbours: [neighbour] }: Target,
  leavesAtOnce: boolean,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const socket = connect({ ...kmip, ...neighbour, rejectUnauthorized: false, minVersion: 'TLSv1.2' })
    socket.on('error', () => {
      // The server may close it at any time.
    })
    const closed = once(socket, 'close')
    const stop = (): void => void socket.destroy()
    signal.addEventListener('abort', stop)
    socket.once('secureConnect', () =>
      socket.write(manyLocates, () => {
        if (leavesAtOnce) socket.destroy()
      }),
    )
    // The whole answer, or the end.
    socket.once('data', stop)
    await closed.catch(() => undefined)
    signal.removeEventListener('abort', stop)
    await wait(comesBackAfterMs, undefined, { signal }).catch(() => undefined)
  }
}

/** KMIP 1.4, going on after items that fail. */
const manyLocates = write(
  struct(
    'RequestMessage',
    struct(
      'RequestHeader',
      struct('ProtocolVersion', integer('ProtocolVersionMajor', 1), integer('ProtocolVersionMinor', 4)),
      enumeration('BatchErrorContinuationOption', 1),
      integer('BatchCount', locatesPerBatch),
    ),
    ...Array.from({ length: locatesPerBatch }, (_, number) =>
      struct(
        'BatchItem',
        enumeration('Operation', operations.Locate),
        { tag: tags.UniqueBatchItemID, type: types.ByteString, value: Buffer.from(String(number)) },
        struct('RequestPayload'),
      ),
    ),
  ),
)
