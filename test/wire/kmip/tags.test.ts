// The tables of wire/kmip/ against the specifications' own. Each fact in them must also be consistent by itself.

import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import {
  codeOf,
  enums,
  maskNames,
  maskOf,
  masks,
  nameOf,
  type EnumTable,
} from '../../../src/wire/kmip/enums.ts'
import { isDefined, tagCode, tagName, tags, type Defined } from '../../../src/wire/kmip/tags.ts'
import { atLeast, isDraft, versions, type Version } from '../../../src/wire/kmip/version.ts'
import { root } from '../../support/repository/sources.ts'

type Codes = Readonly<Record<string, string>>
interface SpecTables {
  readonly versions: Readonly<
    Record<Version, { tags: Codes; enums: Record<string, Codes>; masks: Record<string, Codes> }>
  >
}

const file = path.resolve(root, '../shared/kmip/tables.json')
const skip = existsSync(file)
  ? false
  : '../shared is not here: nothing compares our tables with the specifications'
if (skip !== false) process.stderr.write(`${skip}\n`)
const spec = skip === false ? (JSON.parse(readFileSync(file, 'utf8')) as SpecTables).versions : undefined

/** What `version` defines, like the specification's table: name to number. */
function defined(table: Readonly<Record<string, Defined & { readonly code: number }>>, version: Version) {
  return Object.entries(table).filter(([, fact]) => isDefined(fact, version))
}

/** Deprecated values are missing from some of the compared tables; the specification still has them. */
function compareTables(
  ours: readonly [string, { code: number } & Defined][],
  theirs: Codes,
  version: Version,
) {
  const expected = new Map(Object.entries(theirs).map(([name, code]) => [name, Number(code)]))
  const deprecated = (fact: Defined) => fact.deprecated !== undefined && atLeast(version, fact.deprecated)
  for (const [name, fact] of ours) {
    assert.ok(
      expected.get(name) === fact.code || (!expected.has(name) && deprecated(fact)),
      `KMIP ${version}: ours has ${name} as ${fact.code}, and the specification has it as ${expected.get(name) ?? 'nothing'}`,
    )
  }
  const names = new Set(ours.map(([name]) => name))
  const lacking = [...expected.keys()].filter((name) => !names.has(name))
  assert.deepEqual(lacking, [], `KMIP ${version}: ours lacks ${lacking.join(', ')} of the specification`)
}

/** The compared tables are those of the first draft of 3.0; Encapsulate and Decapsulate came with the second. */
const secondDraft: Readonly<Record<string, Codes>> = {
  KEMAlgorithm: { RSASVE: '0x1', DHKEM: '0x2', MLKEM: '0x3' },
  Operation: { Encapsulate: '0x41', Decapsulate: '0x42' },
}

/** Names in the spelling of that version. */
function spelled(table: EnumTable, version: Version) {
  return defined(table, version).map(([name, fact]): [string, { code: number } & Defined] => {
    const { in1x, in2x, slip } = table[name] ?? {}
    return [(version < '2.0' ? in1x : (slip ?? in2x)) ?? name, fact]
  })
}

for (const version of versions) {
  test(`tags of KMIP ${version} are the specification's`, { skip }, () => {
    assert.ok(spec)
    const newer = isDraft(version) ? { KEMAlgorithm: '0x4201c3' } : {}
    compareTables(defined(tags, version), { ...spec[version].tags, ...newer }, version)
  })

  test(`enumerations of KMIP ${version} are the specification's`, { skip }, () => {
    assert.ok(spec)
    const theirs = spec[version].enums
    for (const [name, table] of Object.entries<EnumTable>(enums)) {
      // Missing from the compared tables of 1.2 to 1.4, where it is deprecated; present again in 2.0 (§9.1.3.2.6).
      const lost = name === 'CertificateType' && version > '1.1' && version < '2.0' ? { PGP: '0x2' } : {}
      const newer = (isDraft(version) && secondDraft[name]) || {}
      compareTables(spelled(table, version), { ...theirs[name], ...lost, ...newer }, version)
    }
    assert.deepEqual(
      Object.keys(theirs).filter((name) => !Object.hasOwn(enums, name)),
      [],
    )
  })

  test(`masks of KMIP ${version} are the specification's`, { skip }, () => {
    assert.ok(spec)
    for (const [name, table] of Object.entries<EnumTable>(masks)) {
      // The compared tables of the draft have no masks.
      const theirs = spec[isDraft(version) ? '2.1' : version].masks[name] ?? {}
      compareTables(defined(table, version), theirs, version)
    }
    assert.deepEqual(
      Object.keys(spec[version].masks).filter((name) => !Object.hasOwn(masks, name)),
      [],
    )
  })
}

test('no number has two names, and no fact ends before it begins', () => {
  for (const table of [tags, ...Object.values(enums), ...Object.values(masks)]) {
    const facts = Object.values<Defined & { readonly code: number }>(table)
    assert.equal(new Set(facts.map(({ code }) => code)).size, facts.length)
    for (const { since, deprecated, until } of facts) {
      assert.ok(deprecated === undefined || atLeast(deprecated, since))
      assert.ok(until === undefined || atLeast(until, since))
    }
  }
})

test('names and numbers can be found from one another', () => {
  assert.equal(tagName(tagCode('UniqueIdentifier')), 'UniqueIdentifier')
  assert.equal(tagName(0x540001), undefined)
  assert.equal(codeOf('ObjectType', 'SymmetricKey'), 2)
  assert.equal(nameOf('ObjectType', 2), 'SymmetricKey')
  assert.equal(nameOf('ObjectType', 9, '1.1'), undefined)
  assert.equal(nameOf('ObjectType', 9, '1.2'), 'PGPKey')
  assert.equal(nameOf('ObjectType', 6, '2.0'), undefined)
  assert.equal(maskOf('CryptographicUsageMask', ['Encrypt', 'Decrypt']), 12)
  assert.deepEqual(maskNames('CryptographicUsageMask', 12), ['Encrypt', 'Decrypt'])
})
