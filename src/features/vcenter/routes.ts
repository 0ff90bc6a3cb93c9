// The part of the route table about vCenters: which there are, and the work of connecting one.

import { z } from 'zod'
import { instancePath, route } from '../../doors/http/route.ts'
import {
  name,
  namesChange,
  namesNoChange,
  pem,
  sha256Hex,
  shownSha256,
  time,
} from '../../doors/http/schemas.ts'
import { failure } from '../../doors/http/shown-job.ts'

const hostCharactersMax = 300
const userCharactersMax = 512
const passwordCharactersMax = 1_024
const addressesMax = 16

/** The outcomes of a step of `connect`, and the state before. */
export const stepStates = ['running', 'done', 'already', 'would', 'skipped', 'failed'] as const
export const connectSteps = [
  'privileges',
  'provider',
  'trust-mortise',
  'trust-vcenter',
  'default',
  'green',
  'proof',
  'inventory',
  'keys',
  'servers',
  'new-keys',
  'upstream',
] as const
export const clientWays = ['certificate', 'authority', 'request', 'issued'] as const

const host = z.string().trim().min(1).max(hostCharactersMax).meta({
  description: 'HOST or HOST:PORT; the port is 443 if left out. The address of a web page there will do.',
  example: 'vc.example.com',
})

const trust = z.union([z.strictObject({ fingerprint: sha256Hex }), z.strictObject({ authority: pem })]).meta({
  description: 'How to recognize vCenter: the SHA-256 of its certificate, or the CAs that signed it, PEM.',
})

const ShownCertificate = z.object({
  sha256: shownSha256,
  sha1: z.string().meta({ description: 'The thumbprint that older pages of vCenter show.' }),
  subject: z.string(),
  issuer: z.string(),
  notBefore: time,
  notAfter: time,
})

const Look = z
  .object({
    host: z.string(),
    port: z.int(),
    certificate: ShownCertificate,
  })
  .meta({ id: 'VcenterLook' })

const Vcenter = z
  .object({
    id: z.string(),
    name: z.string().meta({ example: 'vc.example.com' }),
    host: z.string(),
    port: z.int(),
    trust: z.union([
      z.object({ fingerprint: shownSha256 }),
      z.object({ authorities: z.array(z.object({ sha256: shownSha256, subject: z.string() })) }),
    ]),
    product: z.string().meta({ example: 'VMware vCenter Server' }),
    version: z.string().meta({ example: '8.0.3' }),
    instanceUuid: z.string().meta({ description: "vCenter's own identifier." }),
    added: time,
    login: z
      .object({
        user: z.string(),
        state: z.enum(['stored', 'off']).meta({
          description:
            'off: since a restore, since its address or the way to recognize it changed, or since vCenter refused it; give it again.',
        }),
      })
      .nullable()
      .meta({ description: 'The stored login; null: each reading of the inventory asks for one.' }),
    inventory: z
      .object({
        whole: z.boolean(),
        reasons: z
          .array(z.string())
          .meta({ description: 'Why the inventory of the instance is not whole; of all its vCenters.' }),
        read: time
          .nullable()
          .meta({ description: 'When this node last read this vCenter by itself; null: it did not.' }),
      })
      .meta({
        description:
          'Whether the inventory of the instance has every machine that could use its keys. What relies on it refuses otherwise.',
      }),
    provider: z
      .object({
        name: z.string(),
        proof: z.string().meta({ description: 'The key that vCenter made to prove the way.' }),
        connected: time
          .nullable()
          .meta({ description: 'When the last run reached its end; null: none did.' }),
      })
      .nullable()
      .meta({ description: 'What `connect` or `switch` did last; null: nothing yet.' }),
    switch: z
      .object({
        provider: z.string(),
        servers: z.array(z.string()).meta({ description: 'The old servers, HOST:PORT.' }),
        began: time,
        done: time.nullable().meta({ description: 'When the last run reached its end; null: none did.' }),
      })
      .nullable()
      .meta({ description: 'The change-over that is not finished; null: there is none.' }),
  })
  .meta({ id: 'Vcenter' })

export const Connect = z
  .object({
    id: z.string(),
    vcenter: z.string(),
    provider: z.string(),
    dryRun: z.boolean(),
    state: z.enum(['running', 'done', 'failed']),
    steps: z
      .array(z.object({ step: z.enum(connectSteps), state: z.enum(stepStates), text: z.string() }))
      .meta({ description: 'In their order, as far as they were begun.' }),
    warnings: z.array(z.string()),
    error: failure('Why it failed. What was done stays; run again, it goes on from there.'),
  })
  .meta({ id: 'VcenterConnect' })

/** A text that vCenter's XML can carry. */
function carried(charactersMax: number) {
  return z
    .string()
    .min(1)
    .max(charactersMax)
    .refine(
      (text) => text.isWellFormed() && !/[^\P{Cc}\t\n\r]|[\ufffe\uffff]/u.test(text),
      'it has characters that XML cannot carry',
    )
}

const Read = z
  .object({
    id: z.string(),
    vcenter: z.string(),
    state: z.enum(['running', 'done', 'failed']),
    rows: z.int().meta({ description: 'Keys of machines, disks and snapshots that were read so far.' }),
    error: failure('Why it failed. The inventory is as it was before.'),
  })
  .meta({ id: 'VcenterRead' })

const Trial = z
  .object({
    product: z.string(),
    version: z.string(),
    build: z.string(),
    apiVersion: z.string(),
    answers: z.array(
      z.object({
        question: z.string(),
        milliseconds: z.int(),
        counts: z.record(z.string(), z.int()),
        fault: z.string().nullable().meta({ description: "The name of vCenter's fault; null: it answered." }),
      }),
    ),
  })
  .meta({ id: 'VcenterTrial' })

