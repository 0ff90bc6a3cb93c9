// The vCenter that a command names, and the login: flags, or questions on a terminal. It is sent to the server, which keeps it for one piece of work, or stores it where the command says so.

import { shellWord } from '../../base/text/shell-word.ts'
import type { Run } from '../../doors/cli/command.ts'
import { readInput } from '../../doors/cli/files.ts'
import { askHidden, askLine } from '../../doors/cli/text/ask.ts'
import { instanceOf, memberOf } from '../../doors/cli/text/names.ts'
import { plain } from '../../doors/cli/text/output.ts'
import { UsageError, type World } from '../../doors/cli/world.ts'
import { vcenterRoutes } from './routes.ts'

export interface LoginFlags {
  readonly instance?: string
  readonly user?: string
  readonly passwordFile?: string
}

/** `user`: the help of --user. */
export function loginFlags(user: string) {
  return [
    ['--user <user>', user],
    ['--password-file <file>', 'its password (default: asks for it); - is standard input'],
  ] as const
}

/** The words that name the vCenter in a next command. */
export function sameVcenter(name: string, { instance }: Pick<LoginFlags, 'instance'>): string {
  return (
    (name === '' ? '' : shellWord(name)) +
    (instance === undefined ? '' : ` --instance ${shellWord(instance)}`)
  )
}

/** The vCenter that `word` names, and its instance, by their ids. */
export async function vcenterOf(run: Run, { instance: named }: Pick<LoginFlags, 'instance'>, word: string) {
  const admin = await run.client()
  const instance = await instanceOf(admin, named)
  const vcenter = await memberOf(admin, vcenterRoutes.showVcenter.path, { instance }, word)
  return { admin, place: { instance, vcenter } }
}

/** The login, as the flags have it or a person types it. */
export async function loginOf(world: World, { user: named, passwordFile }: LoginFlags) {
  const user = named ?? (await askLine(world, 'User of vCenter: '))
  if (user === undefined || user === '')
    throw new UsageError(
      '--user is missing: name a user of vCenter; --help says what the user must be allowed there',
    )
  const password =
    passwordFile === undefined
      ? await askHidden(world, plain`Password of ${user}: `)
      : (await readInput(world, passwordFile)).toString('utf8').replace(/\r?\n$/, '')
  if (password === undefined || password === '')
    throw new UsageError(
      passwordFile === undefined
        ? 'without a terminal the password comes from a file: --password-file FILE'
        : `${passwordFile} is empty`,
    )
  return { user, password }
}
