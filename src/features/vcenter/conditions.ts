// Conditions of vCenters: the server does not read one whose login is stored, has no login for it any more, or cannot go on with its rekey
// campaign.

import { counted } from '../../base/text/counted.ts'
import { shellWord } from '../../base/text/shell-word.ts'
import type { CommonFacts } from '../../core/conditions/conditions.ts'
import { dayMs, type ConditionLines, type Occurrence } from '../../core/conditions/line.ts'
import { isoTime } from '../../doors/http/views/shown.ts'
import { undefinedIfAltered } from './logins.ts'
import type { VcenterService } from './needs.ts'
import type { ReadingTrouble } from './readings.ts'
import type { Campaign } from './rekey/campaign.ts'
import type { RekeyTrouble } from './rekey/rekey-runner.ts'
import { stateConditions, type StateFacts, type StatesOfVcenter } from './states.ts'
import type { Vcenter } from './vcenters.ts'

/** vCenter lets the passwords of its own users expire at this age, unless its policy says otherwise. */
const passwordDays = 90
/** The condition begins this many days before. */
const warningDays = 10
/** For a campaign's login, it begins this long before its end. */
const campaignWarningMs = 3 * dayMs

/** A vCenter that has a user for its inventory. */
interface ReadVcenter {
  readonly vcenter: Pick<Vcenter, 'id' | 'name' | 'instanceId' | 'user' | 'loginMs'>
  readonly instance: string
  readonly isLoginOff: boolean
  readonly trouble: ReadingTrouble | null
}

interface BegunCampaign {
  readonly campaign: Pick<Campaign, 'vcenterId' | 'instanceId' | 'state' | 'reason' | 'user' | 'loginUntilMs'>
  /** Its name. */
  readonly vcenter: string
  readonly trouble: RekeyTrouble | null
}

export interface VcenterFacts extends CommonFacts, StateFacts {
  readonly readVcenters: readonly ReadVcenter[]
  readonly campaigns: readonly BegunCampaign[]
}

export const vcenterConditions = {
  'vcenter-not-read': {
    severity: 'warning',
    meaning:
      'The server could not read the inventory of a vCenter whose login is stored. The inventory that was read before stays, and gets older.',
    action:
      'The message has the reason. If the certificate of vCenter was renewed, compare it and say so: mortise vcenter set NAME --fingerprint SHA256. The server tries again every four minutes. With several nodes, the one that reads knows of it.',
    find: ({ readVcenters }) =>
      readVcenters.flatMap(({ vcenter: { id, name, instanceId }, instance, trouble, isLoginOff }) => {
        if (!trouble || isLoginOff) return []
        const message = `the vCenter ${name} of the instance ${instance} was not read at ${isoTime(trouble.atMs)}: ${trouble.message}`
        return [{ instanceId, about: id, message }]
      }),
  },
  'vcenter-login-off': {
    severity: 'warning',
    meaning:
      'The login that was stored for a vCenter is used no more: vCenter refused it, or the database was restored, or the address of vCenter or its certificate was changed here. The server tries no password twice, since vCenter locks an account after a few failures.',
    action:
      'Give the login again: mortise vcenter set NAME --user USER. Or remove it: --forget-login. The inventory then ages until you read or import one.',
    find: ({ readVcenters }) => readVcenters.filter(({ isLoginOff }) => isLoginOff).map(loginOff),
  },
  'vcenter-login-expires': {
    severity: 'notice',
    meaning:
      'A login for a vCenter ends soon: the password that was stored to read its inventory is nearly 90 days old, at which age vCenter lets the passwords of its own users expire unless its policy says otherwise; or the login of a rekey campaign, which the server keeps for 30 days, ends before the campaign.',
    action:
      'Change the password in vCenter, and give it again: mortise vcenter set NAME --user USER. If it does not expire there, do nothing: the condition ends by itself. For a campaign: mortise vcenter rekey-pause NAME, and then rekey-resume NAME --user USER.',
    find: ({ readVcenters, campaigns, nowMs }) => [
      ...readVcenters.flatMap((one) => oldLogin(one, nowMs)),
      ...campaigns.flatMap((one) => endingLogin(one, nowMs)),
    ],
  },
  'vcenter-rekey-stopped': {
    severity: 'warning',
    meaning:
      'A rekey campaign does not get on: the server paused it, or meets trouble and tries again. Machines that have their new keys have them, and all others have their old ones.',
    action:
      'The message has the reason. See how far it is: mortise vcenter rekey-show NAME. Go on: mortise vcenter rekey-resume NAME. Or end it: mortise vcenter rekey-end NAME.',
    find: ({ campaigns }) => campaigns.flatMap(stoppedCampaign),
  },
  ...stateConditions,
} as const satisfies ConditionLines<VcenterFacts>

