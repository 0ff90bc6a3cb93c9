// The session that `mortise login` keeps for each server: a file of mode 0600 in the user's own configuration. Commands find
// it by the address of the server.

import { readFile, rm } from 'node:fs/promises'
import path from 'node:path'
import { makeFolder, writeFile } from './files.ts'
import type { User } from './world.ts'

type Here = Pick<User, 'sessionFolder'>

/** Undefined: the user is not logged in to the server at `url`. */
export async function readSession(user: Here, url: string): Promise<string | undefined> {
  const text = await readFile(fileOf(user, url), 'utf8').catch(() => '')
  return /^mortise-session\.[\w.-]+$/.test(text.trim()) ? text.trim() : undefined
}

export async function storeSession(user: Here, url: string, session: string): Promise<void> {
  await makeFolder(user.sessionFolder)
  await writeFile(fileOf(user, url), `${session}\n`, { mode: 0o600, force: true })
}

export async function forgetSession(user: Here, url: string): Promise<void> {
  await rm(fileOf(user, url), { force: true })
}

function fileOf({ sessionFolder }: Here, url: string): string {
  return path.join(sessionFolder, new URL(url).host.replaceAll(/[^\w.-]/g, '_'))
}
