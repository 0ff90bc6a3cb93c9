// `mortise instance close|open` and `mortise server close|open`.

import { noun } from '../../doors/cli/command.ts'
import { command } from '../../doors/cli/route-command.ts'
import { plain } from '../../doors/cli/text/output.ts'
import { closingRoutes } from './routes.ts'

const reason = ['--reason <text>', 'why, for the audit log and other administrators'] as const

export const closeInstanceCommand = command(closingRoutes.closeInstance, {
  words: 'close <name>',
  summary: 'stop every use of its keys with the next message, on all nodes; nothing is destroyed',
  fields: { reason },
  examples: ['instance close production --reason "a host was stolen"'],
  view: ({ name }) =>
    plain`The instance ${name} is closed: none of its keys is used from the next message on, on every node. Nothing was destroyed.\n`,
  tell: ({ name }, { run }) => plain`Open it again: ${run.next(`instance open ${name}`)}\n`,
})

export const openInstanceCommand = command(closingRoutes.openInstance, {
  words: 'open <name>',
  summary: 'have the keys of an instance that was closed be used again',
  examples: ['instance open production'],
  view: ({ name }) => plain`The instance ${name} is open: its keys are used from the next message on.\n`,
})

export const serverCommands = noun('server', 'the whole server: close it at once, and open it again', () => [
  command(closingRoutes.closeServer, {
    words: 'close',
    summary: 'close all instances, and those that are made meanwhile; nothing is destroyed',
    fields: { reason },
    examples: ['server close --reason "intrusion in the management network"'],
    view: () =>
      'The server is closed: no key is used from the next message on, on every node. /health/ready answers 503. Nothing was destroyed.\n',
    tell: (_closed, { run }) => plain`Open it again: ${run.next('server open')}\n`,
  }),
  command(closingRoutes.openServer, {
    words: 'open',
    summary: 'open the server again; instances that were closed by themselves stay closed',
    examples: ['server open'],
    view: ({ stillClosed }) => {
      const names = stillClosed.map(({ name }) => name).join(', ')
      const left = names === '' ? '' : plain`Closed by themselves, and still closed: ${names}\n`
      return `The server is open: keys are used from the next message on.\n${left}`
    },
  }),
])
