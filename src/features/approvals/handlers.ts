// Decisions about acts that need a second person: approve, refuse, cancel; list and show.

import { Fault } from '../../wire/kmip/fault.ts'
import { RootKeyError } from '../../core/ports/root-key.ts'
import type { Approval } from '../../core/trust/approval.ts'
import { NotWaiting, type Decider } from '../../core/trust/approval-changes.ts'
import { TrustForbidden } from '../../core/trust/writer.ts'
import { carryOut } from './approvals.ts'
import { partyOf } from '../../doors/http/askers.ts'
import type { Approvals } from './needs.ts'
import type { Handlers } from '../../doors/http/feature.ts'
import type { approvalRoutes } from './routes.ts'
import type { ApiRequester } from '../../doors/http/route-request.ts'
import { Refusal } from '../../base/refusal.ts'
import { refusalOf } from '../../doors/http/faults.ts'
import { isAsker, shownApproval } from './shown-approval.ts'

export const approvalHandlers = {
  listApprovals: async (context, { asker, query }) => {
    const { access, clock, trust } = context
    const { tables } = await access.snapshot()
    const isOpen = (one: Approval) =>
      ['waiting', 'approved'].includes(trust.approvals.stateOf(one, clock.now()))
    const approvals = [...tables.approval.values()]
      .filter((one) => mayKnow(asker, one) && (query.state === 'all' || isOpen(one)))
      .toSorted((a, b) => b.createdMs - a.createdMs)
    return Promise.all(approvals.map(async (one) => shownApproval(context, asker, one)))
  },

  showApproval: async (context, { asker, params }) =>
    shownApproval(context, asker, await existing(context, asker, params.approval)),

  approve: async (context, { asker, params }) => {
    const approval = await existing(context, asker, params.approval)
    const decider = deciderOf(context, asker)
    await requireSecond(context, asker, approval, decider)
    const { approvals } = context.trust
    if (approval.isRepeated === true || context.routes().get(approval.route)?.guard?.isLong === true) {
      await approvals.approve(approval.id, decider)
      context.look()
    } else await carryOutNow(context, asker, approval, decider)
    return shownApproval(context, asker, await existing(context, asker, params.approval))
  },

  refuseApproval: async (context, { asker, params, body }) => {
    const approval = await existing(context, asker, params.approval)
    const refused = await context.trust.approvals.refuse(approval.id, deciderOf(context, asker), body.reason)
    return shownApproval(context, asker, refused)
  },

  cancelApproval: async (context, { asker, params }) => {
    const approval = await existing(context, asker, params.approval)
    if (!isAsker(approval, asker))
      throw new Refusal(
        'forbidden',
        `only ${approval.asker.person.name}, who asked for it, can take it back`,
        `You can refuse it: mortise approval refuse ${approval.id}`,
      )
    const cancelled = await context.trust.approvals.cancel(approval.id, deciderOf(context, asker))
    return shownApproval(context, asker, cancelled)
  },
} satisfies Handlers<typeof approvalRoutes, Approvals>

/** A token of another instance does not learn that there is one. */
function mayKnow({ instanceId, sees }: ApiRequester, approval: Approval): boolean {
  return instanceId === null || (approval.instanceId !== null && sees(approval.instanceId))
}

async function existing({ access }: Approvals, asker: ApiRequester, id: string): Promise<Approval> {
  const { tables } = await access.snapshot()
  const approval = tables.approval.get(id)
  if (approval && mayKnow(asker, approval)) return approval
  throw new Refusal('not-found', `there is no request ${id}`, 'List them: mortise approval list --all')
}

/** A person decides, so that the audit log names one. */
function deciderOf({ people: { loginOf } }: Approvals, asker: ApiRequester): Decider {
  const party = partyOf(asker)
  if (party) return { by: asker.by, party, loginOf }
  throw new Refusal(
    'forbidden',
    'this token names no owner, so the server does not know which person decides',
    'Log in as a person (mortise login), or decide with a token that names you: mortise token create --owner PERSON',
  )
}

/** Throws TrustForbidden, entered in the audit, for the asker, for one who may have the asker's token, and the like. */
async function requireSecond(
  { access, audit, trust }: Approvals,
  asker: ApiRequester,
  { id }: Approval,
  decider: Decider,
): Promise<void> {
  try {
    trust.approvals.requireDecidable(await access.snapshot(), id, decider)
  } catch (error) {
    if (!(error instanceof TrustForbidden)) throw error
    const { actor, requestId } = asker
    const { detail = null, ...event } = error.event
    await audit.enter({ ...event, detail, result: 'refused', reason: 'PermissionDenied', actor, requestId })
    throw error
  }
}

/** One commit does the act and uses up the request. If it cannot be done any more, the request fails for good. */
async function carryOutNow(
  context: Approvals,
  asker: ApiRequester,
  approval: Approval,
  decider: Decider,
): Promise<void> {
  const { approvals } = context.trust
  const consent = approvals.consent(approval.id, decider)
  try {
    await carryOut(context, approval, { requestId: asker.requestId, host: asker.host, consent })
  } catch (error) {
    const refusal = refusalOf(error)
    if (!refusal || !isFinal(error, refusal)) throw error
    // If another request has carried it out meanwhile, the approver should read that.
    approvals.requireDecidable(await context.access.snapshot(), approval.id, decider)
    await approvals.fail(approval.id, asker.by, refusal.message)
    throw error
  }
}

/** The act cannot be done any more. Otherwise the store or a root key does not answer now, or another request was quicker. */
function isFinal(error: unknown, { code }: Refusal): boolean {
  if (code === 'unavailable' || code === 'internal') return false
  if (error instanceof TrustForbidden || error instanceof NotWaiting) return false
  const cause = error instanceof Error ? error.cause : undefined
  if (cause instanceof RootKeyError && cause.reach === 'unreachable') return false
  return error instanceof Refusal || error instanceof Fault
}
