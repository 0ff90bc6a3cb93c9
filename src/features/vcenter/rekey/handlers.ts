// The handlers of the routes about rekey campaigns: they plan, and change what rekey-runner.ts then carries out.

import { Refusal } from '../../../base/refusal.ts'
import { shellWord } from '../../../base/text/shell-word.ts'
import type { AuditEntry } from '../../../core/ports/audit.ts'
import type { Handlers } from '../../../doors/http/feature.ts'
import type { Output } from '../../../doors/http/route.ts'
import type { ApiRequester } from '../../../doors/http/route-request.ts'
import { shownJob } from '../../../doors/http/shown-job.ts'
import { isoTime, isoTimeOrNull } from '../../../doors/http/views/shown.ts'
import { loggedIn, loginFor, orRefusal, ownLogin, requireAllInstances, type OwnLogin } from '../handlers.ts'
import type { PlanJob } from '../jobs.ts'
import type { VcenterService } from '../needs.ts'
import type { Vcenter } from '../vcenters.ts'
import { countsOf, planHash, type Campaign, type RekeyChoices, type RekeyItem } from './campaign.ts'
import type { rekeyRoutes } from '../rekey-routes.ts'
import { isOpen } from './window.ts'

/** A password of a campaign is stored for this long at most. */
const loginMaxMs = 30 * 24 * 3600_000
/** A plan that is older does not say what vCenter has. */
const planMaxMs = 24 * 3600_000

export const rekeyHandlers = {
  planRekey: async (context, { asker, instance, params, body }) => {
    const vcenter = await context.vcenters.named(instance, params.vcenter)
    requireAllInstances(asker)
    await context.campaigns.requireFree(vcenter.id)
    const { login: own, machines, from, deep: isDeep, width, window, withoutCopy } = body
    const provider = body.provider ?? vcenter.provider?.name
    if (provider === undefined)
      throw new Refusal(
        'bad-request',
        'body.provider: it is missing, and no connect has made a key provider in this vCenter',
        'Name the key provider of the new keys: --provider NAME. Or connect it first: mortise vcenter connect',
      )
    const choices: RekeyChoices = {
      machines,
      ...(from !== undefined && { from }),
      isDeep,
      provider,
      width,
      ...(window && { window }),
      withoutCopy,
    }
    const login = await loginFor(context, vcenter, own)
    const shown = { vcenter: vcenter.name, progress: { seen: 0 } }
    const job = context.plans.begin(vcenter.id, shown, ({ onProgress, signal }) =>
      loggedIn(context, vcenter, login, async (session) => {
        const [{ plannedItems }, { neededHosts }] = await Promise.all([
          import('./planning.ts'),
          import('../runs-here.ts'),
        ])
        const items = await plannedItems({
          session,
          choices,
          needed: await neededHosts(context, vcenter),
          onProgress: (seen) => onProgress({ seen }),
          signal,
        })
        await context.campaigns.plan(newCampaign(context, vcenter, choices, items), items)
        return null
      }),
    )
    return shownPlanning(job)
  },

  showRekeyPlan: async (context, { asker, instance, params }) => {
    const { id } = await context.vcenters.named(instance, params.vcenter)
    requireAllInstances(asker)
    const job = context.plans.show(id, params.planning)
    if (job) return shownPlanning(job)
    throw new Refusal(
      'not-found',
      'there is no such plan on this node: the server was restarted, another plan came after it, or another node was asked for it',
      'Plan again: nothing was changed.',
    )
  },

  showRekey: async (context, { instance, params }) =>
    shownRekey(context, await campaignOf(context, instance, params.vcenter)),

  listRekeyMachines: async (context, { instance, params }) => {
    const { campaign } = await campaignOf(context, instance, params.vcenter)
    return (await context.campaigns.items(campaign)).map(shownMachine)
  },

  beginRekey: async (context, { asker, instance, params, body }) => {
    const { vcenter, campaign } = await plannedCampaign(context, instance, params.vcenter, body.plan)
    requireAllInstances(asker)
    const items = await context.campaigns.items(campaign)
    await tryLogin(context, vcenter, body.login, items)
    const { by } = asker
    const begun = {
      state: 'running',
      beganMs: context.clock.now(),
      by: by.name ?? null,
      ...(await storedLogin(context, vcenter, body.login)),
    } as const
    const entries = [entry(context, asker, campaign, 'begun')]
    const after = await context.campaigns.change(
      vcenter.id,
      (now) => {
        if (now.hash !== campaign.hash || now.state !== 'planned') throw otherPlan()
        return { ...now, ...begun }
      },
      entries,
    )
    context.runner.lookAgain(vcenter.id)
    return shownRekey(context, { vcenter, campaign: after ?? campaign })
  },

  pauseRekey: async (context, { asker, instance, params }) => {
    const place = await campaignOf(context, instance, params.vcenter)
    requireAllInstances(asker)
    return changed(context, asker, place, 'paused', (now) => {
      requireState(now, ['running'])
      return { ...now, state: 'paused', reason: null }
    })
  },

  resumeRekey: async (context, { asker, instance, params, body }) => {
    const place = await campaignOf(context, instance, params.vcenter)
    requireAllInstances(asker)
    const { vcenter, campaign } = place
    requireState(campaign, ['paused'])
    if (body.login) await tryLogin(context, vcenter, body.login, await context.campaigns.items(campaign))
    else await requireLogin(context, vcenter, campaign)
    const login = body.login && (await storedLogin(context, vcenter, body.login))
    if (body.retry) await retryFailed(context, campaign)
    const shown = await changed(context, asker, place, 'resumed', (now) => {
      requireState(now, ['paused'])
      return { ...now, state: 'running', reason: null, ...login }
    })
    context.runner.lookAgain(vcenter.id)
    return shown
  },

  endRekey: async (context, { asker, instance, params }) => {
    const place = await campaignOf(context, instance, params.vcenter)
    requireAllInstances(asker)
    const shown = await changed(context, asker, place, 'ended', (now) => {
      requireState(now, ['planned', 'running', 'paused'])
      const endedMs = context.clock.now()
      return { ...now, state: 'ended', reason: null, endedMs, user: null, loginUntilMs: null }
    })
    await context.campaignLogins.remove(place.vcenter.id)
    return shown
  },
} satisfies Handlers<typeof rekeyRoutes, VcenterService>

