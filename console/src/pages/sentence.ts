// The one sentence that says whether all is well.

import type { Output } from '../../../src/program/routes.ts'
import { counted, numberText } from '../parts/counted.ts'

export type Status = Output<'status'>

/** One sentence, for somebody who reads no more. */
export function sentenceOf({ ready, servesKeys, reason, conditions, pending }: Status): {
  text: string
  tone: 'good' | 'look' | 'bad'
} {
  const of = (severity: string) => conditions.filter((condition) => condition.severity === severity).length
  if (!ready) return { text: `This node serves no keys: ${reason ?? 'its log says why'}.`, tone: 'bad' }
  if (!servesKeys)
    return { text: 'No key is served: no root key of an instance that has keys opens them.', tone: 'bad' }
  if (of('critical') > 0)
    return { text: `Keys are served. ${counted(of('critical'), 'thing')} must be done now.`, tone: 'bad' }
  if (of('warning') > 0)
    return { text: `Keys are served. ${counted(of('warning'), 'thing')} should be looked at.`, tone: 'look' }
  if (pending !== null && pending > 0)
    return {
      text: `All is well. ${counted(pending, 'unknown client')} ${pending === 1 ? 'waits' : 'wait'} for your decision.`,
      tone: 'look',
    }
  return { text: 'All is well.', tone: 'good' }
}

/** Known only some seconds after the start. */
export function perMinuteText({
  keysPerMinute,
}: Pick<NonNullable<Status['traffic']>, 'keysPerMinute'>): string {
  return keysPerMinute === null ? '…' : numberText(keysPerMinute)
}

/** Where no key is in no backup: there may be none at all. */
export function noneAtRisk({ last }: { readonly last: { readonly objects: number } | null }): string {
  return last === null || last.objects === 0 ? 'There is no key yet.' : 'Every key is in a backup.'
}
