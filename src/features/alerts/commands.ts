// `mortise alert ...`: who is alerted about conditions, and a test.

import { counted } from '../../base/text/counted.ts'
import { noun } from '../../doors/cli/command.ts'
import { command } from '../../doors/cli/route-command.ts'
import { plain } from '../../doors/cli/text/output.ts'
import { shortTime } from '../../doors/cli/text/time.ts'
import { alertRoutes } from './routes.ts'

export const alertCommands = noun('alert', 'who is alerted when something needs attention', () => [
  listCommand,
  testCommand,
])

const listCommand = command(alertRoutes.listAlerts, {
  words: 'list',
  summary: 'who is alerted, and which alerts could not be delivered',
  examples: ['alert list', 'alert list --json'],
  view: ({ targets, waiting, undelivered }) => {
    if (targets.length === 0) return 'No alert is sent: name a file in alerts.targetsFile.\n'
    const lost = undelivered.map(
      ({ target, event, message, at, why }) =>
        plain`  ${shortTime(at)} ${target}: ${event}: ${message} (${why})\n`,
    )
    return [
      ...targets.map((target) => plain`${target}\n`),
      `${counted(waiting, 'alert waits', 'alerts wait')} to be delivered.\n`,
      lost.length === 0 ? '' : `Not delivered:\n${lost.join('')}`,
    ].join('')
  },
})

const testCommand = command(alertRoutes.testAlerts, {
  words: 'test',
  summary: 'send a test to every target of alerts; exit code 1 if one did not take it',
  examples: ['alert test'],
  view: ({ tried }) =>
    tried.map(({ target, problem }) => plain`${target}: ${problem ?? 'it took the test'}\n`).join(''),
  exitCode: ({ tried }) => (tried.every(({ problem }) => problem === null) ? 0 : 1),
})
