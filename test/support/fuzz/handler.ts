// A whole message to its answer as a target: the answerer of the listener with the real core behind it, on a SQLite store
// of its own. Every answer must be one that the schemas allow, and no answer may be a General Failure: nothing here is an
// outage. After a while, the core is made again, since most objects are destroyed by then.

import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { decodeResponse } from '../../../src/wire/kmip/client-message.ts'
import { nameOf } from '../../../src/wire/kmip/enums.ts'
import type { OperationName } from '../../../src/wire/kmip/operations.ts'
import { decodeResponsePayload } from '../../../src/wire/kmip/payload.ts'
import { answeringOn, peerOf } from '../server/answering.ts'
import { createKey, openCoreWithClient } from '../server/core.ts'
import { summary, type Target } from './engine.ts'
import { madeMessage, messageSeeds } from './messages.ts'

const inputsPerCore = 5_000

export function handlerTarget(): Target {
  let place: Place | undefined
  let inputs = 0
  const current = async () => {
    if (place && inputs++ % inputsPerCore !== 0) return place
    await place?.close()
    return (place = await openPlace())
  }
  return {
    name: 'handler',
    seeds: async () => messageSeeds((await current()).identifiers[0]),
    make: (random) => (place ? madeMessage(random, place.identifiers) : Buffer.alloc(0)),
    madeInTen: 9,
    wholeInFour: 3,
    run: async (input) => (await current()).answer(input),
    close: async () => place?.close(),
  }
}

interface Place {
  readonly identifiers: readonly string[]
  answer(message: Buffer): Promise<string>
  close(): Promise<void>
}

async function openPlace(): Promise<Place> {
  const closers: (() => unknown)[] = []
  const context = { after: (close: () => unknown) => closers.push(close) } as unknown as TestContext
  const { core, identity, perform } = await openCoreWithClient(context)
  const identifiers: string[] = []
  for (let count = 0; count < 4; count++) identifiers.push(await perform(createKey()))
  const { answer, close } = answeringOn(core)
  closers.unshift(close)
  const peer = peerOf(identity)
  return {
    identifiers,
    answer: async (message) => judged(await answer(message, peer), identifiers),
    close: async () => {
      for (const one of closers) await one()
    },
  }
}

/** General Failures that refuse something on purpose: what the cases of OASIS expect, and a bound of each client. */
const meant = /^(the tag has [\d, ]+ bytes|this client has begun too much)/

/** The outcome, once the answer was found to be one that the schemas allow. */
function judged(bytes: Buffer, identifiers: string[]): string {
  const response = decodeResponse(bytes)
  assert.equal(response.batchCount, response.items.length)
  return response.items
    .map(({ operationCode = 0, status, reason, message, payload }) => {
      const operation = nameOf('Operation', operationCode)
      if (reason === 'GeneralFailure' && !meant.test(message ?? ''))
        throw new Error(`General Failure of ${operation}: ${message}`)
      if (status === 'OperationFailed') return `${operation} ${reason} ${summary(message)}`
      if (payload !== undefined && operation) {
        const answer: object = decodeResponsePayload(operation, payload, response)
        if (makers.has(operation)) remember(identifiers, answer)
      }
      return `${operation} ${status}`
    })
    .join()
}

/** Their answers name new objects. */
const makers: ReadonlySet<OperationName> = new Set([
  'Create',
  'CreateKeyPair',
  'Register',
  'Import',
  'DeriveKey',
  'ReKey',
])
const identifiersMax = 40

/** Older identifiers give way, so that most objects are not destroyed yet. */
function remember(identifiers: string[], answer: object): void {
  for (const [name, value] of Object.entries(answer))
    if (name.endsWith('UniqueIdentifier') && typeof value === 'string') identifiers.push(value)
  identifiers.splice(0, Math.max(0, identifiers.length - identifiersMax))
}
