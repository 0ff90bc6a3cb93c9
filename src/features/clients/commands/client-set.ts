// `mortise client show` and `set`: one client with its certificates and settings.

import type { Options } from '../../../doors/cli/fields.ts'
import { command } from '../../../doors/cli/route-command.ts'
import type { Output } from '../../../doors/http/route.ts'
import { oneOfWords, type Run, wholeNumber } from '../../../doors/cli/command.ts'
import { readInput } from '../../../doors/cli/files.ts'
import { graceText } from '../../../doors/cli/text/amounts.ts'
import { facts, plain, table } from '../../../doors/cli/text/output.ts'
import { shortTime } from '../../../doors/cli/text/time.ts'
import { CommandError, UsageError, type World } from '../../../doors/cli/world.ts'
import { clientRoutes } from '../routes.ts'

type Client = Output<typeof clientRoutes.showClient>

export const showCommand = command(clientRoutes.showClient, {
  words: 'show <client>',
  summary: 'one client, by name or id, with its certificates and when each was last seen',
  examples: ['client show vcenter-1', 'client show vcenter-1 --json'],
  view: clientText,
})

export const setCommand = command(clientRoutes.setClient, {
  words: 'set <client>',
  summary: 'rename a client, or change its settings; takes effect on its next message',
  fields: {
    name: ['--name <name>', 'its new name'],
    expiredGraceDays: [
      '--expired-grace-days <n>',
      'serve its pinned certificates for n days after they expired; default: as the instance says',
      (_run, text, flag) => (text === 'default' ? null : wholeNumber(flag, text)),
    ],
    credential: [
      '--credential <when-sent|required|none>',
      'user name and password in addition to the certificate; none: what is sent is ignored',
      credentialOf,
    ],
    userName: ['--user-name <name>', 'with --credential: the user name entered in vCenter'],
    passwordFile: [
      '--password-file <file>',
      'with --user-name: a file with the password; - is standard input',
    ],
    allow: [
      '--allow <what>',
      'allowed operations: vsphere (what vSphere sends; no Destroy), read, crypto (has the server use keys; no Get), all, or a list (get,locate,...)',
    ],
  },
  examples: [
    'client set vcenter-1 --name vcenter-berlin',
    'client set vcenter-1 --expired-grace-days 0',
    'client set vcenter-1 --credential required --user-name vcenter --password-file ./password',
    'client set vcenter-1 --credential none',
    'client set vcenter-1 --allow vsphere',
    'client set backup-1 --allow get,locate,get-attributes',
  ],
  also: (_run, { credential, userName, passwordFile }) => {
    if ((userName === undefined) !== (passwordFile === undefined))
      throw new UsageError('--user-name and --password-file belong together')
    if (credential === undefined && userName !== undefined)
      throw new UsageError('--user-name belongs to --credential when-sent|required')
    return {}
  },
  view: clientText,
})

async function credentialOf(run: Run, text: string, flag: string, { userName, passwordFile }: Options) {
  const mode = oneOfWords(flag, text, ['when-sent', 'required', 'none'])
  if (mode === 'none') {
    if (userName !== undefined) throw new UsageError('--credential none takes no user name')
    return null
  }
  if (userName === undefined || passwordFile === undefined) return { mode }
  return { mode, userName, password: await readPassword(run.world, String(passwordFile)) }
}

/** Reads a password, without the line end. */
async function readPassword(world: World, file: string): Promise<string> {
  const bytes = await readInput(world, file)
  const password = bytes.toString('utf8').replace(/\r?\n$/, '')
  bytes.fill(0)
  if (password === '') throw new CommandError(`${file} holds no password`)
  return password
}

/** Shown in place of the subject of a certificate that cannot be read. A real subject has an equals sign. */
export const unreadableText = 'unreadable'

export function clientText(client: Client): string {
  const { allow, credential, expiredGraceDays } = client
  const about = facts([
    ['Name', client.name],
    ['Id', client.id],
    ['Instance', client.instance.name],
    ['May ask for', allow.join(', ')],
    [
      'Expired certificates',
      expiredGraceDays === null ? 'as the instance says' : graceText(expiredGraceDays),
    ],
    [
      'Credential',
      credential === null
        ? 'none: what it sends is ignored'
        : `${credential.mode}, as ${credential.userName}`,
    ],
    ['Created', shortTime(client.created)],
    ['Last seen', lastSeenText(client)],
  ])
  const pins = client.certificates.map((one) => [
    one.sha256,
    one.subject ?? unreadableText,
    shortTime(one.notAfter),
    shortTime(one.lastSeen) || 'never',
    one.lastAddress ?? '',
  ])
  const cas = client.authorities.map((ca) => [
    `CA ${ca.id}`,
    `${ca.authority ?? unreadableText}, subjects that fit ${ca.subject}`,
    shortTime(ca.notAfter),
    '',
    '',
  ])
  if (pins.length + cas.length === 0) return `${about}\nIt is trusted by nothing at the moment.\n`
  const trust = table(['TRUSTED BY', 'SUBJECT', 'VALID UNTIL', 'LAST SEEN', 'FROM'], [...pins, ...cas])
  return `${about}\n${trust}${warningsText(client)}`
}

function lastSeenText({ lastSeen }: Client): string {
  if (lastSeen === null) return 'never'
  const { at, address, certificateSha256 } = lastSeen
  return `${shortTime(at)} from ${address}, with the certificate ${certificateSha256}`
}

/** One line for each reason to replace a certificate of the client, or the certificate `only`. */
export function warningsText({ certificates, authorities }: Client, only?: string): string {
  return [...certificates, ...authorities]
    .filter(({ sha256 }) => only === undefined || sha256 === only)
    .flatMap(({ sha256, warnings }) =>
      warnings.map((warning) => plain`Warning: ${sha256.slice(0, 16)}...: ${warning}\n`),
    )
    .join('')
}
