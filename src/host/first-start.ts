// Makes what people and the command line need: in an empty store the instance `default` and an administrator's token,
// and at each start the address and the CA's certificate in the data folder. Part of the composition root.

import { randomBytes } from 'node:crypto'
import { existsSync, type Stats } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import type { Access } from '../core/trust/access.ts'
import { serverActor } from '../core/audit/actor.ts'
import { bootstrapName } from '../core/trust/identity.ts'
import type { TrustTables } from '../core/trust/rows.ts'
import { newBearer } from '../core/trust/token-changes.ts'
import { TrustRefused } from '../core/trust/writer.ts'
import type { TrustChanges } from '../core/instances/trust-changes.ts'
import { shellWord } from '../base/text/shell-word.ts'

const firstTokenFile = 'admin-token'

/** The reason why the server cannot start, and what to do about it. */
export class StartError extends Error {
  override readonly name = 'StartError'
}

/** Another node has made the first token meanwhile. */
class NotFirst extends Error {}

/**
 * Makes what a new store lacks. If the server dies half way, the next start continues: the token's file is written
 * before its row, and rows are made only while there are none. Of nodes that start at once each row is made by one.
 */
export async function bootstrap(options: {
  readonly access: Access
  readonly trust: TrustChanges
  readonly dataFolder: string
  readonly rootKeyUri: string
}): Promise<void> {
  const { access, trust, dataFolder, rootKeyUri } = options
  const { intact, alarms, tables, version } = await access.snapshot()
  if (!intact)
    throw new StartError(
      `${alarms[0] ?? 'the trusted rows were altered'}. Restore the database from a backup: ` +
        'the server cannot tell what was trusted from what was written without it.',
    )
  if (tables.instance.size === 0)
    await trust.instances
      .create(serverActor, { name: 'default', custody: 'database', rootKeyUri })
      .catch((error: unknown) => {
        if (!(error instanceof TrustRefused && error.why === 'exists')) throw error
      })
  if (tables.token.size > 0 || alarms.length > 0 || version > firstInstanceVersion) return
  const bearer = newBearer()
  const file = path.join(dataFolder, firstTokenFile)
  await writeWhole(file, `${bearer}\n`, 0o600)
  const first = { name: bootstrapName, role: 'manager', instanceId: null, expiresMs: null } as const
  try {
    await trust.tokens.create(serverActor, first, { bearer, present: requireFirst })
  } catch (error) {
    if (!(error instanceof NotFirst)) throw error
    await rm(file)
  }
}

/**
 * The version of trust with the first instance alone. At a later one without any token a manager who logs in has revoked the
 * last one, and a new first token would undo that.
 */
const firstInstanceVersion = 1

/** The rows as they would be with the token. */
function requireFirst(_: unknown, { token }: TrustTables): void {
  if (token.size > 1) throw new NotFirst()
}

/** Whether this server is unused. A first start that failed late, at a taken port for example, did not show its token to the administrator. */
export async function isUnused(access: Access, dataFolder: string): Promise<boolean> {
  const { client } = (await access.snapshot()).tables
  return client.size === 0 && existsSync(path.join(dataFolder, firstTokenFile))
}

/** Writes the files with which the command line finds this server. */
export async function leaveAddress(options: {
  readonly dataFolder: string
  readonly adminUrl: string
  readonly authorityPem: string
}): Promise<void> {
  await writeWhole(path.join(options.dataFolder, 'admin-ca.pem'), options.authorityPem, 0o644)
  await writeWhole(path.join(options.dataFolder, 'admin-address'), `${options.adminUrl}\n`, 0o644)
}

/**
 * Reads the passphrase, without the end of its line, and warns about the file's mode. Returns no passphrase if no
 * file is named.
 */
export async function readPassphrase(
  file: string | null,
): Promise<{ readonly passphrase?: Buffer; readonly warnings: readonly string[] }> {
  if (file === null) return { warnings: [] }
  let bytes: Buffer
  let warnings: readonly string[]
  try {
    await using handle = await open(file)
    warnings = passphraseWarnings(file, await handle.stat())
    bytes = await handle.readFile()
  } catch (cause) {
    throw new StartError(
      `cannot read the passphrase file ${file} (MORTISE_ROOT_PASSPHRASE_FILE): ${(cause as Error).message}`,
      { cause },
    )
  }
  let end = bytes.length
  while (end > 0 && (bytes[end - 1] === 0x0a || bytes[end - 1] === 0x0d)) end--
  if (end === 0) throw new StartError(`the passphrase file ${file} is empty`)
  return { passphrase: bytes.subarray(0, end), warnings }
}

/** systemd shows the mask of an access list as the group mode of a credential; no other user can read it. */
const systemdCredentials = '/run/credentials/'

function passphraseWarnings(file: string, stats: Stats): readonly string[] {
  if (!stats.isFile() || (stats.mode & 0o077) === 0 || path.resolve(file).startsWith(systemdCredentials))
    return []
  const octal = (stats.mode & 0o777).toString(8).padStart(4, '0')
  return [
    `Other users of this machine may read or change the passphrase in ${file} (mode ${octal}). Run: chmod 600 ${shellWord(file)}`,
  ]
}

/** A reader sees the old file or the new one, never half of one. Durable on return; where it rejects, nothing is left. */
export async function writeWhole(file: string, text: string, mode: number): Promise<void> {
  const unfinished = `${file}.${randomBytes(6).toString('hex')}`
  try {
    await writeDurably(unfinished, text, mode)
    await rename(unfinished, file)
  } catch (error) {
    await rm(unfinished, { force: true })
    throw error
  }
  await using folder = await open(path.dirname(file))
  await folder.sync()
}

async function writeDurably(file: string, text: string, mode: number): Promise<void> {
  await using handle = await open(file, 'wx', mode)
  await handle.writeFile(text)
  await handle.sync()
}
