// Whether a message holds only what its version of KMIP has: every tag, every enumeration value and every attribute
// name. It reads the bytes with wire.ts, so that what the server's encoder thinks of them plays no part.

import assert from 'node:assert/strict'
import { existsIn, findKey } from '../../../src/wire/kmip/attributes.ts'
import { enums, type EnumTable } from '../../../src/wire/kmip/enums.ts'
import { isDefined, tagName, tags, type TagName } from '../../../src/wire/kmip/tags.ts'
import { atLeast, type Version } from '../../../src/wire/kmip/version.ts'
import { all, find, inside, numberOf, read, tags as wireTags, textOf, types, type Item } from './wire.ts'

/** Reads the message and fails the test at whatever `version` lacks. */
export function readAs(version: Version, bytes: Buffer): Item {
  const message = read(bytes)
  const header = find(message, 'ResponseHeader', 'ProtocolVersion')
  const stated = [
    numberOf(find(header, 'ProtocolVersionMajor')),
    numberOf(find(header, 'ProtocolVersionMinor')),
  ]
  assert.equal(stated.join('.'), version, 'the answer states the version that was asked in')
  look(message, version, undefined)
  return message
}

/** `attribute` is the attribute whose value this is part of. */
function look(item: Item, version: Version, attribute: string | undefined): void {
  const name = tagName(item.tag)
  if (item.tag >> 16 === 0x42) {
    assert.ok(name !== undefined, `no tag ${item.tag.toString(16)}`)
    assert.ok(
      isDefined(tags[name], version),
      `KMIP ${version} has no ${name}: the schema of the field leaves out its \`since\` or \`until\``,
    )
  }
  const newest = atLeast(version, '3.0')
    ? types.NameReference
    : atLeast(version, '2.0')
      ? types.DateTimeExtended
      : types.Interval
  assert.ok(item.type <= newest, `KMIP ${version} has no item type ${item.type}`)
  if (item.type === types.Enumeration && name !== undefined) lookAtValue(name, item, version, attribute)
  // In 2.x these are names of vendors.
  if (item.tag === wireTags.AttributeName && !atLeast(version, '2.0')) {
    const key = findKey(textOf(item) ?? '')
    assert.ok(key !== undefined && existsIn(key, version), `KMIP ${version} has no ${textOf(item)}`)
  }
  const within = item.tag === wireTags.Attribute ? attributeIn(item) : attribute
  for (const inner of inside(item)) {
    // An operation of another version is named in the refusal of it.
    if (inner.tag === wireTags.Operation && isRefusal(item)) continue
    look(inner, version, within)
  }
}

/** The name of an attribute; in 2.x that of a vendor's, with the prefix of 1.x. */
function attributeIn(attribute: Item): string | undefined {
  const name = textOf(find(attribute, 'AttributeName'))
  return all(attribute, 'VendorIdentification').length > 0 ? `x-${name}` : name
}

function isRefusal(item: Item): boolean {
  return all(item, 'ResultReason').length > 0
}

/** Enumerations whose values others define: KMIP has none of its own. */
const ofOthers: ReadonlySet<string> = new Set(['OpaqueDataType', 'PKCS_11Function', 'PKCS_11ReturnCode'])

function lookAtValue(name: TagName, item: Item, version: Version, attribute: string | undefined): void {
  if (attribute !== undefined && /^[xy]-/.test(attribute)) return
  if (name === 'AttributeReference') {
    const key = tagName(Number(item.value))
    const isThere = key !== undefined && existsIn(key, version) && isDefined(tags[key], version)
    return assert.ok(isThere, `KMIP ${version} has no attribute ${key}`)
  }
  const called = name === 'AttributeValue' ? findKey(attribute ?? '') : name
  const type = called === 'MaskGeneratorHashingAlgorithm' ? 'HashingAlgorithm' : called
  const table = (enums as Readonly<Record<string, EnumTable>>)[type ?? '']
  if (table === undefined) return assert.ok(ofOthers.has(called ?? ''), `no enumeration ${type}`)
  const said = `${type} ${numberOf(item)}`
  const fact = Object.values(table).find(({ code }) => code === item.value)
  assert.ok(fact !== undefined, `there is no ${said}`)
  assert.ok(isDefined(fact, version), `KMIP ${version} has no ${said}`)
}