interface Place {
  readonly vcenter: Vcenter
  readonly campaign: Campaign
}

type InstanceNames = Parameters<VcenterService['vcenters']['named']>[0]

/** Throws Refusal. */
async function campaignOf(
  { vcenters, campaigns }: Pick<VcenterService, 'vcenters' | 'campaigns'>,
  instance: InstanceNames,
  word: string,
): Promise<Place> {
  const vcenter = await vcenters.named(instance, word)
  const campaign = await campaigns.of(vcenter.id)
  if (campaign) return { vcenter, campaign }
  throw new Refusal(
    'not-found',
    `no rekey campaign was planned for ${vcenter.name}`,
    `Plan one: mortise vcenter rekey ${shellWord(vcenter.name)} --machines NAME --dry-run`,
  )
}

/** The campaign with this plan, which was not begun yet. Throws Refusal. */
export async function plannedCampaign(
  context: Pick<VcenterService, 'vcenters' | 'campaigns' | 'clock'>,
  instance: InstanceNames,
  word: string,
  plan: string,
): Promise<Place> {
  const place = await campaignOf(context, instance, word)
  const { campaign } = place
  if (campaign.hash !== plan || campaign.state !== 'planned') throw otherPlan()
  if (context.clock.now() - campaign.plannedMs > planMaxMs)
    throw new Refusal('conflict', 'the plan is older than a day', 'Plan again: vCenter may have changed.')
  return place
}

function otherPlan(): Refusal {
  return new Refusal(
    'conflict',
    'this is not the plan that waits to be begun: it was begun already, or another one took its place',
    'Look at it: mortise vcenter rekey-show NAME',
  )
}

/** Throws Refusal. */
function requireState({ state, reason }: Campaign, states: readonly Campaign['state'][]): void {
  if (states.includes(state)) return
  throw new Refusal('conflict', `the campaign is ${state}${reason === null ? '' : `: ${reason}`}`)
}

function newCampaign(
  { clock }: Pick<VcenterService, 'clock'>,
  { id: vcenterId, instanceId }: Vcenter,
  choices: RekeyChoices,
  items: readonly RekeyItem[],
): Omit<Campaign, 'parts'> {
  return {
    vcenterId,
    instanceId,
    choices,
    hash: planHash(vcenterId, choices, items),
    plannedMs: clock.now(),
    state: 'planned',
    beganMs: null,
    endedMs: null,
    by: null,
    user: null,
    loginUntilMs: null,
    reason: null,
  }
}

async function changed(
  context: VcenterService,
  asker: ApiRequester,
  { vcenter, campaign }: Place,
  word: string,
  change: (now: Campaign) => Campaign,
): Promise<Output<(typeof rekeyRoutes)['showRekey']>> {
  const entries = [entry(context, asker, campaign, word)]
  const after = await context.campaigns.change(vcenter.id, change, entries)
  return shownRekey(context, { vcenter, campaign: after ?? campaign })
}

/** The campaign is paused, so nothing else writes its items. */
async function retryFailed(
  { campaigns }: Pick<VcenterService, 'campaigns'>,
  { vcenterId, parts }: Campaign,
): Promise<void> {
  for (let part = 0; part < parts; part++) {
    const items = await campaigns.part(vcenterId, part)
    if (items.every(({ state }) => state !== 'failed')) continue
    await campaigns.putPart(vcenterId, part, items.map(again))
  }
}

