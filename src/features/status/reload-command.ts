// `mortise reload`: makes the running server read its configuration again.

import { verb } from '../../doors/cli/command.ts'
import { visible } from '../../doors/cli/text/output.ts'
import { serverRoutes } from './server-routes.ts'

export const reloadCommand = verb({
  words: 'reload',
  summary: 'make the running server read its configuration again',
  examples: ['reload', 'reload --json'],
  action: async ({ client, show }) => {
    const reloaded = await (await client()).call(serverRoutes.reloadConfiguration)
    const { applied, needRestart } = reloaded
    show(reloaded, () => {
      const lines = [
        applied.length > 0 ? `Applied: ${applied.join(', ')}` : '',
        needRestart.length > 0
          ? `Changed, and in effect after a restart only: ${needRestart.join(', ')}`
          : '',
      ].filter((line) => line !== '')
      return `${lines.length > 0 ? lines.map(visible).join('\n') : 'Nothing has changed.'}\n`
    })
  },
})
