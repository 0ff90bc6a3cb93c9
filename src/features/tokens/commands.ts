// `mortise token ...`: who may use the admin API. A token's text is shown once, when it is created.

import { command } from '../../doors/cli/route-command.ts'
import type { Output } from '../../doors/http/route.ts'
import { WaitsForApproval } from '../../doors/http/client.ts'
import { forceFlag, noun, oneOfWords, verb, wholeNumber, type Run } from '../../doors/cli/command.ts'
import { mustBeFree, writeFile } from '../../doors/cli/files.ts'
import type { Columns } from '../../doors/cli/text/list.ts'
import { instanceOf } from '../../doors/cli/text/names.ts'
import { facts, plain, visible } from '../../doors/cli/text/output.ts'
import { shortTime } from '../../doors/cli/text/time.ts'
import { recoverCommand } from './recover-command.ts'
import { CommandError } from '../../doors/cli/world.ts'
import { tokenRoutes } from './routes.ts'

export const tokenCommands = noun('token', 'who may use the admin API', () => [
  createCommand,
  listCommand,
  revokeCommand,
  recoverCommand,
])

interface CreateOptions {
  readonly role: string
  readonly instance?: string
  readonly name?: string
  readonly owner?: string
  readonly expires?: string
  readonly out?: string
  readonly force?: boolean
}

const createCommand = verb<CreateOptions>({
  words: 'create',
  summary: 'create a token; its text is shown now and never again',
  required: [
    [
      '--role <viewer|operator|manager>',
      'a viewer reads, an operator also sets clients and key states, a manager also destroys and makes tokens',
    ],
  ],
  flags: [
    ['--instance <name>', 'for this instance only (default: for all instances and the server)'],
    [
      '--name <name>',
      'who or what uses it; appears in the audit log (default: the owner, otherwise the role)',
    ],
    ['--owner <person>', 'the person who uses it, if it is no program; cannot be changed later'],
    [
      '--expires <days>',
      'the token expires after this number of days (default: never, or with the token that asks, if that expires: none outlives it)',
    ],
    ['--out <file>', 'write it to a new file (0600) instead of showing it'],
    forceFlag,
  ],
  guarded: true,
  examples: [
    'token create --role viewer --name grafana --out grafana-token',
    'token create --role operator --instance production --name alice-laptop --owner alice --expires 90',
  ],
  action: async (run, options) => {
    const { instance, name, owner, expires, out, force = false } = options
    const role = oneOfWords('--role', options.role, ['viewer', 'operator', 'manager'])
    if (out !== undefined) await mustBeFree([out], force)
    const admin = await run.client()
    const body = {
      role,
      ...(instance !== undefined && { instance: await instanceOf(admin, instance) }),
      ...(name !== undefined && { name }),
      ...(owner !== undefined && { owner }),
      ...(expires !== undefined && { expiresDays: wholeNumber('--expires', expires) }),
    }
    const { token, ...about } = await created(run, admin.call(tokenRoutes.createToken, { body }), out, force)
    if (out === undefined) {
      run.show({ ...about, token }, () => `${tokenFacts(about)}\n${visible(token)}\n`)
      run.tell('\nKeep it now: it is not shown again. Use it with --token-file FILE.\n')
    } else {
      await keep(out, { token, force, undo: run.next(`token revoke ${about.id}`) })
      run.show({ ...about, file: out }, () => tokenFacts(about, [['File', out]]))
    }
  },
})

/** Writes the text of a token. If that fails, the text is lost: `undo` takes the token back. */
async function keep(
  file: string,
  { token, force, undo }: { readonly token: string; readonly force: boolean; readonly undo: string },
): Promise<void> {
  try {
    await writeFile(file, `${token}\n`, { mode: 0o600, force })
  } catch (error) {
    if (!(error instanceof CommandError)) throw error
    throw new CommandError(error.message, `The server made the token, and its text is lost: ${undo}`, {
      cause: error,
    })
  }
}

/** If the token waits for a second person, its text is in this answer and nowhere else: the file gets it now. */
async function created(
  { next }: Run,
  request: Promise<Output<typeof tokenRoutes.createToken>>,
  out: string | undefined,
  force: boolean,
): Promise<Output<typeof tokenRoutes.createToken>> {
  try {
    return await request
  } catch (error) {
    if (!(error instanceof WaitsForApproval) || error.token === null || out === undefined) throw error
    await keep(out, { token: error.token, force, undo: next(`approval cancel ${error.approval.id}`) })
    throw new WaitsForApproval({ approval: error.approval, token: null })
  }
}

const listCommand = command(tokenRoutes.listTokens, {
  words: 'list',
  summary: 'tokens, with their expiry and last use; not their text',
  examples: ['token list', 'token list --json'],
  columns: () => tokenColumns,
})

const tokenColumns: Columns<Output<typeof tokenRoutes.listTokens>[number]> = {
  headings: ['ID', 'NAME', 'ROLE', 'OWNER', 'INSTANCE', 'CREATED', 'EXPIRES', 'LAST USED', 'FROM'],
  rows: (token) => [
    [
      token.id,
      token.name,
      token.role,
      token.owner ?? '',
      token.instance?.name ?? '(all)',
      shortTime(token.created),
      token.expired ? `expired ${shortTime(token.expires)}` : shortTime(token.expires) || 'never',
      shortTime(token.lastUsed) || 'never',
      token.lastAddress ?? '',
    ],
  ],
  empty: 'No tokens.\n',
}

const revokeCommand = command(tokenRoutes.revokeToken, {
  words: 'revoke <token>',
  summary: 'revoke a token, by its id, or by its name if only one token has it',
  examples: ['token revoke bootstrap', 'token revoke 5b1f6d5a-6f0e-4b0e-9a53-0d8c3a1f9f0e'],
  view: ({ name, role }) => plain`The token ${name} (${role}) is revoked.\n`,
})

function tokenFacts(
  { id, name, role, owner, instance, expires }: Output<typeof tokenRoutes.revokeToken>,
  more: readonly (readonly [string, string])[] = [],
): string {
  return facts([
    ['Id', id],
    ['Name', name],
    ['Role', role],
    ...(owner === null ? [] : [['Owner', owner] as const]),
    ['For', instance === null ? 'all instances and the server' : `the instance ${instance.name}`],
    ['Expires', shortTime(expires) || 'never'],
    ...more,
  ])
}