/** A login that is kept for one piece of work alone. */
export const setupLogin = {
  user: carried(userCharactersMax).meta({
    description: 'With the privileges Cryptographer.ManageKeyServers and Cryptographer.ManageKeys.',
    example: 'administrator@vsphere.local',
  }),
  password: carried(passwordCharactersMax).meta({
    description: 'It is kept in memory while this runs, and is tried once.',
  }),
}

export const hostText = z.string().min(1).max(hostCharactersMax)

export const login = z
  .strictObject({ user: carried(userCharactersMax), password: carried(passwordCharactersMax) })
  .meta({
    description:
      'A login with which the server reads the inventory. It is tried once, and stored sealed; no backup has it, and it is off after a restore, and after a change of its address or of the way to recognize it. Give it no more than the role Read-only.',
  })

export const vcenters = `${instancePath}/vcenters`
const viewer = { role: 'viewer', scope: 'instance' } as const
// Each of them has the server open connections to an address that the asker names.
const manager = { role: 'manager', scope: 'instance', allInstances: true } as const

export const vcenterRoutes = {
  lookAtVcenter: route({
    method: 'post',
    path: `${vcenters}/look`,
    ...manager,
    summary:
      'The certificate that a vCenter shows, to be compared before it is trusted. Nothing is sent to it',
    body: z.strictObject({ host }),
    answer: Look,
  }),
  listVcenters: route({
    method: 'get',
    path: vcenters,
    ...viewer,
    summary: 'The vCenters that were added to the instance',
    answer: z.array(Vcenter),
  }),
  showVcenter: route({
    method: 'get',
    path: `${vcenters}/{vcenter}`,
    ...viewer,
    summary: 'One vCenter',
    answer: Vcenter,
  }),
  addVcenter: route({
    method: 'post',
    path: vcenters,
    ...manager,
    summary: 'Add a vCenter. The server asks it for its version, and stores no login unless one is given',
    body: z.strictObject({
      host,
      name: name.optional().meta({ description: 'Left out: its host.' }),
      trust,
      login: login.optional(),
    }),
    answer: Vcenter,
    slow: true,
    status: 201,
  }),
  setVcenter: route({
    method: 'patch',
    path: `${vcenters}/{vcenter}`,
    ...manager,
    summary: 'Change the name of a vCenter, its address, or how it is recognized',
    body: z
      .strictObject({
        name,
        host,
        trust,
        login: login.nullable().meta({ description: 'null: the stored login is removed.' }),
      })
      .partial()
      .refine(namesChange, namesNoChange),
    answer: Vcenter,
    slow: true,
  }),
  removeVcenter: route({
    method: 'delete',
    path: `${vcenters}/{vcenter}`,
    role: 'manager',
    scope: 'instance',
    summary: 'Forget a vCenter. Its key provider, its trust and its keys stay',
    answer: Vcenter,
  }),
  connectVcenter: route({
    method: 'post',
    path: `${vcenters}/{vcenter}/connect`,
    ...manager,
    summary:
      'Make a key provider with this server in a vCenter, have both trust each other, and prove the way with a key. Run again, it changes only what is missing',
    body: z.strictObject({
      ...setupLogin,
      provider: name.optional().meta({
        description:
          'The name of the key provider, which machines remember for good. Left out: that of the last run, or `mortise-` and the name of the instance.',
      }),
      addresses: z.array(hostText).min(1).max(addressesMax).optional().meta({
        description:
          'The addresses at which vCenter reaches this server, HOST or HOST:PORT. Left out: those of its nodes.',
      }),
      client: z.enum(clientWays).default('certificate').meta({
        description:
          "How this server trusts vCenter. certificate: the provider's certificate in use. authority: certificates of the CA in `authority`. request: vCenter makes a signing request, and this server signs it. issued: this server makes certificate and private key, and uploads both.",
      }),
      authority: pem.optional().meta({ description: 'With `client: authority`: the CA, PEM.' }),
      default: z.boolean().default(false).meta({ description: "Make it vCenter's default provider." }),
      dryRun: z.boolean().default(false).meta({ description: 'Only say what would be done.' }),
    }),
    answer: Connect,
    status: 201,
    guarded: true,
  }),
  showConnect: route({
    method: 'get',
    path: `${vcenters}/{vcenter}/connect/{connect}`,
    ...manager,
    summary: 'How far a connect or a change-over is; the last one is remembered until a restart',
    answer: Connect,
  }),
  readVcenter: route({
    method: 'post',
    path: `${vcenters}/{vcenter}/inventory`,
    ...manager,
    summary:
      'Read from a vCenter which machine uses which key. It takes the place of the inventory with the name of that vCenter, once all is read',
    body: z.strictObject({
      login: login.optional().meta({ description: 'For this reading alone. Left out: the stored one.' }),
    }),
    answer: Read,
    status: 201,
  }),
  showVcenterRead: route({
    method: 'get',
    path: `${vcenters}/{vcenter}/inventory/{read}`,
    ...manager,
    summary: 'How far a reading is; the last one is remembered until a restart',
    answer: Read,
  }),
  tryVcenter: route({
    method: 'post',
    path: `${vcenters}/{vcenter}/trial-report`,
    ...manager,
    summary:
      'How a vCenter answers all that this server reads there: counts, times and faults, without names and identifiers. It changes nothing',
    body: z.strictObject({
      login: login.optional().meta({ description: 'For this report alone. Left out: the stored one.' }),
    }),
    answer: Trial,
    slow: true,
  }),
} as const
