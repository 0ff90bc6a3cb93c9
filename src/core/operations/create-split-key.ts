// Create Split Key (KMIP 1.4 §4.38): the server splits a key, or a new one, into parts that are objects of their own.

import { Fault } from '../../wire/kmip/fault.ts'
import type { Request } from '../../wire/kmip/operations.ts'
import type { Handler } from './handler.ts'
import { defaulted, wantedAttributes } from './wanted-attributes.ts'

/** Whether the parts belong to a new key: then the ID Placeholder does not replace a missing identifier. */
export function makesItsKey({ UniqueIdentifier }: Request<'CreateSplitKey'>): boolean {
  return UniqueIdentifier === undefined
}

export const createSplitKey: Handler<'CreateSplitKey'> = async (context, request) => {
  const { transaction, placeholder } = context
  if (request.ObjectType !== 'SplitKey')
    throw new Fault('InvalidField', 'Create Split Key makes objects of type Split Key')
  const attributes = await wantedAttributes(request, 'SplitKey', context)
  const ids = await transaction.createSplitKey({
    uniqueIdentifier:
      request.UniqueIdentifier === undefined ? undefined : placeholder.resolve(request.UniqueIdentifier),
    parts: request.SplitKeyParts,
    threshold: request.SplitKeyThreshold,
    method: request.SplitKeyMethod,
    primeFieldSize: request.PrimeFieldSize,
    attributes: makesItsKey(request) ? await defaulted(attributes, 'SplitKey', context) : attributes,
  })
  placeholder.set(ids[0])
  return { UniqueIdentifier: ids }
}
