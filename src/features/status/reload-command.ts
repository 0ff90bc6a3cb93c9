// `mortise reload`: makes the running server read its configuration again.

import { statusRoutes } from './routes.ts'
import { command } from '../../doors/cli/route-command.ts'
import { visible } from '../../doors/cli/text/output.ts'

export const reloadCommand = command(statusRoutes.reloadConfiguration, {
  words: 'reload',
  summary: 'make the running server read its configuration again',
  examples: ['reload', 'reload --json'],
  view: ({ applied, needRestart }) => {
    const lines = [
      applied.length > 0 ? `Applied: ${applied.join(', ')}` : '',
      needRestart.length > 0 ? `Changed, and in effect after a restart only: ${needRestart.join(', ')}` : '',
    ].filter((line) => line !== '')
    return `${lines.length > 0 ? lines.map(visible).join('\n') : 'Nothing has changed.'}\n`
  },
})
