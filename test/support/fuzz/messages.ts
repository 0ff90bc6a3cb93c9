// Messages to begin with: one request of each operation, in the versions that have it, and any that the schemas allow.

import { encodeRequest } from '../../../src/wire/kmip/client-message.ts'
import { operationExistsIn, operations, type OperationName } from '../../../src/wire/kmip/operations.ts'
import { encodeRequestPayload } from '../../../src/wire/kmip/payload.ts'
import { atLeast, ordinal, versions, type Version } from '../../../src/wire/kmip/version.ts'
import { handledOperations, type HandledOperation } from '../../../src/core/operations/handlers.ts'
import { newerSample, sampleRequests } from '../clients/sample-requests.ts'
import { valueFor } from '../values/schema-values.ts'
import { randomChoices, type Random } from './random.ts'

export function messageSeeds(UniqueIdentifier = '00000000-0000-4000-8000-000000000000'): readonly Buffer[] {
  return versions.flatMap((version) =>
    handledOperations.flatMap((operation) => {
      if (!operationExistsIn(operation, version)) return []
      const sample = messageFor(operation, version, UniqueIdentifier)
      return sample === undefined ? [] : [sample]
    }),
  )
}

function sampleFor(operation: HandledOperation, version: Version, UniqueIdentifier: string): object {
  const about = { UniqueIdentifier, word: 'fuzz' }
  return atLeast(version, '2.0') ? newerSample(operation, about, version) : sampleRequests[operation](about)
}

/** Undefined where the sample is one of other versions. */
function messageFor(
  operation: HandledOperation,
  version: Version,
  UniqueIdentifier: string,
): Buffer | undefined {
  const request = sampleFor(operation, version, UniqueIdentifier) as never
  try {
    const payload = encodeRequestPayload(operation, request, version)
    return encodeRequest({ version, items: [{ operation, payload }] })
  } catch (error) {
    if (error instanceof TypeError) return undefined
    throw error
  }
}

// ---------------------------------------------------------------- New messages

/** A message of some operations, each with any request that its schema allows, mostly about objects that exist. */
export function madeMessage(random: Random, identifiers: readonly string[]): Buffer {
  const version = random.from(versions)
  const items = Array.from({ length: random.from([1, 1, 2, 4]) }, () => {
    const operation = operationIn(version, random)
    const request = madeRequest(operation, version, random, identifiers) as never
    return { operation, payload: encodeRequestPayload(operation, request, version) }
  })
  return encodeRequest({
    version,
    items,
    batchErrorContinuationOption: random.from(['Stop', 'Continue', 'Undo']),
  })
}

/** A sample of which some fields are replaced by what the schema allows, or only what the schema allows. */
function madeRequest(
  operation: HandledOperation,
  version: Version,
  random: Random,
  identifiers: readonly string[],
): object {
  const { request: schema } = operations[operation]
  const any = valueFor(randomChoices(random), schema, ordinal(version)) as Record<string, unknown>
  if (random.below(3) === 0) return about(any, identifiers, random) as object
  const sample = sampleFor(operation, version, random.from(identifiers))
  const replaced = Object.entries(any).filter(() => random.below(4) === 0)
  const request = { ...any, ...sample, ...Object.fromEntries(replaced) }
  const mixed = about(request, identifiers, random) as object
  // What the sample lacks may be missing in what the schema allows, but not the other way round.
  const isComplete = Object.keys(any).every((name) => name in mixed)
  return isComplete ? mixed : any
}

/** Made by these only now and then, since each takes a while. */
const slow: ReadonlySet<OperationName> = new Set([
  'CreateKeyPair',
  'ReKeyKeyPair',
  'DeriveKey',
  'CreateSplitKey',
])

function operationIn(version: Version, random: Random): HandledOperation {
  for (;;) {
    const operation = random.from(handledOperations)
    if (operationExistsIn(operation, version) && (!slow.has(operation) || random.below(50) === 0))
      return operation
  }
}

/** Most identifiers become those of objects that exist. */
function about(value: unknown, identifiers: readonly string[], random: Random): unknown {
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return value
  if (Array.isArray(value)) return value.map((one) => about(one, identifiers, random))
  const entries = Object.entries(value).map(([name, one]): [string, unknown] =>
    name === 'UniqueIdentifier' && !Array.isArray(one) && random.below(10) > 0
      ? [name, random.from(identifiers)]
      : [name, about(one, identifiers, random)],
  )
  return Object.fromEntries(entries)
}
