// Says how old an inventory is, and which machines it names. Pure.

import { counted } from './counted.ts'
import { inventoryOldDays } from '../bounds.ts'

const minuteMs = 60_000
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs

/** An old inventory gets a label, since it may lack newer machines. */
export function isOld(takenMs: number, nowMs: number): boolean {
  return nowMs - takenMs > inventoryOldDays * dayMs
}

/** `2 days ago`. A time in the future is `just now`, since clocks differ. */
export function ageText(takenMs: number, nowMs: number): string {
  const age = nowMs - takenMs
  if (age < minuteMs) return 'just now'
  const [count, unit] =
    age < hourMs ? [age / minuteMs, 'minute'] : age < dayMs ? [age / hourMs, 'hour'] : [age / dayMs, 'day']
  const whole = Math.floor(count)
  return `${counted(whole, unit)} ago`
}

/** `in use by 3 machines as of 2 days ago (vm web-1, vm web-2, host esx-1)`. */
export function useText(
  use: {
    readonly machines: number
    readonly first: readonly { readonly kind: string; readonly name: string }[]
    readonly takenMs: number
  },
  nowMs: number,
): string {
  const { machines, first, takenMs } = use
  const count = counted(machines, 'machine')
  const old = isOld(takenMs, nowMs) ? ', an old inventory' : ''
  if (machines === 0) return `in use by no machine as of ${ageText(takenMs, nowMs)}${old}`
  const names = first.map(({ kind, name }) => `${kind} ${name}`)
  const more = machines > first.length ? [...names, `${String(machines - first.length)} more`] : names
  return `in use by ${count} as of ${ageText(takenMs, nowMs)}${old} (${more.join(', ')})`
}
