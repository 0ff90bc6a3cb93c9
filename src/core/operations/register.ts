// Register (KMIP 1.4 §4.3): stores an object that the client brings, of any type.

import type { AttributeSet } from '../../wire/kmip/attributes.ts'
import { Fault } from '../../wire/kmip/fault.ts'
import type { Request } from '../../wire/kmip/operations.ts'
import { atLeast, type Version } from '../../wire/kmip/version.ts'
import { broughtObject, type BroughtObject } from '../keys/forms/brought-object.ts'
import { describedBy, otherLength } from '../keys/forms/described-object.ts'
import { wrappingKeyOf } from '../keys/forms/wrapping-data.ts'
import { linkTo, withSoleLink } from '../keys/object/links.ts'
import type { Context, Handler } from './handler.ts'
import { enclosedAttributes } from './enclosed-attributes.ts'
import { pkcs12In } from './pkcs12-in.ts'
import { setOf } from './requested-attributes.ts'
import { givenAttributes } from './wire-attributes.ts'
import { defaulted, overlaid, wantedAttributes } from './wanted-attributes.ts'

export const register: Handler<'Register'> = async (context, request) => {
  const { ObjectType } = request
  const attributes = await askedAttributes(context, request)
  const container = pkcs12In(request)
  if (container) {
    const UniqueIdentifier = await context.transaction.certificates.registerPkcs12({
      ...container,
      attributes,
    })
    context.placeholder.set(UniqueIdentifier)
    return { UniqueIdentifier }
  }
  const brought = broughtObject(ObjectType, request)
  try {
    requireVersion(brought, context.version)
    const described = linkedToWrapping(describedBy(attributes, ObjectType, brought), brought, context.version)
    const object = { objectType: ObjectType, attributes: await defaulted(described, ObjectType, context) }
    const other = otherLength(object, brought)
    const UniqueIdentifier = await context.transaction.register(object, brought.material, other)
    if (other) context.warn('a key was registered that is not as long as it states', other)
    context.placeholder.set(UniqueIdentifier)
    return { UniqueIdentifier }
  } finally {
    brought.material.bytes.fill(0)
  }
}

/** A key's attributes may also be in its Key Value, and a template's in the template itself (KMIP 1.4 §2.1.4, §2.2.6). */
async function askedAttributes(context: Context, request: Request<'Register'>): Promise<AttributeSet> {
  const { ObjectType, Template } = request
  const { version } = context
  const requestAttributes = await wantedAttributes(request, ObjectType, context)
  if (ObjectType !== 'Template')
    return overlaid(enclosedAttributes(ObjectType, request, version), requestAttributes)
  if (!Template) throw new Fault('InvalidField', 'Object Type is Template, but the request has no Template')
  const attributes = overlaid(
    setOf(givenAttributes(Template, version), { version, objectType: ObjectType }),
    requestAttributes,
  )
  if (!attributes.has('Name'))
    throw new Fault('InvalidField', 'a template needs a Name, by which requests refer to it')
  return attributes
}

/** KMIP 2.1 §6.1.43: links the key to the key by which it came wrapped. 1.x has no such link type. */
function linkedToWrapping(
  attributes: AttributeSet,
  { material }: BroughtObject,
  version: Version,
): AttributeSet {
  const { wrapping } = material.head
  if (!wrapping || !atLeast(version, '2.0')) return attributes
  return withSoleLink(attributes, linkTo('WrappingKeyLink', wrappingKeyOf(wrapping)))
}

function requireVersion({ material }: BroughtObject, version: Version): void {
  if (material.head.isElsewhere && !atLeast(version, '1.2'))
    throw new Fault('InvalidField', 'the Key Block has no Key Value')
}
