// Keys of the fake: made, shown, listed, moved, given aliases. What happens to them later is in lifecycle.ts, what is
// done with them in actions.ts.

import { randomBytes, randomUUID } from 'node:crypto'
import { badField, badQuery, refusal } from './refusal.ts'
import {
  collection,
  jsonBody,
  ofNobody,
  pick,
  pickText,
  pickTexts,
  queryNumber,
  type Call,
  type KeyCall,
  type Reply,
} from './request.ts'
import type { Key, State } from './state.ts'
import { decodeBase64, newest } from './wrapping.ts'

const dayMs = 24 * 3600_000

export function createKey(call: Call): Reply {
  const { state, instance, caller } = call
  const body = jsonBody(call)
  if (body === undefined) throw refusal('NO_BODY_ERR')
  const resources = pick(body, 'resources')
  if (!Array.isArray(resources) || resources.length !== 1)
    throw refusal('BAD_BODY_ERR', { message: 'Only creation of one key per request is supported' })
  const wanted: unknown = resources[0]
  if (pick(wanted, 'type') !== 'application/vnd.ibm.kms.key+json')
    throw badField('type', 'application/vnd.ibm.kms.key+json')
  const name = pickText(wanted, 'name', 2, 90)
  if (name === undefined) throw badField('name', '2 to 90 characters')
  const extractable = pick(wanted, 'extractable') !== false
  const payload = pickText(wanted, 'payload', 1, 10_000)
  const expirationDate = pickText(wanted, 'expirationDate', 1, 40)
  if (expirationDate !== undefined && !(Date.parse(expirationDate) > state.nowMs()))
    throw badField('expirationDate', 'a date in the future')
  const keyRing = call.keyRing ?? 'default'
  requireRing(state, instance, keyRing)
  const aliases = pickTexts(wanted, 'aliases', 5, 90)
  for (const alias of aliases) requireFreeAlias(state, instance, alias)
  const date = state.date()
  const createdBy = `iam-${caller.id}`
  const key: Key = {
    instance,
    id: randomUUID(),
    name,
    aliases: aliases.map((alias) => ({ alias, creationDate: date, createdBy })),
    description: pickText(wanted, 'description', 2, 240) ?? '',
    tags: pickTexts(wanted, 'tags', 30, 30),
    state: 1,
    extractable,
    imported: payload !== undefined,
    keyRing,
    createdBy,
    creationDate: date,
    lastUpdateDate: date,
    ...(expirationDate !== undefined && { expirationDate }),
    stateChangedMs: state.nowMs(),
    versions: [{ id: randomUUID(), creationDate: date, material: materialFrom(payload, extractable) }],
  }
  state.add(key)
  const shown = call.prefer === 'minimal' ? { id: key.id } : present(state, key, { payload: extractable })
  return { status: 201, body: collection('key', [shown]) }
}

/** Makes a key of an instance without a token; its id. */
export function makeKey(state: State, instance: string, resource: object): string {
  const body = { resources: [{ type: 'application/vnd.ibm.kms.key+json', ...resource }] }
  createKey({ ...ofNobody(state, instance), body: Buffer.from(JSON.stringify(body)) })
  return state.contents.keys.at(-1)?.id ?? ''
}

/** Base64. Generated where none is given. */
export function materialFrom(payload: string | undefined, extractable: boolean): string {
  if (payload === undefined) return randomBytes(32).toString('base64')
  const bytes = decodeBase64(payload)
  if (!bytes) throw badField('payload', 'a base64 encoded key material')
  if (extractable ? bytes.length > 7_500 : ![16, 24, 32].includes(bytes.length))
    throw badField('payload', extractable ? 'at most 7500 bytes' : '16, 24 or 32 bytes')
  return payload
}

export function getKey({ state, key }: KeyCall): Reply {
  return {
    status: 200,
    body: collection('key', [present(state, key, { payload: key.extractable && key.state !== 5 })]),
  }
}

export function getMetadata({ state, key }: KeyCall): Reply {
  return { status: 200, body: collection('key', [present(state, key)]) }
}

