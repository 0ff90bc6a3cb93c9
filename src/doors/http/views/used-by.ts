// Which machines use a key, as the admin API shows it, and what must be said before keys are closed that machines use.

import { isOld, useText } from '../../../base/text/inventory-age.ts'
import type { Use } from '../../../core/ports/inventory.ts'
import type { Clock } from '../../../core/ports/clock.ts'
import type { Plugs } from '../plugs.ts'
import { Refusal } from '../../../base/refusal.ts'
import { isoTime } from './shown.ts'

export function shownUse({ machines, first, takenMs }: Use, nowMs: number) {
  return { machines, first: [...first], asOf: isoTime(takenMs), old: isOld(takenMs, nowMs) }
}

/** The machines that use each of the keys, in their order; null for each: the instance has no inventory. */
export async function usesOf(
  { plugs, clock }: { readonly plugs: Pick<Plugs, 'keyUses'>; readonly clock: Pick<Clock, 'now'> },
  instanceId: string,
  keys: readonly string[],
) {
  const uses = await plugs.keyUses.uses(instanceId, keys)
  return keys.map((_, at) => {
    const use = uses?.[at]
    return use ? shownUse(use, clock.now()) : null
  })
}

/**
 * Throws Refusal if machines use what the request closes, unless the request names their number: the asker should know that.
 * `what`: the beginning of a sentence.
 */
export function requireKnownUse(
  what: string,
  use: Use | null | undefined,
  known: number | undefined,
  { clock }: { readonly clock: Pick<Clock, 'now'> },
): void {
  if (!use || use.machines === 0 || use.machines === known) return
  throw new Refusal(
    'conflict',
    `${what} is ${useText(use, clock.now())}`,
    known === undefined
      ? `What these machines store can never be read again. If you mean it, name their number: --in-use ${String(use.machines)} (inUse in a request).`
      : `The request named ${String(known)}. Look at them again: mortise key show, mortise inventory report`,
  )
}
