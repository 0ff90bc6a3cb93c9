// Acts that need a second person: turns a request to a guarded route into one that waits, and carries it out later, exactly as it
// was sent, in the name of the asker. handlers.ts has the decisions; approved-acts.ts carries out what takes long.

import { randomUUID } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { approvalMs } from '../../base/bounds.ts'
import type { Write } from '../../core/ports/store.ts'
import type { Expectation } from '../../core/ports/expectation.ts'
import type { GuardedAct } from '../../core/ports/guarded-acts.ts'
import { changedFacts, type Approval, type Party } from '../../core/trust/approval.ts'
import { approvalResult, approvalSecret } from '../../core/trust/approval-changes.ts'
import type { Consent } from '../../core/trust/consent.ts'
import { grantFor } from '../../core/trust/role-rules.ts'
import { unhurried } from '../../core/keys/transaction/pace.ts'
import type { Instance } from '../../core/trust/rows.ts'
import { standingOf, unfit, whyGone } from '../../core/trust/second-person.ts'
import { newBearer, sha256Of } from '../../core/trust/token-changes.ts'
import { TrustRefused } from '../../core/trust/writer.ts'
import { loginAsker, partyOf, standingOfAsker, tokenAsker } from '../../doors/http/askers.ts'
import type { Approvals } from './needs.ts'
import type { ApiRequester } from '../../doors/http/route-request.ts'
import { Refusal } from '../../base/refusal.ts'
import type { AnyRouteRequest } from '../../doors/http/route-request.ts'
import type { OpenRoute } from '../../doors/http/open-route.ts'
import type { OpenGuard } from '../../doors/http/guard.ts'
import { shownApproval, type ApprovalShown } from './shown-approval.ts'

/** One request's question, and its answer. */
const approvalAskedBytesMax = 16 * 1024
const approvalResultCharactersMax = 16 * 1024

/** The answer to a request that waits. */
export interface RequestedAct {
  readonly approval: ApprovalShown
  /** The text of the token that the act makes. It is worth nothing before. */
  readonly token: string | null
}

/**
 * Keeps the request for a second person, if its act needs one. undefined: carry it out now, since its act needs no second person, or a second
 * person has approved this repeated request, or the asker has a recovered token.
 */
export async function askForApproval(
  context: Approvals,
  name: string,
  { guard }: OpenRoute,
  request: AnyRouteRequest,
): Promise<RequestedAct | undefined> {
  const act = guard?.acts(request).find((one) => context.acts.includes(one))
  if (!guard || !act) return undefined
  const { asker } = request
  if (asker.token?.recovered === true) {
    await enterBreakGlass(context, act, asker)
    return undefined
  }
  const instanceId = await guard.reach(request)
  if (guard.isRepeated && (await isApproved(context, guard, name, request))) return undefined
  const party = partyThatMayAsk(context, asker, instanceId, act)
  const facts = await guard.facts(request)
  const nowMs = context.clock.now()
  const bearer = guard.makesToken ? newBearer() : null
  const parts = split(guard, request)
  const { open } = parts
  // The asker sends a repeated request again, with its secrets.
  const secret = guard.isRepeated ? undefined : parts.secret
  const approval: Approval = {
    id: randomUUID(),
    act,
    route: name,
    asked: open,
    hasSecrets: secret !== undefined,
    ...(guard.isRepeated && { isRepeated: true }),
    ...(bearer !== null && { tokenSha256: sha256Of(bearer) }),
    facts,
    instanceId,
    asker: party,
    createdMs: nowMs,
    endsMs: Math.min(nowMs + approvalMs, asker.login?.endsMs ?? Infinity),
    state: 'waiting',
  }
  requireSmall(approval)
  const writes: readonly Write[] =
    secret === undefined
      ? []
      : [{ type: 'secret', record: context.secrets.seal(approvalSecret(approval.id), secret) }]
  const kept = await context.trust.approvals.ask(asker.by, approval, writes)
  return { approval: await shownApproval(context, asker, kept), token: bearer }
}

