// What one key is, call after call, if nothing ever overlaps: the sequential model by which history-check.ts judges. It
// knows the states of KMIP 1.4 §3.22 without the compromised ones, and custom attributes that are added and never changed.

export const lives = ['Absent', 'PreActive', 'Active', 'Deactivated', 'Destroyed'] as const
export type Life = (typeof lives)[number]

/** 'restored': the database is gone, and the key comes from its root key's service, which has only what it was told. */
export type What =
  'create' | 'get' | 'state' | 'attributes' | 'add' | 'activate' | 'revoke' | 'destroy' | 'restored'

/**
 * 'nothing': no answer came, or one that leaves open whether the call happened. 'refused': the call did not happen, because
 * the state of the key forbids it.
 */
export type Said =
  | {
      readonly said: 'done'
      /** A Get's: SHA-256 of the bytes. */
      readonly digest?: string
      /** A 'state' has it. 'Open': Pre-Active or Active. */
      readonly state?: Life | 'Open'
      /** An 'attributes' has the names of all that were added, sorted. */
      readonly attributes?: readonly string[]
    }
  | { readonly said: 'not-found' | 'refused' | 'nothing' }

export interface Act {
  readonly what: What
  /** An 'add' has its name. */
  readonly attribute?: string
  readonly answer: Said
}

export interface KeyState {
  readonly life: Life
  /** As far as it was acknowledged. Only what a restore from the service brings back depends on it. */
  readonly sure: Life
  /** Sorted. */
  readonly attributes: readonly string[]
}

export const noKey: KeyState = { life: 'Absent', sure: 'Absent', attributes: [] }

const steps: Readonly<Partial<Record<What, Partial<Record<Life, Life>>>>> = {
  create: { Absent: 'PreActive' },
  activate: { PreActive: 'Active' },
  revoke: { Active: 'Deactivated' },
  destroy: { PreActive: 'Destroyed', Deactivated: 'Destroyed' },
}

/** The states after the act, as it was answered. None: from this state there is no such answer. */
export function after(state: KeyState, act: Act): readonly KeyState[] {
  if (act.what === 'restored') return restored(state)
  const { said } = act.answer
  const isGone = state.life === 'Absent' || state.life === 'Destroyed'
  if (said === 'not-found') return isGone ? [state] : []
  if (act.what === 'get' || act.what === 'state' || act.what === 'attributes')
    return act.answer.said === 'done' && shows(state, act.what, act.answer) ? [state] : []
  const next = act.what === 'add' ? withAttribute(state, act.attribute ?? '') : stepped(state, act.what)
  if (said === 'refused') return next === undefined && state.life !== 'Absent' ? [state] : []
  if (next === undefined) return []
  return [said === 'done' ? { ...next, sure: next.life } : next]
}

export function isRead(what: What): boolean {
  return what === 'get' || what === 'state' || what === 'attributes'
}

function stepped(state: KeyState, what: What): KeyState | undefined {
  const life = steps[what]?.[state.life]
  return life && { ...state, life }
}

/** The record of a destroyed key takes attributes too. */
function withAttribute(state: KeyState, name: string): KeyState | undefined {
  if (state.life === 'Absent' || state.attributes.includes(name)) return undefined
  return { ...state, attributes: [...state.attributes, name].toSorted() }
}

function shows(
  { life, attributes }: KeyState,
  what: What,
  answer: Extract<Said, { readonly said: 'done' }>,
): boolean {
  const isOpen = life === 'PreActive' || life === 'Active'
  if (what === 'get') return isOpen || life === 'Deactivated'
  if (life === 'Absent') return false
  if (what === 'state') return answer.state === 'Open' ? isOpen : answer.state === life
  return (answer.attributes ?? []).join('\n') === attributes.join('\n')
}

/** What was not acknowledged may be lost, and the service does not tell Pre-Active from Active. */
function restored({ life, sure, attributes }: KeyState): readonly KeyState[] {
  const possible = new Set<Life>([life, sure])
  if (possible.has('PreActive')) possible.add('Active')
  else if (possible.has('Active')) possible.add('PreActive')
  return [...possible].map((now) => ({ life: now, sure: now, attributes }))
}
