// Judges a history, key by key: is there one order of the calls, each within its time, in which the sequential model gives
// every answer that came? (Linearizability; Herlihy and Wing 1990.) A call without an answer may have happened or not.
//
// It goes through the beginnings and ends of the calls as they came. At each moment it holds every possible situation: what
// the key may be, and which of the running calls have happened. When an answered call ends, it must have happened (Lowe 2017,
// "just-in-time linearization"). If no situation is left, the answer of that call is the violation.

import type { Call } from './history.ts'
import { after, isRead, noKey, type KeyState } from './key-model.ts'

export interface Violation {
  readonly key: string
  readonly call: Call
  readonly message: string
}

interface Situation {
  readonly state: KeyState
  /** Running calls that have happened. */
  readonly happened: ReadonlySet<Call>
}

/** The first violation of each key. `keys`: left out, all. */
export function violations(keys: ReadonlyMap<string, readonly Call[]>, only?: Iterable<string>): Violation[] {
  return [...(only ?? keys.keys())].flatMap((key) => violationOf(key, keys.get(key) ?? []) ?? [])
}

export function violationOf(key: string, calls: readonly Call[]): Violation | undefined {
  const other = otherBytes(calls)
  if (other) return { key, call: other, message: `${describe(other)}: other bytes than before` }
  const events = inOrder(key, calls)
  let situations: Situation[] = [{ state: noKey, happened: new Set() }]
  const running = new Set<Call>()
  for (const { call, ends } of events) {
    if (!ends) running.add(call)
    else {
      const happened = whereHappened(situations, call, running)
      const left = call.answer.said === 'nothing' ? [...situations, ...happened] : happened
      if (left.length === 0)
        return { key, call, message: `${describe(call)}: before it the key was ${possible(situations)}` }
      running.delete(call)
      situations = distinct(left.map((one) => without(one, call)))
    }
  }
  return undefined
}

/** A key that appeared without an answered Create comes from one that was not answered. */
function inOrder(key: string, calls: readonly Call[]): { readonly call: Call; readonly ends: boolean }[] {
  const created = calls.some(({ what }) => what === 'create')
  const implied: Call = {
    key,
    client: '?',
    what: 'create',
    start: -1,
    end: Infinity,
    answer: { said: 'nothing' },
  }
  // A read without an answer says nothing.
  const telling = calls.filter(({ what, answer }) => !isRead(what) || answer.said !== 'nothing')
  return [...(created ? [] : [implied]), ...telling]
    .flatMap((call) => [
      { call, ends: false, at: call.start },
      { call, ends: true, at: call.end },
    ])
    .filter(({ at }) => at !== Infinity)
    .toSorted((one, other) => one.at - other.at)
}

/** Every situation in which `call` has happened, after any other running calls that may have happened before it. */
function whereHappened(from: readonly Situation[], call: Call, running: ReadonlySet<Call>): Situation[] {
  const found: Situation[] = []
  const waiting = [...from]
  const seen = new Set<string>()
  for (let one = waiting.pop(); one !== undefined; one = waiting.pop()) {
    if (one.happened.has(call)) {
      found.push(one)
      continue
    }
    for (const next of running) {
      if (one.happened.has(next)) continue
      for (const state of after(one.state, next)) {
        const then = { state, happened: new Set([...one.happened, next]) }
        const text = textOf(then)
        if (seen.has(text)) continue
        seen.add(text)
        waiting.push(then)
      }
    }
  }
  return found
}

function without({ state, happened }: Situation, call: Call): Situation {
  if (!happened.has(call)) return { state, happened }
  return { state, happened: new Set([...happened].filter((one) => one !== call)) }
}

function distinct(situations: readonly Situation[]): Situation[] {
  return [...new Map(situations.map((one) => [textOf(one), one])).values()]
}

function textOf({ state, happened }: Situation): string {
  const starts = [...happened].map(({ start }) => start).toSorted((one, other) => one - other)
  return JSON.stringify([state.life, state.sure, state.attributes, starts])
}

/** The bytes of a key never change, so they need no order. */
function otherBytes(calls: readonly Call[]): Call | undefined {
  let first: string | undefined
  return calls.find(({ answer }) => {
    if (answer.said !== 'done' || answer.digest === undefined) return false
    first ??= answer.digest
    return answer.digest !== first
  })
}

function possible(situations: readonly Situation[]): string {
  const texts = situations.map(({ state: { life, attributes } }) =>
    attributes.length === 0 ? life : `${life} with ${attributes.join(', ')}`,
  )
  return [...new Set(texts)].join(' or ')
}

function describe({ client, what, attribute, start, end, answer }: Call): string {
  const name = attribute === undefined ? '' : ` ${attribute}`
  return `${what}${name} of ${client} from ${start} to ${end} was answered with ${JSON.stringify(answer)}`
}
