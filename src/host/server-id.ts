// The identity of a server, by which its backups are told from those of another one, and that of a node among those who write
// backups. Part of the composition root.

import { createHash, randomBytes } from 'node:crypto'
import type { Secrets } from '../core/sealing/secrets.ts'

const serverIdName = 'server-id'

/** Identifies this server's data; made when it is first asked for. Not secret, but nobody else may change it. */
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
