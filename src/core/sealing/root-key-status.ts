// Remembers the last answer of each root key's service, and what follows for the next call (design section 5, "Cache and
// outage"). Every call to an instance's root key passes through here. While a root key is withdrawn, one call asks it every few
// seconds, and all others are refused at once. Only an unwrap decides whether a root key is withdrawn or answers again: when
// another call is refused, this file repeats the last unwrap to find out. UnwrapCache does the caching.

import { rootKeyAskAgainMs } from './bounds.ts'
import type { Clock } from '../ports/clock.ts'
import { RootKeyError } from '../ports/root-key.ts'
import { StandardKeyTroubles, type StandardKeyTroubleEvents } from './standard-key-troubles.ts'
import { decide, type UnwrapFacts } from './unwrap-rule.ts'

/** A root key of one instance. During a move an instance has two of them. */
export interface RootKeyUse {
  readonly instanceId: string
  readonly rootKeyUri: string
}

export interface RootKeyEvents extends StandardKeyTroubleEvents {
  /**
   * The service does not answer. Reported with each call that names a reason, since the reason may change, and once for silence.
   * `isNews`: the service answered before, or no reason was known.
   */
  unreachable(use: RootKeyUse, error: RootKeyError, isNews: boolean): void
  /** The service refuses the root key or our access to it. Reported with each refusal, since the reason may change. */
  withdrawn(use: RootKeyUse, error: RootKeyError): void
  /** An unwrap succeeded again. */
  answers(use: RootKeyUse): void
}

/** `rootKeyUri`: absent if the instance is gone. */
type ForgetListener = (instanceId: string, rootKeyUri?: string) => void

/** One unwrap. The caller runs it now or repeats it later. */
export type Unwrap = () => Promise<Uint8Array>

/** A Get waits for reads of standard keys and for unwraps, not for other calls. */
type CallKind = 'read' | 'unwrap' | 'other'

/** The calls of one kind for one instance. */
interface Heard {
  pending: number
  /** When the oldest pending call began. */
  since: number
  /** When the service last answered such a call. */
  at: number
}

export interface RootKeyStatusOptions {
  readonly clock: Pick<Clock, 'now' | 'monotonic'>
  readonly events: RootKeyEvents
  /** Finds an unwrap if none was made yet. Undefined: there is nothing to unwrap. */
  readonly findUnwrap: (use: RootKeyUse) => Promise<Unwrap | undefined>
}

interface State {
  readonly use: RootKeyUse
  /** Stays until an unwrap succeeds that began after it. */
  refusal: RootKeyError | undefined
  /** When the service last refused it, whether or not that refusal still stands. */
  refusedAt: number | undefined
  unreachable: boolean
  /** Unreachable for an unknown reason, since no call has failed yet. */
  isSilent: boolean
  /** When the last unwrap began. All times here are monotonic milliseconds. */
  askedAt: number
  /** When the question was last repeated after another call had failed. */
  confirmedAt: number
  /** The last unwrap that succeeded or was refused. It is repeated to find out whether the root key answers. */
  question: Unwrap | undefined
  /** Set while the question is being repeated. */
  asking: Promise<void> | undefined
  /** Calls that wait for an answer. */
  pending: number
}

export class RootKeyStatus {
  /** Acts on standard keys that the service refuses although it unwraps. */
  readonly standardKeys: StandardKeyTroubles
  readonly #clock: RootKeyStatusOptions['clock']
  readonly #events: RootKeyEvents
  readonly #findUnwrap: RootKeyStatusOptions['findUnwrap']
  readonly #states = new Map<string, State>()
  /** When the services of each instance's root keys last answered. */
  readonly #heard = new Map<string, Readonly<Record<CallKind, Heard>>>()
  readonly #forgetListeners: ForgetListener[] = []

  constructor({ clock, events, findUnwrap }: RootKeyStatusOptions) {
    this.#clock = clock
    this.#events = events
    this.#findUnwrap = findUnwrap
    this.standardKeys = new StandardKeyTroubles(clock, events)
  }

  /** `listener` is called when the unwrapped values of an instance must not be used any more. */
  onForget(listener: ForgetListener): void {
    this.#forgetListeners.push(listener)
  }

