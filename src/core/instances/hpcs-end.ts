// Says when Hyper Protect Crypto Services ends, and what that means for a root key there. Pure: the caller passes the time.

import { days, dayMs } from '../conditions/line.ts'
import { shellWord } from '../../base/text/shell-word.ts'

/** Describes for administrators a root key whose service ends. */
export interface RootKeyEnd {
  readonly severity: 'warning' | 'critical'
  readonly message: string
  readonly action: string
}

const ends = '2027-03-28'
/** Another page of IBM's names this earlier date. */
const endsEarliest = '2027-03-20'
/** Moving an instance takes minutes, and getting another root key takes longer. */
const criticalDays = 30

/** `whose`: `the instance production`. null: the root key is elsewhere. */
export function hpcsEnd(
  rootKeyUri: string,
  { nowMs, whose, way }: { readonly nowMs: number; readonly whose: string; readonly way: string },
): RootKeyEnd | null {
  if (!/^hpcs:/i.test(rootKeyUri)) return null
  const left = daysTo(ends, nowMs)
  const when = left > 0 ? `ends on ${ends}, in ${days(left)}` : `ended on ${ends}`
  return {
    severity: daysTo(endsEarliest, nowMs) <= criticalDays ? 'critical' : 'warning',
    message: `the root key of ${whose} is in Hyper Protect Crypto Services, which ${when} (another page of IBM's says ${endsEarliest})`,
    action: way,
  }
}

/** The way out for the root key of an instance. */
export function moveToKeyProtect(name: string): string {
  return `Move it to a root key in Key Protect before; Key Protect Dedicated will do: mortise instance set-root-key ${shellWord(name)} --root-key keyprotect://HOST/INSTANCE/KEY`
}

function daysTo(date: string, nowMs: number): number {
  return Math.ceil((Date.parse(date) - nowMs) / dayMs)
}
