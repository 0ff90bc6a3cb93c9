// A request to the fake as its handlers see it, and how they read what it carries.

import { badField, badQuery, refusal } from './refusal.ts'
import type { Key, ServiceId, State } from './state.ts'

export interface Call {
  readonly state: State
  readonly instance: string
  readonly caller: ServiceId
  /** `X-Kms-Key-Ring` */
  readonly keyRing: string | undefined
  /** `Prefer: return=…` */
  readonly prefer: 'minimal' | 'representation' | undefined
  readonly query: URLSearchParams
  readonly body: Buffer
}

/** A call that needs no token, as those of the control door. */
export function ofNobody(state: State, instance: string): Call {
  return {
    state,
    instance,
    caller: { id: 'ServiceId-control', apiKey: null, policies: [] },
    keyRing: undefined,
    prefer: undefined,
    query: new URLSearchParams(),
    body: Buffer.alloc(0),
  }
}

/** A call on one key, which is there and may be used so. */
export interface KeyCall extends Call {
  readonly key: Key
}

export interface Reply {
  readonly status: number
  readonly body?: object
  readonly headers?: Readonly<Record<string, string>>
}

export function collection(type: string, resources: readonly object[], more: object = {}): object {
  const metadata = {
    collectionType: `application/vnd.ibm.kms.${type}+json`,
    collectionTotal: resources.length,
    ...more,
  }
  // An empty list has no resources at all.
  return resources.length === 0 ? { metadata } : { metadata, resources }
}

/** undefined: there is no body. */
export function jsonBody({ body }: Pick<Call, 'body'>): unknown {
  if (body.length === 0) return undefined
  try {
    return JSON.parse(body.toString('utf8')) as unknown
  } catch {
    throw refusal('BAD_BODY_ERR', { doing: 'Body could not be read' })
  }
}

/** Names are compared without regard to case, as Go's decoder does. */
export function pick(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined
  const found = Object.entries(value).find(([candidate]) => candidate.toLowerCase() === name.toLowerCase())
  return found?.[1]
}

export function pickText(value: unknown, name: string, least: number, most: number): string | undefined {
  const found = pick(value, name)
  if (found === undefined || found === null) return undefined
  if (typeof found !== 'string' || found.length < least || found.length > most)
    throw badField(name, `${least} to ${most} characters`)
  return found
}

export function pickTexts(value: unknown, name: string, count: number, most: number): string[] {
  const found = pick(value, name) ?? []
  if (!Array.isArray(found) || found.length > count) throw badField(name, `at most ${count} strings`)
  return found.map((one: unknown) => {
    if (typeof one !== 'string' || one.length > most)
      throw badField(name, `strings of at most ${most} characters`)
    return one
  })
}

export function queryNumber(
  query: URLSearchParams,
  name: string,
  least: number,
  most: number,
  usual: number,
): number {
  const text = query.get(name)
  if (text === null) return usual
  const value = Number(text)
  if (!/^\d+$/.test(text) || value < least || value > most)
    throw badQuery(name, `an integer between ${least} and ${most} (inclusive)`)
  return value
}
