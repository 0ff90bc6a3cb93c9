// The identity of a server, by which its backups are told from those of another one. Part of the composition root.

import { randomBytes } from 'node:crypto'
import type { Secrets } from '../../sealing/secrets.ts'

const serverIdName = 'server-id'

/** Identifies this server's data; made when it is first asked for. Not secret, but nobody else may change it. */
export async function serverIdOf(secrets: Pick<Secrets, 'ensure'>): Promise<string> {
  const made = async () => ({ [serverIdName]: Buffer.from(randomBytes(16).toString('hex')) })
  return (await secrets.ensure([serverIdName], made))[serverIdName]?.toString() ?? ''
}
