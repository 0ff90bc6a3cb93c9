// A request that waits for a second person, as the admin API shows it.

import { isOpen, mayApprove, notSecond, type Approval, type Party } from '../trust/approval.ts'
import { approvalResult } from '../trust/approval-changes.ts'
import { personKey } from '../trust/person.ts'
import type { AdminContext, Asker } from './context.ts'
import { isoTime, isoTimeOrNull } from './shown.ts'

export type ApprovalShown = Awaited<ReturnType<typeof shownApproval>>

export async function shownApproval(context: AdminContext, asker: Asker, approval: Approval) {
  const { access, clock, trust } = context
  const snapshot = await access.snapshot()
  const nowMs = clock.now()
  const { id, act, route, facts, asked, hasSecrets, instanceId, createdMs, endsMs } = approval
  const state = trust.approvals.stateOf(approval, nowMs)
  const waits = state === 'waiting'
  const instance = instanceId === null ? undefined : snapshot.tables.instance.get(instanceId)
  const whyNot = !waits
    ? null
    : asker.token
      ? (notSecond(snapshot, approval, asker.token, nowMs) ?? null)
      : 'the request carries no token'
  return {
    id,
    act,
    state,
    instance: instanceId === null ? null : { id: instanceId, name: instance?.name ?? instanceId },
    facts: Object.entries(facts).map(([name, value]) => ({ name, value })),
    request: {
      route,
      ...asked.params,
      ...(asked.query as object),
      ...(asked.body as object),
      ...(hasSecrets && { secrets: 'not shown' }),
    },
    askedBy: shownParty(approval.asker),
    asked: isoTime(createdMs),
    ends: isoTime(endsMs),
    decidedBy: approval.decider ? shownParty(approval.decider) : null,
    decided: isoTimeOrNull(approval.decidedMs ?? null),
    reason: approval.reason ?? null,
    isMine: isAsker(approval, asker),
    mayApprove: waits && whyNot === null,
    whyNot,
    approvers: waits ? [...mayApprove(snapshot, approval, nowMs)] : [],
    result: isOpen(approval) ? null : await resultOf(context, approval),
  }
}

/** The person who asked, whichever token it is. */
export function isAsker({ asker: { tokenId, person } }: Approval, asker: Asker): boolean {
  return asker.token?.id === tokenId || (asker.person !== null && samePerson(person, asker.person))
}

function samePerson(one: Party['person'], other: Party['person']): boolean {
  return personKey(one) === personKey(other)
}

async function resultOf({ secrets }: AdminContext, { id, state }: Approval): Promise<unknown> {
  const bytes = state === 'done' ? await secrets.fresh(approvalResult(id)) : undefined
  return bytes ? (JSON.parse(bytes.toString('utf8')) as unknown) : null
}

function shownParty({ person, name }: Party) {
  return { person: person.name, token: name }
}
