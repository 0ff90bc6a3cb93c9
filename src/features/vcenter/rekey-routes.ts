// The part of the route table about rekey campaigns: planned, begun, looked at, paused, ended. A vCenter has one campaign, the last.

import { z } from 'zod'
import { instancePath, route } from '../../doors/http/route.ts'
import { name, time } from '../../doors/http/schemas.ts'
import { failure } from '../../doors/http/shown-job.ts'
import { login, vcenterRoutes } from './routes.ts'
import { switchRoutes } from './switch-routes.ts'
import { rekeyItemsMax } from './rekey/campaign.ts'
import { isTimeZone } from './rekey/window.ts'

const filtersMax = 1_000
const filterCharactersMax = 255
const widthMax = 16
const hour = z.string().regex(/^(?:[01]\d|2[0-3]):[0-5]\d$/, 'it takes HH:MM, from 00:00 to 23:59')

const window = z
  .strictObject({
    from: hour,
    to: hour,
    timeZone: z
      .string()
      .max(100)
      .refine(isTimeZone, 'it takes the name of a time zone')
      .meta({ example: 'Europe/Berlin' }),
  })
  .refine(({ from, to }) => from !== to, 'it begins and ends at the same time')
  .meta({ description: 'The hours in which work on a machine may begin, `from` inclusive, `to` exclusive.' })

const choices = {
  machines: z
    .array(z.string().min(1).max(filterCharactersMax))
    .min(1)
    .max(filtersMax)
    .meta({
      description:
        'Names or identifiers of machines, hosts and clusters with vSAN; `*` stands for any text, upper and lower case are the same. A machine with change block tracking, and one that runs this server or vCenter, is rekeyed only if it is named whole.',
      example: ['web-*', 'vm-42'],
    }),
  deep: z.boolean().default(false).meta({
    description:
      'Encrypt all data again, which takes long and needs machines that are off. false: only the keys.',
  }),
  width: z
    .int()
    .min(1)
    .max(widthMax)
    .default(4)
    .meta({ description: 'Machines that vCenter works on at the same time.' }),
  withoutCopy: z.boolean().default(false).meta({
    description:
      'Use new keys before a backup that was copied elsewhere has them. If this server is lost then, so are the machines.',
  }),
}

const from = name.meta({
  description: 'Only machines, hosts and clusters with a key of this key provider.',
})

const counts = z.object({
  planned: z.int(),
  cannot: z.int().meta({ description: 'Left out, with the reason.' }),
  keyed: z.int().meta({ description: 'vCenter made the new key, and no more is known.' }),
  done: z.int(),
  failed: z.int().meta({ description: 'vCenter refused.' }),
  changed: z.int().meta({ description: 'Given other keys since the plan, or removed.' }),
})

const Rekey = z
  .object({
    vcenter: z.string(),
    state: z.enum(['planned', 'running', 'paused', 'done', 'ended']),
    plan: z.string().meta({ description: 'The SHA-256 of everything that was planned.' }),
    machines: z.array(z.string()),
    from: z.string().nullable().default(null).meta({
      description: 'Only those with a key of this key provider; null: of any.',
    }),
    deep: z.boolean(),
    provider: z.string(),
    width: z.int(),
    window: z.object({ from: z.string(), to: z.string(), timeZone: z.string() }).nullable(),
    withoutCopy: z.boolean(),
    planned: time,
    began: time.nullable(),
    ended: time.nullable(),
    by: z.string().nullable().meta({ description: 'The person or token that began it.' }),
    login: z
      .object({ user: z.string(), until: time })
      .nullable()
      .meta({ description: 'The login that is stored for it, and until when.' }),
    reason: z.string().nullable().meta({ description: 'Why the server paused or ended it.' }),
    trouble: z
      .object({ at: time, message: z.string() })
      .nullable()
      .meta({ description: 'Why it does not get on at present, as the node knows that works on it.' }),
    waits: z.boolean().meta({ description: 'Its window is closed now.' }),
    counts,
  })
  .meta({ id: 'VcenterRekey' })