/** Whether a second person has approved this very request, which is used up then. Throws Refusal if something has changed since. */
async function isApproved(
  context: Approvals,
  guard: OpenGuard,
  route: string,
  request: AnyRouteRequest,
): Promise<boolean> {
  const { approvals } = context.trust
  const { asker } = request
  const party = partyOf(asker)
  if (!party) return false
  const actRequest = { route, asked: split(guard, request).open, asker: party }
  const approval = approvals.repeated(await context.access.snapshot(), actRequest)
  if (!approval) return false
  const changed = changedFacts(approval.facts, await guard.facts(request))
  if (changed.length > 0) {
    const refusal = somethingChanged(changed)
    await approvals.fail(approval.id, asker.by, refusal.message)
    throw refusal
  }
  await approvals.useUp(approval.id, asker.by)
  return true
}

/**
 * Carries out the request, if everything is as it was then. With `consent` the act's commit uses up the request. Throws what the
 * handler throws, and Refusal if the asker may not any more, or something has changed.
 */
export async function carryOut(
  context: Approvals,
  approval: Approval,
  {
    requestId,
    host,
    consent,
  }: { readonly requestId: string; readonly host: string; readonly consent?: Consent },
): Promise<void> {
  const route = context.routes().get(approval.route)
  const guard = route?.guard
  if (!route || !guard)
    throw new Refusal(
      'refused',
      `this version of Mortise does not know what was asked for (${approval.route})`,
    )
  const { params, query, body } = approval.asked
  const instance =
    params['instance'] === undefined ? undefined : await sameInstance(context, params['instance'])
  // Before the facts are read: what changes after that fails the commit.
  const expect = guard.countsObjects && instance && (await sameObjects(context, instance.id))
  const about = instance ?? (await context.access.instance(approval.instanceId ?? ''))
  const consenting = consent && { ...asOf(about, consent), ...(expect && { expect }) }
  const asker = await askerOf(context, approval, { requestId, host, consent: consenting })
  const routeRequest = {
    asker,
    instance,
    params,
    query,
    body: { ...(body as object), ...(await secretsOf(context, approval)) },
    pace: unhurried,
  }
  // A name in the request may be another instance's by now.
  if ((await guard.reach(routeRequest)) !== approval.instanceId) throw instanceGone()
  const changed = changedFacts(approval.facts, await guard.facts(routeRequest))
  if (changed.length > 0) throw somethingChanged(changed)
  const answer = await route.handle(routeRequest)
  if (consent && !consent.isUsed()) throw new Error(`the act ${approval.act} left its request open`)
  await keepResult(context, approval, route.line.answer.parse(answer))
}

function somethingChanged(changed: readonly string[]): Refusal {
  return new Refusal(
    'conflict',
    `something has changed since it was asked for: ${changed.join('; ')}`,
    'Look at it again, and ask again if it is still wanted.',
  )
}

/** Keeps the answer for the person who asked. If the process dies before, the answer is gone, and the audit log tells. */
async function keepResult({ secrets }: Approvals, { id }: Approval, cut: unknown): Promise<void> {
  const text = JSON.stringify(cut)
  if (text.length > approvalResultCharactersMax) return
  await secrets.put(approvalResult(id), Buffer.from(text)).catch(() => undefined)
}

/** The person who asked, as of now. Throws Refusal if the token or session is gone, or they may not do it any more. */
async function askerOf(
  { access, clock, people: { loginOf } }: Approvals,
  { asker, instanceId, tokenSha256 }: Approval,
  about: { readonly requestId: string; readonly host: string; readonly consent: Consent | undefined },
): Promise<ApiRequester> {
  const check = async () => {
    const { tables, version } = await access.snapshot()
    const standing = standingOf({ tables, loginOf }, asker)
    const why = standing ? unfit(standing, instanceId, clock.now()) : whyGone(tables, asker)
    if (!standing || why !== undefined)
      throw new Refusal('refused', why ?? 'the server does not know who asked for it')
    return { standing, trustVersion: version }
  }
  const { standing } = await check()
  const parts = { ...about, address: asker.address, session: null, tokenSha256, check }
  if ('token' in standing) return tokenAsker(standing.token, parts)
  const { login } = standing
  const fitting = login.grants.filter(({ role }) => role === 'manager')
  const chosen = grantFor(fitting, instanceId)
  if (!chosen) throw new Error('a person who may ask for it has a role')
  return loginAsker(login, { chosen, fitting }, parts)
}

