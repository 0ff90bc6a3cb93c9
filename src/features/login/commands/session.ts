// `mortise session ...`: who is logged in through the identity provider.

import { command } from '../../../doors/cli/route-command.ts'
import type { Output } from '../../../doors/http/route.ts'
import { noun } from '../../../doors/cli/command.ts'
import type { Columns } from '../../../doors/cli/text/list.ts'
import { plain } from '../../../doors/cli/text/output.ts'
import { shortTime } from '../../../doors/cli/text/time.ts'
import { sessionRoutes } from '../../sessions/routes.ts'

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
  empty: 'Nobody is logged in.\n',
}

/** Writes grants as `operator, manager of red`. */
export function grantsText(grants: Output<typeof sessionRoutes.listSessions>[number]['grants']): string {
  return grants
    .map(({ role, instance }) => (instance === null ? role : `${role} of ${instance.name}`))
    .join(', ')
}

const endCommand = command(sessionRoutes.endSessionOf, {
  words: 'end <session>',
  summary: 'end a session, by its id: its next request is refused, on every node',
  examples: ['session end 0c7e0f5e-1b6a-4f0f-9a51-1b6f0f4f7f10'],
  find: (_admin, id) => id,
  view: ({ name }) => plain`The session of ${name} is ended.\n`,
})
