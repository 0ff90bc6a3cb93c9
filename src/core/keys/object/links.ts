// Links between objects (KMIP 1.4 §3.35). Pure.

import type { AttributeInstance, AttributeSet } from '../../../wire/kmip/attributes.ts'
import type { EnumName } from '../../../wire/kmip/enums.ts'
import { Fault } from '../../../wire/kmip/fault.ts'
import { attributeInstancesMax } from '../../../base/bounds.ts'

export interface Link {
  readonly LinkType: EnumName<'LinkType'>
  readonly LinkedObjectIdentifier: string
}

export function linkTo(LinkType: Link['LinkType'], LinkedObjectIdentifier: string): Link {
  return { LinkType, LinkedObjectIdentifier }
}

/** The set with the added link. Throws Fault ServerLimitExceeded if the object has too many. */
export function withLink(set: AttributeSet, link: Link): AttributeSet {
  const links = (set.get('Link') ?? []) as readonly AttributeInstance<Link>[]
  if (links.length >= attributeInstancesMax)
    throw new Fault(
      'ServerLimitExceeded',
      `an object has at most ${String(attributeInstancesMax)} links, and this one has them`,
    )
  const index = Math.max(-1, ...links.map((known) => known.index)) + 1
  return new Map(set).set('Link', [...links, { index, value: link }])
}

/** The set with the link in place of the one of its type, for types of which an object has one link. */
export function withSoleLink(set: AttributeSet, link: Link): AttributeSet {
  const others = (set.get('Link') ?? []).filter(({ value }) => (value as Link).LinkType !== link.LinkType)
  return withLink(new Map(set).set('Link', others), link)
}

/** The identifiers in the links of this type, by index. */
export function linksOf(set: AttributeSet, type: Link['LinkType']): readonly string[] {
  return (set.get('Link') ?? [])
    .map(({ value }) => value as Link)
    .filter(({ LinkType }) => LinkType === type)
    .map(({ LinkedObjectIdentifier }) => LinkedObjectIdentifier)
}

/** The set with the links of this type to one object redirected to another. */
export function withRelinked(
  set: AttributeSet,
  { LinkType, LinkedObjectIdentifier }: Link,
  to: string,
): AttributeSet {
  const links = (set.get('Link') ?? []) as readonly AttributeInstance<Link>[]
  const changed = links.map((link) =>
    link.value.LinkType === LinkType && link.value.LinkedObjectIdentifier === LinkedObjectIdentifier
      ? { ...link, value: { LinkType, LinkedObjectIdentifier: to } }
      : link,
  )
  return links.length === 0 ? set : new Map(set).set('Link', changed)
}