async function sameObjects({ store }: Approvals, instanceId: string): Promise<Expectation> {
  return { liveObjects: { instanceId, count: (await store.usage(instanceId)).objects } }
}

/** Holds the commit to the instance as it was when the facts were read. `about`: undefined if the act concerns none. */
function asOf(about: Instance | undefined, consent: Consent): Consent {
  return {
    ...consent,
    along: (snapshot, nowMs) => {
      if (about && !isDeepStrictEqual(snapshot.tables.instance.get(about.id), about))
        throw new TrustRefused(
          'in-use',
          `the instance ${about.name} was changed at the moment of the approval`,
          'Look at it again, and ask again if it is still wanted.',
        )
      return consent.along(snapshot, nowMs)
    },
  }
}

/** An instance of the same name is another one. */
async function sameInstance({ access }: Approvals, id: string): Promise<Instance> {
  const instance = await access.instance(id)
  if (instance?.id === id) return instance
  throw instanceGone()
}

function instanceGone(): Refusal {
  return new Refusal('not-found', 'the instance does not exist any more')
}

async function secretsOf({ secrets }: Approvals, { id, hasSecrets }: Approval): Promise<object> {
  if (!hasSecrets) return {}
  const bytes = await secrets.fresh(approvalSecret(id))
  if (!bytes) throw new Refusal('refused', 'a part of what was asked for is not in the database any more')
  try {
    return JSON.parse(bytes.toString('utf8')) as object
  } finally {
    bytes.fill(0)
  }
}

/** Splits a request into the part that a row may show, and the bytes that are sealed; undefined: there are none. */
function split(guard: OpenGuard, { instance, params, query, body }: AnyRouteRequest) {
  const fields = Object.entries((body ?? {}) as Record<string, unknown>)
  const isSecret = ([name, value]: [string, unknown]) =>
    value !== undefined && guard.secrets?.includes(name) === true
  const secret = fields.filter(isSecret)
  const open = {
    params: { ...(params as Record<string, string>), ...(instance && { instance: instance.id }) },
    query,
    body: Object.fromEntries(fields.filter((field) => !isSecret(field))),
  }
  return {
    open,
    secret: secret.length === 0 ? undefined : Buffer.from(JSON.stringify(Object.fromEntries(secret))),
  }
}

function requireSmall({ asked, facts }: Approval): void {
  if (JSON.stringify([asked, facts]).length > approvalAskedBytesMax)
    throw new Refusal('too-large', 'this request is too large to wait for a second person')
}

function partyThatMayAsk(
  { clock }: Approvals,
  asker: ApiRequester,
  instanceId: string | null,
  act: GuardedAct,
): Party {
  const standing = standingOfAsker(asker)
  const party = partyOf(asker)
  const why = standing && unfit(standing, instanceId, clock.now())
  if (party && why === undefined) return party
  throw new Refusal(
    'forbidden',
    `"${act}" needs a second person on this server, and ${why ?? 'the server does not know who asks'}`,
    'Log in as a person (mortise login), or ask with a token that names you: mortise token create --owner PERSON. If there is none, the owner of the machine makes one for an hour: mortise token recover',
  )
}

async function enterBreakGlass(
  { audit }: Approvals,
  act: GuardedAct,
  { actor, requestId }: ApiRequester,
): Promise<void> {
  const about = { result: 'success', instanceId: null, object: null, reason: null } as const
  await audit.enter({ action: 'approval.break-glass', actor, requestId, ...about, detail: { act } })
}
