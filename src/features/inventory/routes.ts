// The part of the route table that is about inventories: which machine uses which key, as a vCenter says. An import comes in
// parts, since a body has an end, and takes the place of the former inventory with its last request.

import { z } from 'zod'
import { UsedBy } from '../../doors/http/plug-schemas.ts'
import { machineKinds } from './rows.ts'
import { inventoryOldDays, uniqueIdentifierBytesMax } from '../../base/bounds.ts'
import { inventoryBatchRowsMax, inventoryTextCharactersMax } from './bounds.ts'
import { instancePath, route } from '../../doors/http/route.ts'
import { time } from '../../doors/http/schemas.ts'

/** Providers that one report may name. */
const inventoryProvidersMax = 32

/** Without NUL, which no name has. */
const text = z
  .string()
  .max(inventoryTextCharactersMax)
  .regex(/^[^\0]*$/)
const vcenter = text.meta({ description: 'Labels the vCenter; empty: the only one.', example: 'vc-1' })
const kind = z.enum(machineKinds)
const provider = text.meta({ description: "The key provider's name in vCenter; empty: not known." })
const keyBytesMax = uniqueIdentifierBytesMax
const key = z
  .string()
  .min(1)
  .max(keyBytesMax)
  .regex(/^[^\0]*$/)
  .refine((text) => Buffer.byteLength(text) <= keyBytesMax, `it has at most ${keyBytesMax} bytes`)

const Machine = z.strictObject({
  kind,
  name: text.min(1),
  key: key.meta({ description: 'The identifier of its key, as vCenter knows it.' }),
  provider: provider.default(''),
  machineId: text.default('').meta({ description: "vCenter's id of the machine, such as vm-1042." }),
  disk: text.default('').meta({ description: 'The disk that has this key of its own; empty: none.' }),
})

const Inventory = z
  .object({
    id: z.string(),
    vcenter: z.string(),
    taken: time.meta({ description: 'When vCenter said it.' }),
    imported: time,
    rows: z.int(),
    old: z.boolean().meta({ description: `Taken more than ${inventoryOldDays} days ago.` }),
  })
  .meta({ id: 'Inventory' })

const counted = z.int().meta({ description: 'Machines.' })

const Summary = z
  .object({
    inventories: z.array(Inventory),
    machines: counted,
    usedBy: UsedBy.nullable().meta({
      description: 'The machines whose keys are here: deleting the instance closes them. null: no inventory.',
    }),
    missing: z.int().meta({ description: 'Machines with a key that was never here.' }),
    destroyed: z.int().meta({ description: 'Machines with a key that was destroyed here.' }),
    elsewhere: z.int().meta({ description: 'Machines at another key provider.' }),
    providers: z
      .array(
        z.object({
          vcenter: z.string(),
          provider: z.string(),
          machines: counted,
          ours: z.boolean().meta({
            description:
              'Whether it is this instance: at least one of its keys is here, or the request says so.',
          }),
        }),
      )
      .meta({ description: 'The key providers of these machines in vCenter.' }),
  })
  .meta({ id: 'InventorySummary' })

/** One line of a report. */
export const reportLine = z.discriminatedUnion('type', [
  z.object({ type: z.literal('summary'), summary: Summary }),
  z.object({
    type: z.literal('machine'),
    finding: z.enum(['missing', 'destroyed', 'elsewhere']),
    vcenter: z.string(),
    kind: z.string(),
    name: z.string(),
    machineId: z.string(),
    disk: z.string(),
    provider: z.string(),
    key: z.string(),
  }),
  z.object({
    type: z.literal('key'),
    finding: z.literal('unused'),
    key: z.string(),
    name: z.string().nullable(),
    state: z.string(),
    created: time,
    lastFetched: time.nullable(),
  }),
  z.object({ type: z.literal('end') }),
])
export type ReportLine = z.output<typeof reportLine>

const inventory = `${instancePath}/inventory`
const operator = { role: 'operator', scope: 'instance' } as const
const viewer = { role: 'viewer', scope: 'instance' } as const

export const inventoryRoutes = {
  showInventory: route({
    method: 'get',
    path: inventory,
    ...viewer,
    summary: 'Which inventories an instance has, and what they say in sum',
    answer: Summary,
    slow: true,
  }),
  reportInventory: route({
    method: 'post',
    path: `${inventory}/report`,
    ...viewer,
    summary:
      'Machines whose key is missing or destroyed here, machines at another provider, and keys that no machine uses, as lines of JSON; the last one has the type end',
    body: z.strictObject({
      providers: z.array(text).min(1).max(inventoryProvidersMax).optional().meta({
        description:
          'The key providers of vCenter that are this instance. Left out: those of which at least one key is here.',
      }),
    }),
    answer: z.string(),
    media: 'application/x-ndjson',
    slow: true,
  }),
  beginInventoryImport: route({
    method: 'post',
    path: `${inventory}/imports`,
    ...operator,
    summary: 'Begin to import which machine uses which key; nothing changes before the import is finished',
    body: z.strictObject({
      vcenter: vcenter.default(''),
      taken: time.meta({ description: 'When vCenter said it.' }),
    }),
    answer: z.object({ id: z.string() }),
    status: 201,
  }),
  addInventoryRows: route({
    method: 'post',
    path: `${inventory}/imports/{import}/rows`,
    ...operator,
    summary: 'Add machines to an import; a row that it has already is not added again',
    body: z.strictObject({ machines: z.array(Machine).min(1).max(inventoryBatchRowsMax) }),
    answer: z.object({ rows: z.int().meta({ description: 'How many it has now.' }) }),
  }),
  finishInventoryImport: route({
    method: 'post',
    path: `${inventory}/imports/{import}/finish`,
    ...operator,
    summary: 'Let an import take the place of the former inventory of the same instance and vCenter',
    answer: Inventory,
  }),
  cancelInventoryImport: route({
    method: 'delete',
    path: `${inventory}/imports/{import}`,
    ...operator,
    summary: 'Forget an import that was begun',
    answer: z.object({ id: z.string() }),
  }),
  removeInventory: route({
    method: 'delete',
    path: inventory,
    ...operator,
    summary: 'Remove the inventory of a vCenter',
    query: z.strictObject({ vcenter: vcenter.default('') }),
    answer: Inventory,
  }),
} as const
