// A request that waits for a second person, as the admin API shows it.

import { isOpen, type Approval, type Party } from '../../core/trust/approval.ts'
import { approvalResult } from '../../core/trust/approval-changes.ts'
import { idOfSubject, mayBeSame } from '../../core/trust/person.ts'
import { mayApprove, notSecond } from '../../core/trust/second-person.ts'
import { standingOfAsker } from '../../doors/http/askers.ts'
import type { Approvals } from './needs.ts'
import type { ApiRequester } from '../../doors/http/route-request.ts'
import { isoTime, isoTimeOrNull } from '../../doors/http/views/shown.ts'

export type ApprovalShown = Awaited<ReturnType<typeof shownApproval>>

export async function shownApproval(context: Approvals, asker: ApiRequester, approval: Approval) {
  const { access, clock, people, trust } = context
  const { tables } = await access.snapshot()
  const nowMs = clock.now()
  const now = { tables, nowMs, loginOf: people.loginOf }
  const { id, act, route, facts, asked, hasSecrets, instanceId, createdMs, endsMs } = approval
  const state = trust.approvals.stateOf(approval, nowMs)
  const waits = state === 'waiting'
  const instance = instanceId === null ? undefined : tables.instance.get(instanceId)
  const standing = standingOfAsker(asker)
  const whyNot = waits && standing ? (notSecond(now, approval, standing) ?? null) : null
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
    repeated: approval.isRepeated ?? false,
    isMine: isAsker(approval, asker),
    mayApprove: waits && standing !== undefined && whyNot === null,
    whyNot,
    approvers: waits ? [...mayApprove(now, approval)] : [],
    approverGroups: waits ? [...people.managerGroups(instanceId, tables)] : [],
    result: isOpen(approval) ? null : await resultOf(context, approval),
  }
}

/** The person who asked, whatever they use. */
export function isAsker({ asker: { person } }: Approval, asker: ApiRequester): boolean {
  return asker.person !== null && mayBeSame(asker.person, person)
}

async function resultOf({ secrets }: Approvals, { id, state }: Approval): Promise<unknown> {
  const bytes = state === 'done' ? await secrets.fresh(approvalResult(id)) : undefined
  return bytes ? (JSON.parse(bytes.toString('utf8')) as unknown) : null
}

function shownParty(party: Party) {
  const { person } = party
  return {
    person: person.name,
    token: 'tokenId' in party ? party.name : null,
    subject: person.kind === 'subject' ? idOfSubject(person) : null,
  }
}
