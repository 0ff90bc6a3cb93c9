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
  const asked = await askedAttributes(context, request)
  const container = pkcs12In(request)
  if (container) {
    const UniqueIdentifier = await context.transaction.certificates.registerPkcs12({
      ...container,
      attributes: asked,
    })
    context.placeholder.set(UniqueIdentifier)
    return { UniqueIdentifier }
  }
  const brought = broughtObject(ObjectType, request)
  try {
    requireVersion(brought, context.version)
    const described = linkedToWrapping(describedBy(asked, ObjectType, brought), brought, context.version)
    const wanted = { objectType: ObjectType, attributes: await defaulted(described, ObjectType, context) }
    const other = otherLength(wanted, brought)
    const UniqueIdentifier = await context.transaction.register(wanted, brought.material, other)
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
  const wanted = await wantedAttributes(request, ObjectType, context)
  if (ObjectType !== 'Template') return overlaid(enclosedAttributes(ObjectType, request, version), wanted)
  if (!Template) throw new Fault('InvalidField', 'Object Type is Template, but the request has no Template')
  const asked = overlaid(
    setOf(givenAttributes(Template, version), { version, objectType: ObjectType }),
    wanted,
  )
  if (!asked.has('Name'))
    throw new Fault('InvalidField', 'a template needs a Name, by which requests refer to it')
  return asked
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