  /** Makes all caches forget the unwrapped values of an instance, or of one of its root keys. */
  forget(instanceId: string, rootKeyUri?: string): void {
    for (const listener of this.#forgetListeners) listener(instanceId, rootKeyUri)
  }

  /**
   * Runs an unwrap. `repeat` runs later on the data stored by then, to find out whether the service answers again. Its result is
   * wiped. Throws RootKeyError, and at once while the root key is refused.
   */
  async unwrap(use: RootKeyUse, unwrap: Unwrap, repeat: Unwrap = unwrap): Promise<Uint8Array> {
    const state = this.#stateOf(use)
    await this.#admit(state)
    return this.#unwrap(state, unwrap, repeat)
  }

  /**
   * Runs any other call. Throws RootKeyError, and at once while the root key is refused. The reach of a refusal is 'root-key'
   * only if an unwrap confirms it, and 'call' otherwise.
   */
  async call<T>(
    use: RootKeyUse,
    call: () => Promise<T>,
    kind: Exclude<CallKind, 'unwrap'> = 'other',
  ): Promise<T> {
    const state = this.#stateOf(use)
    await this.#admit(state)
    try {
      return await this.#listen(state, kind, call)
    } catch (error) {
      throw await this.#conclude(state, error)
    }
  }

  /** Whether the root key answers, after another call got no answer. */
  async answers(use: RootKeyUse): Promise<boolean> {
    const state = this.#stateOf(use)
    await this.#confirm(state)
    return !state.refusal && !state.unreachable
  }

  /** The facts about the root key that `decide` needs, without the answer in memory. */
  known(use: RootKeyUse): Omit<UnwrapFacts, 'answer'> {
    const { refusal, refusedAt: at, unreachable, askedAt } = this.#stateOf(use)
    return {
      now: this.#clock.monotonic(),
      ...(at !== undefined && { refusal: { at, askedAt: refusal && askedAt } }),
      ...(unreachable && { unreachable: { askedAt } }),
    }
  }

  /** The cache calls it before a background refresh, so that no other call asks too. */
  noteCall(use: RootKeyUse): void {
    this.#stateOf(use).askedAt = this.#clock.monotonic()
  }

  /** Whether the service refused the root key at or after this time (monotonic milliseconds). */
  refusedSince(use: RootKeyUse, askedAt: number): boolean {
    return (this.#stateOf(use).refusedAt ?? -Infinity) >= askedAt
  }

  /**
   * Since when the calls that a Get waits for have had no answer. Undefined: there was no such call yet. Answers to other calls
   * do not count.
   */
  heardAt(instanceId: string): number | undefined {
    const heard = this.#heard.get(instanceId)
    if (!heard) return undefined
    const awaited = [heard.read, heard.unwrap].filter(({ pending }) => pending > 0)
    if (awaited.length > 0) return Math.min(...awaited.map(({ at, since }) => Math.max(at, since)))
    return Math.max(...Object.values(heard).map(({ at }) => at))
  }

  /** When the service last answered a read of a standard key, even with a refusal. Monotonic milliseconds. */
  readAt(instanceId: string): number {
    return this.#heardOf(instanceId).read.at
  }

  /**
   * The cache calls it when a caller has waited long enough. Each root key with an unanswered call then counts as unreachable.
   */
  noteSilence(instanceId: string, error: RootKeyError): void {
    for (const state of this.#states.values())
      if (state.use.instanceId === instanceId && state.pending > 0) this.#unreachable(state, error, true)
  }

  /** Forgets all other instances, because they were deleted. */
  retain(instanceIds: ReadonlySet<string>): void {
    for (const [name, { use, pending }] of this.#states)
      if (!instanceIds.has(use.instanceId) && pending === 0) this.#states.delete(name)
    for (const id of this.#heard.keys()) if (!instanceIds.has(id)) this.#heard.delete(id)
  }

  #stateOf(use: RootKeyUse): State {
    const name = `${use.instanceId} ${use.rootKeyUri}`
    const known = this.#states.get(name)
    if (known) return known
    const state: State = {
      use,
      refusal: undefined,
      refusedAt: undefined,
      unreachable: false,
      isSilent: false,
      askedAt: -Infinity,
      confirmedAt: -Infinity,
      question: undefined,
      asking: undefined,
      pending: 0,
    }
    this.#states.set(name, state)
    return state
  }

  /** While a refusal stands, lets the first call after a pause ask whether it still does. Throws RootKeyError for all others. */
  async #admit(state: State): Promise<void> {
    const { refusal, asking, use } = state
    if (!refusal) return
    // Values in memory, and the times for which they may be used, do not matter here.
    const decision = decide(this.known(use), { cacheSeconds: 0, outageSeconds: 0 })
    if (asking || decision === 'refuse')
      throw new RootKeyError('root-key', refusal.message, { cause: refusal })
    await this.#askAgain(state)
  }

  /** Repeats the last unwrap. Rejects with RootKeyError unless the root key answers. */
  #askAgain(state: State): Promise<void> {
    state.askedAt = this.#clock.monotonic()
    const ask = async (): Promise<void> => {
      const question = state.question ?? (await this.#findUnwrap(state.use))
      if (!question) return
      try {
        const opened = await this.#unwrap(state, question, question)
        opened.fill(0)
      } catch (error) {
        // A refusal of this wrapped form alone proves that the root key answers.
        if (!(error instanceof RootKeyError) || error.reach !== 'wrapped-form') throw error
        this.#answers(state)
      }
    }
    state.asking = ask().finally(() => (state.asking = undefined))
    return state.asking
  }

  async #unwrap(state: State, unwrap: Unwrap, repeat: Unwrap): Promise<Uint8Array> {
    const askedAt = this.#clock.monotonic()
    state.askedAt = askedAt
    try {
      const opened = await this.#listen(state, 'unwrap', unwrap)
      // The answer to an older question does not end a refusal.
      if (askedAt > (state.refusedAt ?? -Infinity)) {
        state.question = repeat
        this.#answers(state)
      }
      return opened
    } catch (error) {
      if (error instanceof RootKeyError && error.reach === 'root-key') this.#refused(state, error, repeat)
      if (error instanceof RootKeyError && error.reach === 'unreachable') this.#unreachable(state, error)
      throw error
    }
  }

  /** The error that a failed call other than an unwrap throws. */
  async #conclude(state: State, error: unknown): Promise<unknown> {
    if (!(error instanceof RootKeyError)) return error
    // Not awaited, since the call fails in any case.
    if (error.reach === 'unreachable') void this.#confirm(state)
    if (error.reach !== 'root-key' && error.reach !== 'call') return error
    await this.#confirm(state)
    const reach = state.refusal ? 'root-key' : 'call'
    return error.reach === reach ? error : new RootKeyError(reach, error.message, { cause: error })
  }

  /** Finds out whether the root key answers, at most once every few seconds, since many calls may fail for one reason. */
  async #confirm(state: State): Promise<void> {
    if (!state.asking) {
      const now = this.#clock.monotonic()
      if (state.refusal || now - state.confirmedAt < rootKeyAskAgainMs) return
      state.confirmedAt = now
    }
    await (state.asking ?? this.#askAgain(state)).catch(() => undefined)
  }

  async #listen<T>(state: State, kind: CallKind, call: () => Promise<T>): Promise<T> {
    const heard = this.#heardOf(state.use.instanceId)[kind]
    if (heard.pending++ === 0) heard.since = this.#clock.monotonic()
    state.pending++
    try {
      const answer = await call()
      heard.at = this.#clock.monotonic()
      return answer
    } catch (error) {
      if (error instanceof RootKeyError && error.reach !== 'unreachable') heard.at = this.#clock.monotonic()
      throw error
    } finally {
      state.pending--
      heard.pending--
    }
  }

