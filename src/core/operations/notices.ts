// The requests that the server sends to a client that took the server role (KMIP 2.1 §6.2.2, §6.2.3): Notify for changed
// attributes, and Put for a new object. The server sends a Put by itself, but with the rules and the audit entry of a Get.

import { encodeRequest } from '../../wire/kmip/client-message.ts'
import { existsIn, type AttributeSet, type AttributeValue } from '../../wire/kmip/attributes.ts'
import { referenceOf, seenIn } from '../../wire/kmip/attributes2.ts'
import { Fault } from '../../wire/kmip/fault.ts'
import type { Request } from '../../wire/kmip/operations.ts'
import { encodeRequestPayload } from '../../wire/kmip/payload.ts'
import type { Version } from '../../wire/kmip/version.ts'
import type { MaybePromise } from '../../base/maybe-promise.ts'
import { difference, type ObjectChange } from '../keys/transaction/change-feed.ts'
import { wireObject } from '../keys/forms/given-object.ts'
import type { Keys } from '../keys/keys.ts'
import { allows } from '../trust/allow.ts'
import type { Caller } from '../trust/caller.ts'
import { visibleKeys } from './visible-keys.ts'
import { answeredAttributes } from './wire-attributes.ts'

interface Noticing {
  readonly keys: Pick<Keys, 'perform'>
  /** Throws a Fault if the client is no longer trusted. */
  readonly identify: () => MaybePromise<Caller>
  readonly version: Version
}

/**
 * The message about a change, which the caller wipes; undefined: the client may not learn of it, or its version has no words for
 * it. Throws the errors of `identify`.
 */
export async function noticeOf(change: ObjectChange, noticing: Noticing): Promise<Buffer | undefined> {
  const { allow } = await noticing.identify()
  const put = change.before === undefined && allows(allow, 'Put') ? await putOf(change, noticing) : undefined
  if (put) return put
  return allows(allow, 'Notify') ? notifyOf(change, noticing.version) : undefined
}

function notifyOf({ uniqueIdentifier, before, after }: ObjectChange, version: Version): Buffer | undefined {
  const { changed, gone } = difference(seenIn(version, before ?? new Map()), seenIn(version, after))
  const keys = visibleKeys(changed, version)
  const AttributeReference = gone.filter((key) => existsIn(key, version)).map(referenceOf)
  if (keys.length + AttributeReference.length === 0) return undefined
  const request: Request<'Notify'> = {
    UniqueIdentifier: uniqueIdentifier,
    ...(keys.length > 0 && { Attributes: answeredAttributes(changed, keys, version).Attributes }),
    AttributeReference,
  }
  return message('Notify', encodeRequestPayload('Notify', request, version), version)
}

/** Undefined for an object that may not leave, or that is gone meanwhile. */
async function putOf(
  { uniqueIdentifier, after }: ObjectChange,
  { keys, identify, version }: Noticing,
): Promise<Buffer | undefined> {
  try {
    return await keys.perform(identify, async (transaction) => {
      const object = await transaction.fetch(uniqueIdentifier, { put: true })
      const onCopy = (bytes: Buffer) => transaction.wipeLater(bytes)
      const attributes = object.allAttributes()
      const replaced = replacedBy(after)
      const request = {
        UniqueIdentifier: uniqueIdentifier,
        PutFunction: replaced === undefined ? ('New' as const) : ('Replace' as const),
        ReplacedUniqueIdentifier: replaced,
        ...wireObject(object, { version, format: undefined, onCopy }),
        Attributes: answeredAttributes(attributes, visibleKeys(attributes, version), version).Attributes,
      }
      const payload = encodeRequestPayload('Put', request, version)
      transaction.wipe()
      const bytes = message('Put', payload, version)
      payload.fill(0)
      return bytes
    })
  } catch (error) {
    if (error instanceof Fault) return undefined
    throw error
  }
}

function replacedBy(attributes: AttributeSet): string | undefined {
  const links = (attributes.get('Link') ?? []).map(({ value }) => value as AttributeValue<'Link'>)
  const link = links.find(({ LinkType }) => LinkType === 'ReplacedObjectLink')
  return link?.LinkedObjectIdentifier
}

function message(operation: 'Notify' | 'Put', payload: Buffer, version: Version): Buffer {
  return encodeRequest({ version, items: [{ operation, payload }] })
}
