// The examples of inventories in the description of the admin API.

import type { inventoryRoutes } from './routes.ts'
import type { Output } from '../../doors/http/route.ts'
import type { Examples } from '../../doors/http/example.ts'
import { usedBySample } from '../../doors/http/samples.ts'

const taken = '2026-03-01T12:00:00.000Z'
const keyId = '5b1f6d5a-6f0e-4b0e-9a53-0d8c3a1f9f0e'

const inventory: Output<(typeof inventoryRoutes)['finishInventoryImport']> = {
  id: '1c7d5b0a-94e2-4f61-8b7d-3a2e5c90f18d',
  vcenter: 'vc-1',
  taken,
  imported: taken,
  rows: 240,
  old: false,
}

const summary: Output<(typeof inventoryRoutes)['showInventory']> = {
  inventories: [inventory],
  machines: 215,
  usedBy: { ...usedBySample, machines: 180 },
  missing: 1,
  destroyed: 0,
  elsewhere: 35,
  providers: [
    { vcenter: 'vc-1', provider: 'mortise', machines: 180, ours: true },
    { vcenter: 'vc-1', provider: 'ibm-kmip', machines: 35, ours: false },
  ],
}

const machine = {
  kind: 'vm',
  name: 'web-2',
  machineId: 'vm-1042',
  disk: '',
  provider: 'mortise',
  key: keyId,
} as const
const lines = [
  { type: 'summary', summary },
  { type: 'machine', finding: 'missing', vcenter: 'vc-1', ...machine },
  { type: 'end' },
]

export const examples: Examples<typeof inventoryRoutes> = {
  showInventory: { answer: summary },
  reportInventory: {
    body: { providers: ['mortise'] },
    answer: lines.map((line) => `${JSON.stringify(line)}\n`).join(''),
  },
  beginInventoryImport: { body: { vcenter: 'vc-1', taken }, answer: { id: inventory.id } },
  addInventoryRows: { body: { machines: [machine] }, answer: { rows: 1 } },
  finishInventoryImport: { answer: inventory },
  cancelInventoryImport: { answer: { id: inventory.id } },
  removeInventory: { answer: inventory },
}
