// Inventories for servers under test, as the files that people import.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { EmbeddedServer } from '../../support/server/server.ts'

/** Each a machine that uses the key. */
export async function importInventory(
  server: Pick<EmbeddedServer, 'json'>,
  machines: readonly { readonly name: string; readonly keyId: string }[],
): Promise<void> {
  const taken = new Date().toISOString()
  const rows = machines.map((machine) => ({ kind: 'vm', provider: 'mortise', taken, ...machine }))
  const folder = mkdtempSync(path.join(tmpdir(), 'mortise-inventory-'))
  try {
    const file = path.join(folder, 'inventory.json')
    writeFileSync(file, JSON.stringify(rows))
    await server.json('inventory', 'import', file)
  } finally {
    rmSync(folder, { recursive: true })
  }
}
