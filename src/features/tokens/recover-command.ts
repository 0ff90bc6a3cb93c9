// `mortise token recover`: a manager's token for the owner of the data folder who has the root key, but no token. If no
// server runs it opens the store itself; otherwise it proves both to the server. docs/decisions/token-recover.md says why.

import { tokenRoutes } from './routes.ts'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { AdminClient } from '../../doors/http/client.ts'
import { counted } from '../../base/text/counted.ts'
import { shellWord } from '../../base/text/shell-word.ts'
import { orAdvice } from '../../doors/cli/advice.ts'
import { forceFlag, verb, type Run } from '../../doors/cli/command.ts'
import { localAddress } from '../../doors/cli/connect.ts'
import { mustBeFree, writeFile } from '../../doors/cli/files.ts'
import { facts, plain, table, visible } from '../../doors/cli/text/output.ts'
import { shortTime } from '../../doors/cli/text/time.ts'
import { CommandError, UsageError, type Flags, type World } from '../../doors/cli/world.ts'
import { openInstallation, openStopped } from '../../host/installation.ts'
import type { TokenRecovered } from './recover-offline.ts'

interface RecoverOptions {
  readonly config?: string
  readonly data?: string
  readonly out?: string
  readonly force?: boolean
  readonly signAnew?: readonly string[]
}

export const recoverCommand = verb<RecoverOptions>({
  words: 'recover',
  summary:
    "a manager's token for one hour, for the owner of the data folder with the root key; with or without a running server",
  flags: [
    ['--data <dir>', 'data folder, on this machine (default: as configured, else ./mortise-data)'],
    [
      '--config <file>',
      'configuration file (default: that of MORTISE_CONFIG, else mortise.toml in this folder)',
    ],
    ['--out <file>', 'write it to a new file (0600) instead of showing it'],
    forceFlag,
    [
      '--sign-anew <row...>',
      'if rows of trust were altered: those to trust again (KIND/ID), genuine (all that this server wrote), or none',
    ],
  ],
  examples: ['token recover --data /var/lib/mortise', 'token recover --out ./token'],
  offline: true,
  action: recover,
})

async function recover(run: Run, options: RecoverOptions): Promise<number> {
  const { config, data, out, force = false, signAnew } = options
  const { world, json } = run
  const flags: Flags = { config, data }
  if (out !== undefined) await mustBeFree([out], force)
  const stopped = await openStopped(world, flags, json)
  const { recoverToken } = await import('./recover-offline.ts')
  const offline = await orAdvice('no token was made', stopped.config, recoverToken(stopped, signAnew))
  const recovery = offline.state === 'running' ? await recoverOnline(world, flags, signAnew) : offline
  if (recovery.state === 'altered') {
    run.show({ altered: recovery.rows }, () => alteredText(recovery.rows))
    return 1
  }
  const { token, ...about } = recovery
  if (out !== undefined) await writeFile(out, `${token}\n`, { mode: 0o600, force }).catch(lost(run, about.id))
  const shown = { id: about.id, expires: about.expires, ...(out === undefined ? { token } : { file: out }) }
  run.show(shown, () => madeText(shown, token, run.next))
  return 0
}

/** Says that the token's text is lost. */
function lost({ next }: Run, id: string): (error: unknown) => never {
  return (error) => {
    if (!(error instanceof CommandError)) throw error
    const again = `A token was made, and its text is lost: give the command again. The lost one ends within the hour, or with: ${next(`token revoke ${id}`)}`
    throw new CommandError(error.message, again, { cause: error })
  }
}

type Made = Extract<TokenRecovered, { readonly state: 'made' }>

async function recoverOnline(
  world: World,
  flags: Flags,
  signAnew: readonly string[] | undefined,
): Promise<Made> {
  if (signAnew !== undefined)
    throw new UsageError('--sign-anew needs the server to be stopped: it decides about rows that it reads')
  const folder = world.dataFolder(flags)
  const admin = new AdminClient({ ...(await localAddress(folder)), token: '' })
  const { file } = await admin.call(tokenRoutes.beginTokenRecovery)
  const challenge = await readChallenge(path.join(folder, file))
  const installation = await openInstallation(world, flags)
  const { answerWithRootKey } = await import('../../host/root-keys/answer-challenge.ts')
  const answer = await orAdvice(
    'the root key does not answer',
    installation.config,
    answerWithRootKey(installation, null, challenge),
  )
  const { id, expires, token } = await admin.call(tokenRoutes.recoverToken, {
    body: { id: challenge.id, answer },
  })
  return { state: 'made', id, expires, token }
}

async function readChallenge(file: string): Promise<{ id: string; rootKey: string; wrapped: string }> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as { id: string; rootKey: string; wrapped: string }
  } catch (error) {
    throw new CommandError(
      `the challenge in ${file} cannot be read`,
      'Run the command as the user that owns the data folder, on the machine of the server.',
      { cause: error },
    )
  }
}

function madeText(
  { expires, file }: { readonly expires: string; readonly file?: string },
  token: string,
  next: Run['next'],
): string {
  const about = facts([
    ['Role', 'manager, for all instances'],
    ['Expires', shortTime(expires)],
    ...(file === undefined ? [] : [['File', file] as const]),
  ])
  const shown = file === undefined ? `\n${visible(token)}\n` : ''
  const named = shellWord(visible(file ?? 'FILE'))
  return `${about}${shown}
Use it with --token-file ${named}, and make a lasting one in time:

  ${next(`token create --role manager --token-file ${named} --out NEW-FILE`)}
`
}

function alteredText(rows: Extract<TokenRecovered, { readonly state: 'altered' }>['rows']): string {
  const listed = table(
    ['ROW', 'NAME', 'STATE'],
    rows.map(({ row, name, state }) => [row, name ?? '', state]),
  )
  return plain`${counted(rows.length, 'row of trust does not count, because it was altered', 'rows of trust do not count, because they were altered')} or the list of rows. No token was made.

${listed}
genuine: this server wrote the row, but the list does not name it (any more). altered: this server did not write it.
over: a session or a request for a second person, which is removed.

Sign again only what you recognize; every other row listed here is removed. Run the command again with, for example:

  --sign-anew client/ID certificate/ID    these rows
  --sign-anew genuine                     all that this server wrote
  --sign-anew none                        no row
`
}