/** A password that still works at the usual age has no such end. */
function oldLogin({ vcenter, instance, isLoginOff }: ReadVcenter, nowMs: number): readonly Occurrence[] {
  const { id, name, instanceId, user = '', loginMs } = vcenter
  if (loginMs === undefined || isLoginOff) return []
  const days = Math.floor((nowMs - loginMs) / dayMs)
  if (days < passwordDays - warningDays || days >= passwordDays) return []
  return [
    {
      instanceId,
      about: id,
      message: `the password of ${user} for the vCenter ${name} of the instance ${instance} was stored ${counted(days, 'day')} ago; vCenter lets those of its own users expire after ${String(passwordDays)} days unless its policy says otherwise`,
      action: `Change it in vCenter, and give it again: mortise vcenter set ${shellWord(name)} --user ${shellWord(user)} --instance ${shellWord(instance)}. If it does not expire there, do nothing: the condition ends by itself.`,
    },
  ]
}

function endingLogin({ campaign, vcenter }: BegunCampaign, nowMs: number): readonly Occurrence[] {
  const { vcenterId, instanceId, state, user, loginUntilMs } = campaign
  const isBegun = state === 'running' || state === 'paused'
  if (!isBegun || user === null || loginUntilMs === null || loginUntilMs - nowMs > campaignWarningMs)
    return []
  return [
    {
      instanceId,
      about: `${vcenterId} rekey`,
      message: `the login of ${user} for the rekey campaign of the vCenter ${vcenter} ends at ${isoTime(loginUntilMs)}, and the campaign is not done`,
      action: `Give it again: mortise vcenter rekey-pause ${shellWord(vcenter)}, and then mortise vcenter rekey-resume ${shellWord(vcenter)} --user ${shellWord(user)}`,
    },
  ]
}

function stoppedCampaign({ campaign, vcenter, trouble }: BegunCampaign): readonly Occurrence[] {
  const { vcenterId, instanceId, state, reason } = campaign
  const about = { instanceId, about: vcenterId }
  const what = `the rekey campaign of the vCenter ${vcenter}`
  if (state === 'paused' && reason !== null) return [{ ...about, message: `${what} is paused: ${reason}` }]
  return state === 'running' && trouble
    ? [{ ...about, message: `${what} does not get on since ${isoTime(trouble.atMs)}: ${trouble.message}` }]
    : []
}

function loginOff({ vcenter, instance, trouble }: ReadVcenter): Occurrence {
  const { id, name, instanceId, user = '' } = vcenter
  const why = trouble ? `: ${trouble.message}` : ''
  return {
    instanceId,
    about: id,
    message: `the login of ${user} for the vCenter ${name} of the instance ${instance} is off${why}`,
    action: `Give it again: mortise vcenter set ${shellWord(name)} --user ${shellWord(user)} --instance ${shellWord(instance)}. Or remove it: --forget-login`,
  }
}

export async function vcenterFacts(
  context: Pick<VcenterService, 'vcenters' | 'logins' | 'readings' | 'campaigns' | 'runner'>,
  common: CommonFacts,
): Promise<VcenterFacts> {
  const { vcenters, logins, readings } = context
  const instances = common.trust.tables.instance
  const names = new Map<string, string>()
  const readVcenters: ReadVcenter[] = []
  const vcenterStates: StatesOfVcenter[] = []
  // An altered list has an alarm of its own, and ends no look at the other conditions.
  for (const vcenter of (await vcenters.all().catch(undefinedIfAltered)) ?? []) {
    const instance = instances.get(vcenter.instanceId)?.name
    if (instance !== undefined) names.set(vcenter.id, vcenter.name)
    if (vcenter.user === undefined || instance === undefined) continue
    const isLoginOff = !(await logins.isStored(vcenter))
    readVcenters.push({ vcenter, instance, isLoginOff, trouble: readings.troubleOf(vcenter) ?? null })
    vcenterStates.push({ vcenter, instance, states: readings.states.of(vcenter) })
  }
  return { ...common, readVcenters, vcenterStates, campaigns: await begunCampaigns(context, names) }
}

/** `names`: of vCenters by id. */
async function begunCampaigns(
  { campaigns, runner }: Pick<VcenterService, 'campaigns' | 'runner'>,
  names: ReadonlyMap<string, string>,
): Promise<readonly BegunCampaign[]> {
  if (names.size === 0) return []
  const all = (await campaigns.all().catch(undefinedIfAltered)) ?? []
  return all.flatMap((campaign) => {
    const vcenter = names.get(campaign.vcenterId)
    const trouble = runner.troubleOf(campaign.vcenterId) ?? null
    return vcenter === undefined ? [] : [{ campaign, vcenter, trouble }]
  })
}
