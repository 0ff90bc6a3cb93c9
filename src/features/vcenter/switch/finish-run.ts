// Ends a change-over: the old server is asked a last time for all that it has, each key of the inventory is opened here, and then the
// instance has no upstream any more.

import { Refusal } from '../../../base/refusal.ts'
import { counted } from '../../../base/text/counted.ts'
import { shellWord } from '../../../base/text/shell-word.ts'
import type { InventoryRow } from '../../../core/ports/inventory.ts'
import type { StepOutcome } from '../steps.ts'
import type { Switched } from '../vcenters.ts'
import { keysMissing, keysOf, type SwitchParts } from './switch-run.ts'

export interface FinishParts extends Pick<SwitchParts, 'inventory' | 'steps' | 'takeOver' | 'vcenter'> {
  readonly dryRun: boolean
  readonly switched: Switched
  readonly hasUpstream: boolean
  /** The names of the instance's other vCenters whose change-over is not finished. */
  readonly others: readonly string[]
  readonly removeUpstream: () => Promise<void>
  readonly forget: () => Promise<void>
}

/** Rejects with Refusal and VsphereError, and with the signal's reason. */
export async function switchFinish(parts: FinishParts): Promise<void> {
  const { dryRun, steps, switched, vcenter } = parts
  const { provider, doneMs } = switched
  if (doneMs === null)
    throw new Refusal(
      'refused',
      `the change-over of ${provider} did not reach its end`,
      `Run it again: mortise vcenter switch ${shellWord(vcenter.name)} --from ${shellWord(provider)}`,
    )
  let rows: readonly InventoryRow[] = []
  await steps.run('inventory', `the machines that use ${provider}`, async () => {
    const inventory = await parts.inventory(undefined)
    if (inventory.reasons.length > 0)
      throw new Refusal(
        'refused',
        `the inventory is not whole: ${inventory.reasons.join('; ')}`,
        'The upstream stays. Do what it says, and run again.',
      )
    // A vCenter of the same name of provider has the same old server.
    rows = [...inventory.rows.values()].flat().filter((row) => row.provider === provider)
    return { state: 'done', text: `${counted(keysOf(rows).length, 'key')} of ${provider} in use` }
  })
  await steps.run('keys', 'their keys, adopted again and opened here', async () => {
    const keys = keysOf(rows)
    const { adopted, troubles } = await parts.takeOver(keys)
    if (troubles.length > 0) throw keysMissing(rows, troubles)
    return {
      state: 'done',
      text: `${counted(adopted, 'key or change', 'keys and changes')} came now; this server has opened ${counted(keys.length, 'key')} in use`,
    }
  })
  await steps.run('upstream', 'the upstream', () => upstreamStep(parts))
  if (!dryRun) await parts.forget()
}

async function upstreamStep({
  dryRun,
  hasUpstream,
  others,
  removeUpstream,
}: FinishParts): Promise<StepOutcome> {
  if (!hasUpstream) return { state: 'already', text: 'the instance has no upstream' }
  if (others.length > 0)
    return {
      state: 'skipped',
      text: `the upstream stays: the change-over of ${others.join(', ')} is not finished`,
    }
  if (dryRun) return { state: 'would', text: 'would remove the upstream' }
  await removeUpstream()
  return { state: 'done', text: 'removed the upstream: the old server is asked no more' }
}
