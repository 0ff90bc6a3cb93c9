// `mortise serve`: runs the server, and prints where it listens.

import path from 'node:path'
import type { Command } from 'commander'
import { counted } from '../base/text/counted.ts'
import { shellWord } from '../base/text/shell-word.ts'
import { verb, type CommandOutcome } from '../doors/cli/command.ts'
import { shownFingerprint, plain } from '../doors/cli/text/output.ts'
import type { Flags } from '../doors/cli/world.ts'
import { runServer, type Started } from './run-server.ts'
import type { ServingWorld } from './world.ts'

export function serveCommand(world: ServingWorld, outcome: CommandOutcome): Command {
  return verb<Record<string, string | undefined> & { json?: boolean }>({
    words: 'serve',
    summary: 'run the server; stops on SIGTERM or SIGINT',
    flags: [
      [
        '--config <file>',
        'configuration file (default: that of MORTISE_CONFIG, else mortise.toml in this folder)',
      ],
      ['--data <dir>', 'data folder (default: ./mortise-data)'],
      ['--kmip <host:port>', 'where KMIP clients connect (default: [::]:5696)'],
      ['--kmip-https <host:port>', 'where KMIP clients connect with HTTPS (default: nowhere)'],
      ['--admin <host:port>', 'where administrators connect, HTTPS (default: 127.0.0.1:5697)'],
    ],
    examples: ['serve', 'serve --data /var/lib/mortise --admin 0.0.0.0:5697', 'serve --kmip [::]:0 --json'],
    offline: true,
    action: async ({ json }, { config, data, kmip, kmipHttps, admin }) => {
      const flags: Flags = { config, data, kmip, 'kmip-https': kmipHttps, admin }
      const started = (about: Started) =>
        void world.stdout.write(json ? readyLine(about) : welcome(about, world.command))
      await runServer(world, { flags, json, started })
    },
  })(world, outcome)
}

/** `kmipHttps` is there only if the server takes HTTPS. */
function readyLine({ kmip, kmipHttps, admin, serverCertSha256 }: Started): string {
  const https = kmipHttps === null ? {} : { kmipHttps }
  return `${JSON.stringify({ ready: true, kmip, ...https, admin, serverCertSha256 })}\n`
}

/** The text that a person reads once the server serves. */
export function welcome(started: Started, command: string): string {
  const { kmip, kmipHttps, admin, serverCertSha256, isUnused, hasConsole, dataFolder, warnings } = started
  // Commands find the default folder without the flag.
  const where = dataFolder === path.resolve('mortise-data') ? '' : ` --data ${shellWord(dataFolder)}`
  const inBrowser = hasConsole
    ? `\nIn a browser: ${admin}/ shows how it is, and leads through vCenter's dialogs.
The browser warns of the certificate, which Mortise itself signed.\n`
    : ''
  const made = isUnused
    ? `\nNo client is trusted yet. An administrator's token is in ${path.join(dataFolder, 'admin-token')}
Before you use it, look at what it needs: ${command} status${where}\n`
    : ''
  return `
Mortise serves.
  KMIP    ${kmip}${kmipHttps === null ? '' : `\n  HTTPS   ${kmipHttps}/kmip`}
  Admin   ${admin}
  Server certificate, SHA-256:
    ${shownFingerprint(serverCertSha256)}
${made}${inBrowser}${warnings.map((warning) => plain`\nWarning: ${warning}\n`).join('')}
${nextSteps(started, command, where)}
`
}

/** How to add vCenter, at length as long as no client is trusted. */
function nextSteps({ kmip, clients }: Started, command: string, where: string): string {
  const port = kmip.slice(kmip.lastIndexOf(':') + 1)
  const add = 'Configure > Security > Key Providers > Add Standard Key Provider'
  if (clients > 0)
    return `${counted(clients, 'client is', 'clients are')} trusted. How the server is: ${command} status${where}
Another vCenter: ${add}, with the address of this machine and port ${port}, then ${command} client pending${where}
`
  return `Next, in vCenter: ${add}, with the address of this machine
and port ${port}; trust the certificate shown above. Then, in another terminal:

  ${command} client pending${where}
      shows vCenter's certificate, once vCenter has connected
  ${command} client trust --name vcenter-1 --pending SHA256${where}
      trusts it
`
}