  #heardOf(instanceId: string): Readonly<Record<CallKind, Heard>> {
    const known = this.#heard.get(instanceId)
    if (known) return known
    const heard = { read: newHeard(), unwrap: newHeard(), other: newHeard() }
    this.#heard.set(instanceId, heard)
    return heard
  }

  #answers(state: State): void {
    const was = state.refusal !== undefined || state.unreachable
    state.refusal = undefined
    state.unreachable = false
    if (was) this.#events.answers(state.use)
  }

  #refused(state: State, error: RootKeyError, question: Unwrap): void {
    const at = this.#clock.monotonic()
    state.refusal = error
    state.refusedAt = at
    state.unreachable = false
    state.askedAt = at
    state.question = question
    this.forget(state.use.instanceId, state.use.rootKeyUri)
    this.#events.withdrawn(state.use, error)
  }

  #unreachable(state: State, error: RootKeyError, isSilent = false): void {
    state.askedAt = this.#clock.monotonic()
    // A refusal stays until an unwrap succeeds.
    if (state.refusal) return
    if (state.unreachable && isSilent) return
    const isNews = !state.unreachable || state.isSilent
    state.unreachable = true
    state.isSilent = isSilent
    this.#events.unreachable(state.use, error, isNews)
  }
}

function newHeard(): Heard {
  return { pending: 0, since: -Infinity, at: -Infinity }
}