const RekeyMachine = z
  .object({
    kind: z.enum(['vm', 'host', 'vsan-cluster']),
    id: z.string(),
    name: z.string(),
    state: z.enum(['planned', 'cannot', 'keyed', 'done', 'failed', 'changed']),
    oldKeys: z.array(z.string()),
    newKey: z.string().nullable(),
    reason: z.string().nullable(),
  })
  .meta({ id: 'VcenterRekeyMachine' })

const Planning = z
  .object({
    id: z.string(),
    vcenter: z.string(),
    state: z.enum(['running', 'done', 'failed']),
    seen: z.int().meta({ description: 'Machines, hosts and clusters that were looked at.' }),
    error: failure('Why there is no plan. Nothing was changed.'),
  })
  .meta({ id: 'VcenterRekeyPlanning' })

const rekey = `${instancePath}/vcenters/{vcenter}/rekey`
const viewer = { role: 'viewer', scope: 'instance' } as const
const manager = { role: 'manager', scope: 'instance', allInstances: true } as const

export const rekeyRoutes = {
  planRekey: route({
    method: 'post',
    path: `${rekey}/plan`,
    ...manager,
    summary:
      'Plan new keys for machines of a vCenter: which get one, and which cannot and why. Nothing is changed; the plan takes the place of the last campaign that is over',
    body: z.strictObject({
      ...choices,
      window: window.optional(),
      from: from.optional(),
      provider: name.optional().meta({
        description: 'The key provider of the new keys. Left out: that of the last connect.',
      }),
      login: login.optional().meta({ description: 'For this plan alone. Left out: the stored one.' }),
    }),
    answer: Planning,
    status: 201,
  }),
  showRekeyPlan: route({
    method: 'get',
    path: `${rekey}/plan/{planning}`,
    ...manager,
    summary: 'How far a plan is; the last one is remembered until a restart',
    answer: Planning,
  }),
  showRekey: route({
    method: 'get',
    path: rekey,
    ...viewer,
    summary: 'The last rekey campaign of a vCenter, and how far it is',
    answer: Rekey,
  }),
  listRekeyMachines: route({
    method: 'get',
    path: `${rekey}/machines`,
    ...viewer,
    summary: 'The machines of the last rekey campaign, with their old and new keys',
    answer: z.array(RekeyMachine).max(rekeyItemsMax),
  }),
  beginRekey: route({
    method: 'post',
    path: `${rekey}/begin`,
    ...manager,
    summary:
      'Begin the campaign that was planned. The server goes on with it by itself, also after a restart',
    body: z.strictObject({
      plan: z.string().regex(/^[0-9a-f]{64}$/, 'it takes the SHA-256 of the plan'),
      login: login.meta({
        description:
          'With the privileges Cryptographer.ManageKeys and Cryptographer.Recrypt, and for hosts Cryptographer.RegisterHost. It is tried once, and stored sealed until the end of the campaign, for 30 days at most; no backup has it.',
      }),
    }),
    answer: Rekey,
    slow: true,
    guarded: true,
  }),
  pauseRekey: route({
    method: 'post',
    path: `${rekey}/pause`,
    ...manager,
    summary: 'Pause the campaign: what is under way in vCenter ends, and nothing more begins',
    answer: Rekey,
  }),
  resumeRekey: route({
    method: 'post',
    path: `${rekey}/resume`,
    ...manager,
    summary: 'Go on with a campaign that is paused',
    body: z.strictObject({
      login: login.optional().meta({
        description: 'Tried once, and stored as at the beginning. Left out: the stored one, if there is one.',
      }),
      retry: z.boolean().default(false).meta({ description: 'Also the machines that failed.' }),
    }),
    answer: Rekey,
    slow: true,
  }),
  endRekey: route({
    method: 'post',
    path: `${rekey}/end`,
    ...manager,
    summary: 'End the campaign early: machines that have their new keys have them, and its login is removed',
    answer: Rekey,
  }),
} as const

/** All routes about vCenters. */
export const allVcenterRoutes = { ...vcenterRoutes, ...rekeyRoutes, ...switchRoutes } as const