/** A machine that failed keeps the key that vCenter made for it. */
function again(item: RekeyItem): RekeyItem {
  const { kind, id, name, old, made, state } = item
  if (state !== 'failed') return item
  const place = { kind, id, name, old }
  return made === undefined ? { ...place, state: 'planned' } : { ...place, state: 'keyed', made }
}

// ---------------------------------------------------------------- The login

/** Logs in and out again, once. Throws Refusal, also where the user may not do what the campaign needs. */
async function tryLogin(
  context: VcenterService,
  vcenter: Vcenter,
  own: OwnLogin,
  items: readonly RekeyItem[],
): Promise<void> {
  const kinds = new Set(items.filter(({ state }) => state !== 'cannot').map(({ kind }) => kind))
  const privileges = [
    'Cryptographer.ManageKeys',
    'Cryptographer.Recrypt',
    ...(kinds.has('host') ? ['Cryptographer.RegisterHost'] : []),
    ...(kinds.has('vsan-cluster') ? ['Host.Inventory.EditCluster'] : []),
  ]
  const { missingPrivileges } = await import('../../../outside/vsphere-api/session.ts')
  const missing = await orRefusal(
    loggedIn(context, vcenter, ownLogin(own), (session) =>
      missingPrivileges(session, session.content.rootFolder, privileges),
    ),
  )
  if (missing.length === 0) return
  throw new Refusal(
    'refused',
    `the user lacks ${missing.join(' and ')} in vCenter`,
    'Give the user a role with these privileges on the vCenter itself, with Propagate to children.',
  )
}

/** Stores it, for the fields of the campaign that it returns. Killed after this, the campaign is as it was, and has no login. */
async function storedLogin(
  { campaignLogins, clock }: Pick<VcenterService, 'campaignLogins' | 'clock'>,
  vcenter: Vcenter,
  { user, password: text }: OwnLogin,
): Promise<Pick<Campaign, 'user' | 'loginUntilMs'>> {
  const password = Buffer.from(text)
  try {
    await campaignLogins.put({ ...vcenter, user }, password)
    return { user, loginUntilMs: clock.now() + loginMaxMs }
  } finally {
    password.fill(0)
  }
}

/** Throws Refusal. */
async function requireLogin(
  { campaignLogins }: Pick<VcenterService, 'campaignLogins'>,
  vcenter: Vcenter,
  { user }: Campaign,
): Promise<void> {
  if (user !== null && (await campaignLogins.isStored({ ...vcenter, user }))) return
  throw new Refusal(
    'refused',
    'no login is stored for the campaign any more',
    `Give it again: mortise vcenter rekey-resume ${shellWord(vcenter.name)} --user USER`,
  )
}

function entry(
  { clock }: Pick<VcenterService, 'clock'>,
  { actor, requestId }: Pick<ApiRequester, 'actor' | 'requestId'>,
  { vcenterId, instanceId, hash, choices }: Campaign,
  state: string,
): AuditEntry {
  return {
    atMs: clock.now(),
    action: 'vcenter.rekey',
    result: 'success',
    instanceId,
    object: vcenterId,
    actor,
    reason: null,
    requestId,
    detail: { state, plan: hash, ...(choices.withoutCopy && { withoutCopy: true }) },
  }
}

// ---------------------------------------------------------------- Shown

async function shownRekey(
  { campaigns, clock, runner }: Pick<VcenterService, 'campaigns' | 'clock' | 'runner'>,
  { vcenter, campaign }: Place,
): Promise<Output<(typeof rekeyRoutes)['showRekey']>> {
  const { choices, hash, plannedMs, beganMs, endedMs, user, loginUntilMs, state, by, reason } = campaign
  const { isDeep, window, ...chosen } = choices
  const trouble = state === 'running' ? runner.troubleOf(vcenter.id) : undefined
  return {
    vcenter: vcenter.name,
    state,
    plan: hash,
    ...chosen,
    machines: [...chosen.machines],
    from: chosen.from ?? null,
    deep: isDeep,
    window: window ?? null,
    planned: isoTime(plannedMs),
    began: isoTimeOrNull(beganMs),
    ended: isoTimeOrNull(endedMs),
    by,
    login: user !== null && loginUntilMs !== null ? { user, until: isoTime(loginUntilMs) } : null,
    reason,
    trouble: trouble ? { at: isoTime(trouble.atMs), message: trouble.message } : null,
    waits: state === 'running' && !isOpen(window, clock.now()),
    counts: countsOf(await campaigns.items(campaign)),
  }
}

function shownMachine({ kind, id, name, state, old, made, reason }: RekeyItem) {
  return { kind, id, name, state, oldKeys: [...old], newKey: made ?? null, reason: reason ?? null }
}

function shownPlanning(job: PlanJob): Output<(typeof rekeyRoutes)['showRekeyPlan']> {
  return { ...shownJob(job), vcenter: job.vcenter }
}