/** As the API shows a key; what does not apply is not there. */
export function present(state: State, key: Key, { payload = false } = {}): object {
  const version = newest(key)
  const deletedMs = key.deletionDate === undefined ? undefined : Date.parse(key.deletionDate)
  return {
    type: 'application/vnd.ibm.kms.key+json',
    id: key.id,
    name: key.name,
    ...(key.aliases.length > 0 && { aliases: key.aliases.map(({ alias }) => alias) }),
    ...(key.description !== '' && { description: key.description }),
    ...(key.tags.length > 0 && { tags: key.tags }),
    state: key.state,
    ...(key.expirationDate !== undefined && { expirationDate: key.expirationDate }),
    extractable: key.extractable,
    crn: `crn:v1:bluemix:public:kms:${state.contents.region}:a/${state.contents.account}:${key.instance}:key:${key.id}`,
    imported: key.imported,
    keyRingID: key.keyRing,
    creationDate: key.creationDate,
    createdBy: key.createdBy,
    algorithmType: 'Deprecated',
    algorithmMetadata: { bitLength: '256', mode: 'Deprecated' },
    algorithmBitSize: 256,
    algorithmMode: 'Deprecated',
    ...(key.state === 5 && { nonactiveStateReason: 10 }),
    lastUpdateDate: key.lastUpdateDate,
    ...(key.lastRotateDate !== undefined && { lastRotateDate: key.lastRotateDate }),
    ...(!key.extractable && { keyVersion: { id: version.id, creationDate: version.creationDate } }),
    dualAuthDelete: { enabled: false },
    deleted: key.state === 5,
    ...(deletedMs !== undefined && {
      deletionDate: key.deletionDate,
      deletedBy: key.deletedBy,
      restoreExpirationDate: dateOf(deletedMs + 30 * dayMs),
      restoreAllowed: state.nowMs() < deletedMs + 30 * dayMs,
      purgeAllowed: true,
      purgeAllowedFrom: dateOf(deletedMs + 4 * 3600_000),
      purgeScheduledOn: dateOf(deletedMs + 90 * dayMs),
    }),
    ...(payload && { payload: version.material }),
  }
}

