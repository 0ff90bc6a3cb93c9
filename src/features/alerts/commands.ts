// `mortise alert ...`: who is alerted about conditions, and a test.

import { counted } from '../../base/text/counted.ts'
import type { Command } from 'commander'
import { noun, verb, type Outcome } from '../../doors/cli/command.ts'
import { plain } from '../../doors/cli/text/output.ts'
import { shortTime } from '../../doors/cli/text/time.ts'
import type { World } from '../../doors/cli/world.ts'
import { alertRoutes } from './routes.ts'

export function alertCommands(world: World, outcome: Outcome): Command {
  return noun('alert', 'who is alerted when something needs somebody', [
    listCommand(world, outcome),
    testCommand(world, outcome),
  ])
}

function listCommand(world: World, outcome: Outcome): Command {
  return verb(world, outcome, {
    words: 'list',
    summary: 'who is alerted, and which alerts could not be delivered',
    examples: ['alert list', 'alert list --json'],
    action: async ({ client, show }) => {
      const shown = await (await client()).call(alertRoutes.listAlerts)
      show(shown, () => {
        const { targets, waiting, undelivered } = shown
        if (targets.length === 0) return 'Nobody is alerted: name a file in alerts.targetsFile.\n'
        const lost = undelivered.map(
          ({ target, event, message, at, why }) =>
            plain`  ${shortTime(at)} ${target}: ${event}: ${message} (${why})\n`,
        )
        return [
          ...targets.map((target) => plain`${target}\n`),
          `${counted(waiting, 'alert waits', 'alerts wait')} to be delivered.\n`,
          lost.length === 0 ? '' : `Not delivered:\n${lost.join('')}`,
        ].join('')
      })
    },
  })
}

function testCommand(world: World, outcome: Outcome): Command {
  return verb(world, outcome, {
    words: 'test',
    summary: 'send a test to everybody who is alerted; exit code 1 if one did not take it',
    examples: ['alert test'],
    action: async ({ client, show }) => {
      const shown = await (await client()).call(alertRoutes.testAlerts)
      show(shown, () =>
        shown.tried
          .map(({ target, problem }) => plain`${target}: ${problem ?? 'it took the test'}\n`)
          .join(''),
      )
      return shown.tried.every(({ problem }) => problem === null) ? 0 : 1
    },
  })
}
