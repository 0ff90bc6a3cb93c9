// `mortise serve`: runs the server. The work is serve.ts's; main.ts hands it in.

import type { Command } from 'commander'
import { verb, type Outcome } from './command.ts'
import type { Flags, World } from './world.ts'

export function serveCommand(world: World, outcome: Outcome): Command {
  return verb<Record<string, string | undefined> & { json?: boolean }>(world, outcome, {
    words: 'serve',
    summary: 'run the server; stops on SIGTERM or SIGINT',
    flags: [
      ['--config <file>', 'configuration file (default: mortise.toml in this folder, if there is one)'],
      ['--data <dir>', 'data folder (default: ./mortise-data)'],
      ['--kmip <host:port>', 'where KMIP clients connect (default: [::]:5696)'],
      ['--admin <host:port>', 'where administrators connect, HTTPS (default: 127.0.0.1:5697)'],
    ],
    examples: ['serve', 'serve --data /var/lib/mortise --admin 0.0.0.0:5697', 'serve --kmip [::]:0 --json'],
    offline: true,
    action: async ({ world, json }, { config, data, kmip, admin }) => {
      const flags: Flags = { config, data, kmip, admin }
      return world.serve(flags, json)
    },
  })
}
