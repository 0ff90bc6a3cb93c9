// The acts that need a second person, as the configuration has them: the start of the server compares them with those of the
// start before, and says so loudly if they differ. Part of the composition root.

import { ApprovedActs } from './approved-acts.ts'
import type { Approvals, Needs } from './needs.ts'
import { serverActor } from '../../core/audit/actor.ts'
import type { Clock } from '../../core/ports/clock.ts'
import type { Store } from '../../core/ports/store.ts'
import type { ServerNotes } from '../../core/sealing/server-notes.ts'
import type { Log } from '../../core/ports/log.ts'
import { guardedActs, type GuardedAct } from '../../core/ports/guarded-acts.ts'

export interface GuardParts {
  readonly acts: readonly GuardedAct[]
  readonly notes: ServerNotes
  readonly clock: Clock
  readonly store: Pick<Store, 'node'>
  readonly log: Log
}

/**
 * Enters a change of the list in the audit before anything is served. Returns the acts that are guarded: those of before too,
 * if the change cannot be entered.
 */
async function noteGuardedActs({
  acts,
  notes,
  clock,
  store,
  log,
}: GuardParts): Promise<readonly GuardedAct[]> {
  const noted = await notes.read('guarded-acts')
  const before = noted?.acts ?? []
  if ([...before].toSorted().join() === [...acts].toSorted().join()) return acts
  const atMs = clock.now()
  const detail = { before: before.join(', '), now: acts.join(', '), node: store.node ?? '' }
  const about = { instanceId: null, object: null, reason: null, requestId: null, result: 'success' } as const
  try {
    await notes.write('guarded-acts', { acts, before, atMs, node: store.node }, [
      { atMs, action: 'approval.configure', actor: serverActor, ...about, detail },
    ])
  } catch (error) {
    log.error(
      { error },
      'the acts that need a second person (approval.for) stay as they were, too: their change cannot be recorded',
    )
    return guardedActs.filter((act) => acts.includes(act) || before.includes(act))
  }
  const without = before.filter((act) => !acts.includes(act as GuardedAct))
  const text = 'the acts that need a second person (approval.for) are other ones than at the last start'
  if (without.length > 0) log.warn({ before, now: acts, without }, text)
  else log.info({ before, now: acts }, text)
  return acts
}

/** Works in the background from `approvedActs.start` on, until `opened` is disposed. */
export async function openApprovals(
  { guardedActs: configured, ...needs }: Needs,
  opened: AsyncDisposableStack,
): Promise<Approvals & { readonly approvedActs: ApprovedActs }> {
  const acts = await noteGuardedActs({ ...needs, acts: configured })
  const look = () => void approvedActs.look()
  const failed = (error: unknown) => needs.log.error({ error }, 'carry out what was approved')
  const approvals: Approvals = { ...needs, acts, look }
  const approvedActs = new ApprovedActs({ context: approvals, leases: needs.leases, failed })
  opened.defer(() => approvedActs.stop())
  return { ...approvals, approvedActs }
}
