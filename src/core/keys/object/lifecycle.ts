// The states of a managed object and the steps between them, as a table (KMIP 1.4 §3.22, figure 1; NIST SP 800-57). Pure: it
// decides, and changes nothing. States that follow from the clock are derived here at each read, and no timer writes them
// (design: invariant 4).

import { Fault } from '../../../wire/kmip/fault.ts'
import type { ClockSteps } from '../../ports/objects.ts'

export const transitions = {
  PreActive: { activate: 'Active', compromise: 'Compromised', destroy: 'Destroyed' },
  Active: { deactivate: 'Deactivated', compromise: 'Compromised' },
  Deactivated: { compromise: 'Compromised', destroy: 'Destroyed' },
  Compromised: { destroy: 'DestroyedCompromised' },
  Destroyed: { compromise: 'DestroyedCompromised' },
  DestroyedCompromised: {},
} as const

export type State = keyof typeof transitions
export type LifecycleStep = 'activate' | 'deactivate' | 'compromise' | 'destroy'

const sentences: Record<State, string> = {
  PreActive: 'it is Pre-Active: activate it first, or destroy it',
  Active: 'it is Active',
  Deactivated: 'it is Deactivated',
  Compromised: 'it is Compromised',
  Destroyed: 'it is destroyed',
  DestroyedCompromised: 'it is destroyed',
}

/** The state after the step; undefined where the table has no such step. */
export function stateAfter(state: State, step: LifecycleStep): State | undefined {
  return (transitions[state] as Partial<Record<LifecycleStep, State>>)[step]
}

/** The state after the step. Throws Fault WrongKeyLifecycleState where the table has no such step. */
export function nextState(state: State, step: LifecycleStep): State {
  const next = stateAfter(state, step)
  if (next !== undefined) return next
  const advice = state === 'Active' && step === 'destroy' ? ': revoke it first, then destroy it' : ''
  throw new Fault('WrongKeyLifecycleState', `cannot ${step} this object: ${sentences[state]}${advice}`)
}

/** The further of two states, for an object that two servers have: a state never moves backward. */
export function furtherState(here: State, there: State): State {
  return order.indexOf(there) > order.indexOf(here) ? there : here
}

/** The state's place in the order of an object's life. No step leads to an earlier place. */
export function stepsTo(state: State): number {
  return order.indexOf(state)
}

const order: readonly State[] = [
  'PreActive',
  'Active',
  'Deactivated',
  'Compromised',
  'Destroyed',
  'DestroyedCompromised',
]

/** Dates are seconds since 1970, as KMIP has them. */
export interface LifecycleDates {
  readonly activationDate: bigint | undefined
  readonly deactivationDate: bigint | undefined
}

/** The state at `nowMs`, from the stored one and the dates (KMIP 1.4 §3.24, §3.27: the state changes when a date is reached). */
export function stateAt(stored: State, dates: LifecycleDates, nowMs: number): State {
  const reached = (date: bigint | undefined) => date !== undefined && Number(date) * 1000 <= nowMs
  if (stored === 'PreActive' && reached(dates.activationDate)) return stateAt('Active', dates, nowMs)
  if (stored === 'Active' && reached(dates.deactivationDate)) return 'Deactivated'
  return stored
}

/** The times at which `stateAt` leaves the stored state. A date beyond JavaScript's calendar never comes. */
export function clockSteps(stored: State, { activationDate, deactivationDate }: LifecycleDates): ClockSteps {
  const deactivates = secondsOf(deactivationDate)
  if (stored === 'Active') return { activates: null, deactivates }
  const activates = stored === 'PreActive' ? secondsOf(activationDate) : null
  if (activates === null) return { activates, deactivates: null }
  return { activates, deactivates: deactivates === null ? null : Math.max(activates, deactivates) }
}

const dateSecondsMax = 8_640_000_000_000

function secondsOf(date: bigint | undefined): number | null {
  return date === undefined || date > dateSecondsMax ? null : Math.max(0, Number(date))
}

export function isState(text: string): text is State {
  return Object.hasOwn(transitions, text)
}

export function isDestroyed(state: State): boolean {
  return state === 'Destroyed' || state === 'DestroyedCompromised'
}
