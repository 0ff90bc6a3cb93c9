// Finds the parts of an answer that do not exist in its KMIP version: tags, enumeration values and attributes of later versions. An old
// client may fail on these parts. The decoder accepts them silently, since many servers send them.

import { existsIn, findKey } from '../../wire/kmip/attributes.ts'
import { enums } from '../../wire/kmip/enums.ts'
import type { EnumTable } from '../../wire/kmip/enums.ts'
import { isDefined, tagName, tags } from '../../wire/kmip/tags.ts'
import type { Defined, TagName } from '../../wire/kmip/tags.ts'
import type { Version } from '../../wire/kmip/version.ts'
import { decode } from '../../wire/ttlv/decode.ts'
import { any } from '../../wire/ttlv/schema.ts'
import type { AnyValue } from '../../wire/ttlv/schema.ts'

/**
 * The names of all parts that are newer than `version`, each once, for example `tag ServerCorrelationValue`. The caller passes only
 * messages that readAnswer has accepted.
 */
export function newerThan(version: Version, message: Uint8Array): readonly string[] {
  const tag = Buffer.from(message.subarray(0, 3)).readUIntBE(0, 3)
  const names = new Set<string>()
  look(tag, decode(any, message, { tag, version: 0 }), version, names)
  return [...names]
}

function look(code: number, item: AnyValue, version: Version, names: Set<string>): void {
  const name = tagName(code)
  const fact: Defined | undefined = name && tags[name]
  // The server may define its own extension tags.
  if (name !== undefined && fact && !isDefined(fact, version)) names.add(`tag ${name}`)
  if (item.type === 'Structure') for (const child of item.value) look(child.tag, child.item, version, names)
  if (item.type === 'Enumeration' && name !== undefined) {
    const value = newerValue(name, item.value, version)
    if (value !== undefined) names.add(`${name} ${value}`)
  }
  if (item.type === 'TextString' && name === 'AttributeName') {
    const key = findKey(item.value)
    if (key !== undefined && !existsIn(key, version)) names.add(`attribute ${item.value}`)
  }
}

function newerValue(tag: TagName, code: number, version: Version): string | undefined {
  if (!isEnumeration(tag)) return undefined
  const table: EnumTable = enums[tag]
  return Object.entries(table).find(([, fact]) => fact.code === code && !isDefined(fact, version))?.[0]
}

function isEnumeration(tag: string): tag is keyof typeof enums & TagName {
  return Object.hasOwn(enums, tag)
}