function dateOf(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`
}

/** `visible`: which keys the caller's policies let it list. */
export function listKeys(call: Call, visible: (key: Key) => boolean): Reply {
  const { query, state } = call
  const limit = queryNumber(query, 'limit', 1, 5_000, 200)
  const offset = queryNumber(query, 'offset', 0, Number.MAX_SAFE_INTEGER, 0)
  const found = matching(call, visible)
  const sorted = found.toSorted(comparison(query.get('sort') ?? 'id'))
  const page = sorted.slice(offset, offset + limit).map((key) => present(state, key))
  return { status: 200, body: collection('key', page), headers: { 'Key-Total': `${found.length}` } }
}

export function countKeys(call: Call, visible: (key: Key) => boolean): Reply {
  return { status: 200, headers: { 'Key-Total': `${matching(call, visible).length}` } }
}

function matching(call: Call, visible: (key: Key) => boolean): Key[] {
  const { query, state, instance, keyRing } = call
  if (query.has('filter')) throw badQuery('filter', 'left out: this fake does not know it')
  const states = (query.get('state') ?? '0,1,2,3').split(',')
  if (!states.every((one) => /^[01235]$/.test(one))) throw badQuery('state', 'a list of 0, 1, 2, 3, 5')
  const extractable = query.get('extractable')
  if (extractable !== null && !['true', 'false'].includes(extractable))
    throw badQuery('extractable', 'true or false')
  const space = state
    .keys(instance)
    .filter(
      (key) =>
        states.includes(`${key.state}`) &&
        state.nowMs() - key.stateChangedMs >= state.listLagMs &&
        (extractable === null || `${key.extractable}` === extractable) &&
        (keyRing === undefined || key.keyRing === keyRing) &&
        visible(key),
    )
  const search = query.get('search')
  if (search === null) return space
  if (space.length > state.searchKeysMax) throw refusal('KEY_SEARCH_TOO_BROAD')
  return space.filter(searcher(search))
}

/** `not:`, `exact:`, `escape:`, `name:`, `alias:` in any order, then the text. */
function searcher(search: string): (key: Key) => boolean {
  const prefixes = new Set<string>()
  let text = search
  for (;;) {
    const [whole, prefix] = /^(not|exact|escape|name|alias):/.exec(text) ?? []
    if (whole === undefined || prefix === undefined) break
    text = text.slice(whole.length)
    prefixes.add(prefix)
    if (prefix === 'escape') break
  }
  const both = !prefixes.has('name') && !prefixes.has('alias')
  const sought = text.toLowerCase()
  return (key) => {
    if (key.id === sought) return true
    const values = [
      ...(both || prefixes.has('name') ? [key.name] : []),
      ...(both || prefixes.has('alias') ? key.aliases.map(({ alias }) => alias) : []),
    ].map((value) => value.toLowerCase())
    const hit = values.some((value) => (prefixes.has('exact') ? value === sought : value.includes(sought)))
    return hit !== prefixes.has('not')
  }
}

const sortable = [
  'id',
  'state',
  'extractable',
  'imported',
  'creationDate',
  'lastUpdateDate',
  'lastRotateDate',
  'deletionDate',
  'expirationDate',
] as const

function comparison(sort: string): (a: Key, b: Key) => number {
  const terms = sort.split(',').map((term) => {
    const name = sortable.find((candidate) => candidate === term.replace(/^-/, ''))
    if (name === undefined) throw badQuery('sort', `a list of ${sortable.join(', ')}`)
    return { name, sign: term.startsWith('-') ? -1 : 1 }
  })
  return (a, b) => {
    for (const { name, sign } of terms) {
      const [left, right] = [String(a[name] ?? ''), String(b[name] ?? '')]
      if (left !== right) return left < right ? -sign : sign
    }
    return 0
  }
}

export function patchKey(call: KeyCall): Reply {
  const { state, key, instance } = call
  const keyRing = pickText(jsonBody(call), 'keyRingID', 2, 100)
  if (keyRing === undefined) throw badField('keyRingID', 'the id of a key ring')
  requireRing(state, instance, keyRing)
  key.keyRing = keyRing
  key.lastUpdateDate = state.date()
  return { status: 200, body: collection('key', [present(state, key)]) }
}

export function addAlias({ state, key, instance, caller }: KeyCall, alias: string): Reply {
  requireFreeAlias(state, instance, alias)
  if (key.aliases.length >= 5) throw refusal('KEY_ALIAS_QUOTA_ERR')
  const made = { alias, creationDate: state.date(), createdBy: `iam-${caller.id}` }
  key.aliases.push(made)
  return { status: 201, body: collection('alias', [{ keyId: key.id, ...made }]) }
}

export function removeAlias({ key }: KeyCall, alias: string): Reply {
  const at = key.aliases.findIndex((candidate) => candidate.alias === alias)
  if (at < 0) throw refusal('KEY_NOT_FOUND_ERR', { message: 'Alias does not exist' })
  key.aliases.splice(at, 1)
  return { status: 204 }
}

const reservedAliases =
  'allowed_ip key keys metadata policy policies registration registrations ring rings rotate wrap unwrap rewrap version versions'.split(
    ' ',
  )

function requireFreeAlias(state: State, instance: string, alias: string): void {
  if (!/^[A-Za-z0-9_-]{2,90}$/.test(alias) || reservedAliases.includes(alias) || isId(alias))
    throw badField('aliases', '2 to 90 characters of A-Z a-z 0-9 _ -, no id and no reserved word')
  if (state.keys(instance).some(({ aliases }) => aliases.some((taken) => taken.alias === alias)))
    throw refusal('KEY_ALIAS_NOT_UNIQUE_ERR')
}

export function isId(text: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)
}

function requireRing(state: State, instance: string, id: string): void {
  if (id === 'default') return
  if (!state.contents.keyRings.some((ring) => ring.instance === instance && ring.id === id))
    throw refusal('KEY_RING_NOT_FOUND_ERR')
}

export function listRings({ state, instance }: Call): Reply {
  const rings = state.contents.keyRings
    .filter((ring) => ring.instance === instance)
    .map(({ id, creationDate, createdBy }) => ({ id, creationDate, createdBy }))
  return { status: 200, body: collection('key_ring', [{ id: 'default' }, ...rings]) }
}

export function createRing({ state, instance, caller }: Call, id: string): Reply {
  if (!/^[A-Za-z0-9-]{2,100}$/.test(id)) throw badField('id', '2 to 100 characters of A-Z a-z 0-9 -')
  const own = state.contents.keyRings.filter((ring) => ring.instance === instance)
  if (own.length >= 50) throw refusal('KEY_RING_QUOTA_ERR')
  if (id !== 'default' && !own.some((ring) => ring.id === id))
    state.contents.keyRings.push({ instance, id, creationDate: state.date(), createdBy: `iam-${caller.id}` })
  return { status: 201 }
}

export function deleteRing({ state, instance, query }: Call, id: string): Reply {
  const at = state.contents.keyRings.findIndex((ring) => ring.instance === instance && ring.id === id)
  if (at < 0) throw refusal('KEY_RING_NOT_FOUND_ERR')
  const inside = state.keys(instance).filter((key) => key.keyRing === id)
  const force = query.get('force') === 'true'
  if (inside.some((key) => !force || key.state !== 5)) throw refusal('KEY_RING_NOT_EMPTY_ERR')
  for (const key of inside) key.keyRing = 'default'
  state.contents.keyRings.splice(at, 1)
  return { status: 204 }
}
