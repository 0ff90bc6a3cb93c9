// Load for tests that move or copy keys: clients that create, fetch, activate, revoke and destroy keys, and a memory of
// what the server acknowledged. An operation is noted as begun before it is sent and as done when its answer is there; so
// after a kill each key may be as it was or as the operation would have made it, and nothing else.

import {
  digestOf,
  openTalk,
  reasons,
  states,
  type Answer,
  type KmipTalk,
  type TalkOptions,
} from '../clients/kmip-talk.ts'

export type State = keyof typeof states

export interface KnownKey {
  readonly id: string
  state: State
  /** What an operation that is under way would make of it. */
  becoming: State | undefined
  /** SHA-256 of the material, from the first Get that was answered. */
  digest: string | undefined
}

/** Not about the lost connection, but about what the server did. */
class Verdict extends Error {
  override readonly name = 'Verdict'
}

/** What the clients know, and how much they did. */
export class Memory {
  readonly keys = new Map<string, KnownKey>()
  /** Touched since `forgetTouched`. */
  readonly touched = new Set<KnownKey>()
  /** Gets that were answered with material, by identifier, since `forgetTouched`. */
  readonly fetched = new Map<string, number>()
  readonly counts = { created: 0, fetched: 0, changed: 0, unanswered: 0 }

  add(id: string, state: State = 'PreActive'): KnownKey {
    if (this.keys.has(id)) throw new Verdict(`the identifier ${id} was given twice`)
    const key: KnownKey = { id, state, becoming: undefined, digest: undefined }
    this.keys.set(id, key)
    this.touched.add(key)
    return key
  }

  /** Compares the material with what was sent before, and counts it. */
  sent(key: KnownKey, answer: Answer): void {
    const digest = digestOf(answer)
    if (digest === undefined) throw new Verdict(`Get of ${key.id} succeeded without material`)
    key.digest ??= digest
    if (key.digest !== digest) throw new Verdict(`${key.id} has other material than before`)
    this.touched.add(key)
    this.fetched.set(key.id, (this.fetched.get(key.id) ?? 0) + 1)
    this.counts.fetched++
  }

  forgetTouched(): void {
    this.touched.clear()
    this.fetched.clear()
  }
}

/** Numbers from 0 to 1 that are the same for the same seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/**
 * One client on one connection until the connection is lost; `expected` then tells whether that was to be. It changes
 * only keys that it made itself, and fetches anyone's.
 */
export async function runClient(options: {
  readonly talk: TalkOptions
  readonly memory: Memory
  readonly random: () => number
  readonly expected: () => boolean
}): Promise<void> {
  const { memory, random } = options
  const own: KnownKey[] = []
  try {
    const talk = await openTalk(options.talk)
    try {
      while (!options.expected()) await step(talk, memory, random, own)
    } finally {
      talk.close()
    }
  } catch (error) {
    if (!options.expected() || error instanceof Verdict) throw error
    memory.counts.unanswered++
  }
}

async function step(talk: KmipTalk, memory: Memory, random: () => number, own: KnownKey[]): Promise<void> {
  const dice = random()
  const key = own[Math.floor(random() * own.length)]
  if (!key || dice < 0.3) {
    own.push(memory.add(await talk.create()))
    memory.counts.created++
  } else if (dice < 0.7) await fetch(talk, memory, anyKey(memory, random) ?? key)
  else if (key.state === 'PreActive' && dice < 0.9)
    await change(memory, key, 'Active', () => talk.activate(key.id))
  else if (key.state === 'Active') await change(memory, key, 'Deactivated', () => talk.revoke(key.id))
  else if (key.state !== 'Destroyed') await change(memory, key, 'Destroyed', () => talk.destroy(key.id))
}

/** One of the newest hundred. */
function anyKey(memory: Memory, random: () => number): KnownKey | undefined {
  const newest = [...memory.touched].slice(-100)
  return newest[Math.floor(random() * newest.length)]
}

async function fetch(talk: KmipTalk, memory: Memory, key: KnownKey): Promise<void> {
  const answer = await talk.get(key.id)
  if (answer.ok) memory.sent(key, answer)
  else if (
    (key.state !== 'Destroyed' && key.becoming !== 'Destroyed') ||
    answer.reason !== reasons.ItemNotFound
  )
    throw new Verdict(`Get of ${key.id}, which is ${key.state}, was refused: ${answer.message}`)
}

async function change(memory: Memory, key: KnownKey, to: State, act: () => Promise<Answer>): Promise<void> {
  memory.touched.add(key)
  key.becoming = to
  const answer = await act()
  if (!answer.ok) throw new Verdict(`${key.id} could not become ${to}: ${answer.message}`)
  key.state = to
  key.becoming = undefined
  memory.counts.changed++
}
