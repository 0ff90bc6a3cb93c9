// `mortise token ...`: who may use the admin door. A token's text is shown once, when it is made.

import type { Command } from 'commander'
import type { AdminClient } from '../admin/client.ts'
import type { Output } from '../admin/api.ts'
import { noun, oneOf, verb, wholeNumber, type Outcome } from './command.ts'
import { mustBeNew, writeNew } from './files.ts'
import { facts, plain, shortTime, table, visible } from './output.ts'
import { CommandError, type World } from './world.ts'

export function tokenCommands(world: World, outcome: Outcome): Command {
  return noun('token', 'who may use the admin door', [
    createCommand(world, outcome),
    listCommand(world, outcome),
    revokeCommand(world, outcome),
  ])
}

interface CreateOptions {
  readonly role: string
  readonly instance?: string
  readonly name?: string
  readonly expires?: string
  readonly out?: string
}

function createCommand(world: World, outcome: Outcome): Command {
  return verb<CreateOptions>(world, outcome, {
    words: 'create',
    summary: 'a new token; its text is shown now and never again',
    required: [
      [
        '--role <role>',
        'viewer (reads), operator (also clients and key states), manager (also destroys, tokens)',
      ],
    ],
    flags: [
      ['--instance <name>', 'for this instance only (default: for all, and the server)'],
      ['--name <name>', 'whose it is, or what it is for; stands in the audit log'],
      ['--expires <days>', 'it ends after so many days (default: it does not)'],
      ['--out <file>', 'write it to a new file (0600) instead of showing it'],
    ],
    examples: [
      'token create --role viewer --name grafana --out grafana-token',
      'token create --role operator --instance production --name alice --expires 90',
    ],
    action: async (run, options) => {
      const { instance, name, expires, out } = options
      const role = oneOf('--role', options.role, ['viewer', 'operator', 'manager'])
      if (out !== undefined) await mustBeNew([out])
      const body = {
        role,
        ...(instance !== undefined && { instance }),
        ...(name !== undefined && { name }),
        ...(expires !== undefined && { expiresDays: wholeNumber('--expires', expires) }),
      }
      const { token, ...about } = await (await run.client()).call('createToken', { body })
      if (out === undefined) {
        run.show({ ...about, token }, () => `${tokenFacts(about)}\n${visible(token)}\n`)
        run.tell('\nKeep it now: it is not shown again. Use it with --token-file FILE.\n')
      } else {
        await writeNew(out, `${token}\n`, 0o600)
        run.show({ ...about, file: out }, () => `${tokenFacts(about)}${facts([['File', out]])}`)
      }
    },
  })
}

function listCommand(world: World, outcome: Outcome): Command {
  return verb(world, outcome, {
    words: 'list',
    summary: 'tokens, with their expiry and last use; not their text',
    examples: ['token list', 'token list --json'],
    action: async ({ client, show }) => {
      const tokens = await (await client()).call('listTokens')
      show(tokens, () =>
        table(
          ['ID', 'NAME', 'ROLE', 'INSTANCE', 'CREATED', 'EXPIRES', 'LAST USED', 'FROM'],
          tokens.map((token) => [
            token.id,
            token.name,
            token.role,
            token.instance?.name ?? '(all)',
            shortTime(token.created),
            token.expired ? `expired ${shortTime(token.expires)}` : shortTime(token.expires) || 'never',
            shortTime(token.lastUsed) || 'never',
            token.lastAddress ?? '',
          ]),
        ),
      )
    },
  })
}

function revokeCommand(world: World, outcome: Outcome): Command {
  return verb(world, outcome, {
    words: 'revoke <token>',
    summary: 'end a token, by its id, or by its name where only one has it',
    examples: ['token revoke bootstrap', 'token revoke 5b1f6d5a-6f0e-4b0e-9a53-0d8c3a1f9f0e'],
    action: async ({ client, show }, _options, named = '') => {
      const admin = await client()
      const revoked = await admin.call('revokeToken', { token: await idOf(admin, named) })
      show(revoked, () => plain`The token ${revoked.name} (${revoked.role}) does not count any more.\n`)
    },
  })
}

async function idOf(admin: AdminClient, named: string): Promise<string> {
  const tokens = await admin.call('listTokens')
  if (tokens.some(({ id }) => id === named)) return named
  const [found, ...others] = tokens.filter(({ name }) => name === named)
  if (others.length > 0)
    throw new CommandError(
      `${others.length + 1} tokens are named ${named}`,
      'Choose one by its id: token list',
    )
  // What is not in the list is the server's to refuse.
  return found?.id ?? named
}

function tokenFacts({ id, name, role, instance, expires }: Output<'revokeToken'>): string {
  return facts([
    ['Id', id],
    ['Name', name],
    ['Role', role],
    ['For', instance === null ? 'all instances and the server' : `the instance ${instance.name}`],
    ['Expires', shortTime(expires) || 'never'],
  ])
}
