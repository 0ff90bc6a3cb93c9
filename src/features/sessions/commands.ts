// `mortise whoami` and `mortise session ...`: who the caller is, and which people are logged in.

import { command } from '../../doors/cli/route-command.ts'
import type { Output } from '../../doors/http/route.ts'
import { noun } from '../../doors/cli/command.ts'
import { grantsText } from '../../doors/cli/text/grants.ts'
import type { Columns } from '../../doors/cli/text/list.ts'
import { facts, plain } from '../../doors/cli/text/output.ts'
import { shortTime } from '../../doors/cli/text/time.ts'
import { sessionRoutes } from './routes.ts'

export const whoamiCommand = command(sessionRoutes.whoAmI, {
  words: 'whoami',
  summary: 'who the server takes you for, and what you may do there',
  examples: ['whoami', 'whoami --json'],
  view: whoText,
})

function whoText({ kind, name, issuer, subject, grants, ends }: Output<typeof sessionRoutes.whoAmI>): string {
  return facts([
    [kind === 'token' ? 'Token' : 'Person', name],
    ...(subject === null ? [] : [['Subject', subject] as const]),
    ...(issuer === null ? [] : [['Provider', issuer] as const]),
    ['Roles', grantsText(grants)],
    ['Ends', shortTime(ends) || 'never'],
  ])
}

export const sessionCommands = noun(
  'session',
  'people who are logged in through the identity provider',
  () => [listCommand, endCommand],
)

const listCommand = command(sessionRoutes.listSessions, {
  words: 'list',
  summary: 'who is logged in, with which roles, and until when',
  examples: ['session list', 'session list --json'],
  columns: () => columns,
})

const columns: Columns<Output<typeof sessionRoutes.listSessions>[number]> = {
  headings: ['ID', 'NAME', 'SUBJECT', 'ROLES', 'STARTED', 'ENDS', 'LAST USED', 'FROM'],
  rows: (session) => [
    [
      session.id,
      session.name,
      session.subject,
      grantsText(session.grants),
      shortTime(session.started),
      shortTime(session.ends),
      shortTime(session.lastUsed) || 'never',
      session.address ?? '',
    ],
  ],
  empty: 'No person is logged in.\n',
}

const endCommand = command(sessionRoutes.endSessionOf, {
  words: 'end <session>',
  summary: 'end a session, by its id: its next request is refused, on every node',
  examples: ['session end 0c7e0f5e-1b6a-4f0f-9a51-1b6f0f4f7f10'],
  find: (_admin, id) => id,
  view: ({ name }) => plain`The session of ${name} is ended.\n`,
})
