// The identity of a server, which distinguishes its backups from those of another server, and that of a node among those that write
// backups. Part of the composition root.

import { createHash, randomBytes } from 'node:crypto'
import type { Secrets } from '../core/sealing/secrets.ts'

const serverIdName = 'server-id'

/** Identifies this server's data. The first call makes it. It is not secret, but only the server may change it. */
export async function serverIdOf(secrets: Pick<Secrets, 'ensure'>): Promise<string> {
  const made = async () => ({ [serverIdName]: Buffer.from(randomBytes(16).toString('hex')) })
  return (await secrets.ensure([serverIdName], made))[serverIdName]?.toString() ?? ''
}

/** The nodes of a server have one identity, and may have one folder. `node`: null where the server has none. */
export function writerOf(serverId: string, node: string | null): string {
  return node === null
    ? serverId
    : `${serverId}-${createHash('sha256').update(node).digest('hex').slice(0, 16)}`
}
