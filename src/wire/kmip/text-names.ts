// The names that XML and JSON write instead of numbers, from the tables of tags, enumerations and masks. A reader accepts the
// spellings of every version. A writer uses the spelling of the message's version.

import type { Names, ValueNames } from '../ttlv/names.ts'
import { itemTypeNames, itemTypes } from '../ttlv/wire.ts'
import { findKey } from './attributes.ts'
import { isAttributeName } from './attribute-table.ts'
import { enums, masks, type EnumTable, type EnumType } from './enums.ts'
import { pkcs11Function, pkcs11Functions, pkcs11ReturnCodes } from './pkcs11.ts'
import { tagCode, tagName, tags, type TagName } from './tags.ts'
import { atLeast, type Version } from './version.ts'

/** The names as `version` spells them. Each major version's names are made once. */
export function textNames(version: Version): Names {
  const isNew = atLeast(version, '2.0')
  return isNew ? (made2 ??= makeNames('in2x')) : (made1 ??= makeNames('in1x'))
}

let made1: Names | undefined
let made2: Names | undefined

const tagCodes: ReadonlyMap<string, number> = new Map(
  Object.entries(tags).map(([name, { code }]) => [name, code]),
)

/** Tags whose values belong to an enumeration with another name. */
const enumerationOfTag: Readonly<Partial<Record<TagName, EnumType>>> = {
  LinkedObjectIdentifier: 'UniqueIdentifier',
  MaskGeneratorHashingAlgorithm: 'HashingAlgorithm',
  PrivateKeyUniqueIdentifier: 'UniqueIdentifier',
  PublicKeyUniqueIdentifier: 'UniqueIdentifier',
}

const itemTypeCodes: ReadonlyMap<string, number> = new Map(Object.entries(itemTypes))

const pkcs11Codes: ReadonlyMap<string, number> = new Map(
  pkcs11Functions.map((name, index) => [loose(name), index + 1]),
)
const returnCodes: ReadonlyMap<string, number> = new Map(
  Object.entries(pkcs11ReturnCodes).map(([name, code]) => [loose(name), code]),
)
const returnNames: ReadonlyMap<number, string> = new Map(
  Object.entries(pkcs11ReturnCodes).map(([name, code]) => [code, name]),
)

/** Tags whose values belong to a table that is not an enumeration: tags and item types (KMIP 2.1 §11.56, §11.25). */
const otherTables: Readonly<Partial<Record<TagName, ValueNames>>> = {
  AttributeReference: { codeOf: (name) => tagCodes.get(name), nameOf: tagName },
  PKCS_11Function: {
    codeOf: (name) => pkcs11Codes.get(loose(name)),
    nameOf: pkcs11Function,
  },
  PKCS_11ReturnCode: {
    codeOf: (name) => returnCodes.get(loose(name.replace(/^CKR_/i, ''))),
    nameOf: (code) => returnNames.get(code),
  },
  ExtensionType: { codeOf: (name) => itemTypeCodes.get(name), nameOf: (code) => itemTypeNames[code] },
}

function makeNames(spelling: 'in1x' | 'in2x'): Names {
  const valuesByTag = new Map<number, ValueNames>()
  for (const name of Object.keys(tags) as TagName[]) {
    const values = otherTables[name] ?? tableOf(name, spelling)
    if (values !== undefined) valuesByTag.set(tagCode(name), values)
  }
  return {
    tagOf: (name) => tagCodes.get(name),
    tagName,
    valuesOf: (tag) => valuesByTag.get(tag),
    pair: {
      name: tagCode('AttributeName'),
      value: tagCode('AttributeValue'),
      valuesOf(text) {
        const key = findKey(text)
        return key !== undefined && isAttributeName(key) ? valuesByTag.get(tagCode(key)) : undefined
      },
    },
  }
}

function tableOf(tag: TagName, spelling: 'in1x' | 'in2x'): ValueNames | undefined {
  if (Object.hasOwn(masks, tag)) {
    const table: EnumTable = masks[tag as keyof typeof masks]
    const bits = Object.values(table).map(({ code }) => code)
    return { ...valueNames(table, spelling), bits }
  }
  const name = enumerationOfTag[tag] ?? tag
  return Object.hasOwn(enums, name) ? valueNames(enums[name as EnumType], spelling) : undefined
}

function valueNames(table: EnumTable, spelling: 'in1x' | 'in2x'): ValueNames {
  const names = new Map<number, string>()
  const codes = new Map<string, number>()
  for (const [name, fact] of Object.entries(table)) {
    if (fact.isNumbered !== true && !names.has(fact.code)) names.set(fact.code, fact[spelling] ?? name)
    for (const spelled of [name, fact.in1x, fact.in2x, fact.slip])
      if (spelled !== undefined) codes.set(spelled, fact.code).set(loose(spelled), fact.code)
  }
  // Most names are spelled as in the table, so the exact spelling is tried first.
  return { codeOf: (name) => codes.get(name) ?? codes.get(loose(name)), nameOf: (code) => names.get(code) }
}

/** Ignores case and underscores, about which clients disagree: `NotAuthorised`, `X_509` and `X509` are all found. */
function loose(name: string): string {
  return name.toLowerCase().replaceAll('_', '')
}
