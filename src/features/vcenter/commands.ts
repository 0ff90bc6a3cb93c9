// `mortise vcenter ...`: the vCenters that the server works with by their own API. connect-command.ts has the work of connecting one.

import { noun, verb, instanceFlag, wholeSha256, type Run } from '../../doors/cli/command.ts'
import { readAuthority } from '../../doors/cli/client-pair.ts'
import type { Options } from '../../doors/cli/fields.ts'
import { command } from '../../doors/cli/route-command.ts'
import { confirmTyped } from '../../doors/cli/text/confirm.ts'
import type { Columns } from '../../doors/cli/text/list.ts'
import { instanceOf } from '../../doors/cli/text/names.ts'
import { facts, plain, shownFingerprint } from '../../doors/cli/text/output.ts'
import { shortTime } from '../../doors/cli/text/time.ts'
import { CommandError, UsageError } from '../../doors/cli/world.ts'
import type { AdminClient } from '../../doors/http/client.ts'
import type { Output } from '../../doors/http/route.ts'
import { connectCommand } from './connect-command.ts'
import { inventoryCommand, trialCommand } from './inventory-command.ts'
import { loginFlags, loginOf, sameVcenter, type LoginFlags } from './login.ts'
import { rekeyCommands } from './rekey/commands.ts'
import { vcenterRoutes } from './routes.ts'
import { switchCommands } from './switch/commands.ts'

export const vcenterCommands = noun('vcenter', 'vCenters that the server works with by their own API', () => [
  addCommand,
  connectCommand,
  inventoryCommand,
  listCommand,
  showCommand,
  setCommand,
  removeCommand,
  trialCommand,
  ...switchCommands,
  ...rekeyCommands,
])

interface AddOptions extends LoginFlags {
  readonly name?: string
  readonly fingerprint?: string
  readonly ca?: string
}

const fingerprintFlag = ['--fingerprint <sha256>', 'recognize it by its certificate, without asking'] as const
const caFlag = ['--ca <pem>', 'recognize it by the CA that signed its certificate, and by its name'] as const

const storedUser =
  'a user of vCenter with the role Read-only, whose login the server stores sealed, to read the inventory every four minutes (default: each reading asks)'

const [userFlag, passwordFlag] = loginFlags(storedUser)

const addCommand = verb<AddOptions>({
  words: 'add <host>',
  summary:
    'add a vCenter; shows its certificate, which you compare; asks for no password, but for that of --user',
  flags: [
    instanceFlag,
    ['--name <name>', 'a name for it here (default: its host)'],
    fingerprintFlag,
    caFlag,
    userFlag,
    passwordFlag,
  ],
  examples: [
    'vcenter add vc.example.com --instance production',
    'vcenter add vc.example.com --user inventory@vsphere.local',
    'vcenter add vc.example.com --fingerprint 3f0a...64 digits...',
    'vcenter add vc.example.com:8443 --ca vmca.pem --name berlin',
  ],
  action: async (run, options, host = '') => {
    const { name } = options
    const named = await namedTrust(run, options)
    const admin = await run.client()
    const instance = await instanceOf(admin, options.instance)
    const trust = named ?? { fingerprint: await compared(run, admin, instance, host) }
    const body = { host, trust, ...(name !== undefined && { name }), ...(await storedLogin(run, options)) }
    const added = await admin.call(vcenterRoutes.addVcenter, { instance, body })
    run.show(added, () => vcenterText(added))
    run.tell(plain`\nNext: ${run.next(`vcenter connect ${sameVcenter(added.name, options)} --dry-run`)}\n`)
  },
})

/** The way to recognize vCenter that the flags name, if they name one. */
async function namedTrust({ world }: Run, { fingerprint, ca }: Pick<AddOptions, 'fingerprint' | 'ca'>) {
  if (fingerprint !== undefined && ca !== undefined)
    throw new UsageError('say one way to recognize vCenter: --fingerprint SHA256 or --ca PEM')
  if (fingerprint !== undefined) return { fingerprint: wholeSha256(fingerprint) }
  return ca === undefined ? undefined : { authority: await readAuthority(world, ca) }
}

/** The fingerprint of the certificate that vCenter shows, once a person says that it is the right one. */
async function compared(run: Run, admin: AdminClient, instance: string, host: string): Promise<string> {
  const look = await admin.call(vcenterRoutes.lookAtVcenter, { instance, body: { host } })
  const { sha256, sha1, subject, issuer, notBefore, notAfter } = look.certificate
  if (run.world.stdin.isTTY !== true)
    throw new UsageError(
      `without a terminal you cannot compare the certificate of ${look.host}: give --fingerprint SHA256 or --ca PEM. It shows ${sha256}`,
    )
  const shown = facts([
    ['Subject', subject],
    ['Signed by', issuer],
    ['Valid', `${shortTime(notBefore)} to ${shortTime(notAfter)}`],
    ['SHA-256', shownFingerprint(sha256)],
    ['SHA-1', shownFingerprint(sha1)],
  ])
  const question = plain`${look.host}:${look.port} shows this certificate. Nothing was sent to it yet.\n`
  const advice =
    'Compare it with what vCenter itself says (in its shell: openssl x509 -noout -fingerprint -sha256 -in /etc/vmware-vpx/ssl/rui.crt),\nor with what your browser shows there. Is it the same? Type yes to trust it: '
  if (!(await confirmTyped(run.world, `${question}\n${shown}\n${advice}`, ['yes'])))
    throw new CommandError('nothing was added')
  return sha256
}

type Vcenter = Output<typeof vcenterRoutes.showVcenter>

const listCommand = command(vcenterRoutes.listVcenters, {
  words: 'list',
  summary: 'the vCenters of an instance, and the key provider of each',
  examples: ['vcenter list', 'vcenter list --instance production --json'],
  columns: () => vcenterColumns,
})

const vcenterColumns: Columns<Vcenter> = {
  headings: ['NAME', 'ADDRESS', 'VERSION', 'KEY PROVIDER', 'CONNECTED', 'INVENTORY'],
  rows: ({ name, host, port, version, provider, inventory: { whole } }) => [
    [
      name,
      `${host}:${port}`,
      version,
      provider?.name ?? '',
      shortTime(provider?.connected ?? null),
      whole ? 'whole' : 'partial',
    ],
  ],
  empty: 'No vCenter was added to this instance. Add one: mortise vcenter add HOST\n',
}

const showCommand = command(vcenterRoutes.showVcenter, {
  words: 'show <vcenter>',
  summary: 'one vCenter, by name or id: how it is recognized, and what connect did',
  examples: ['vcenter show vc.example.com', 'vcenter show berlin --json'],
  view: vcenterText,
})

const setCommand = command(vcenterRoutes.setVcenter, {
  words: 'set <vcenter>',
  summary: 'change its name, its address, or how it is recognized, after its certificate was renewed',
  fields: {
    name: ['--name <name>', 'its new name here'],
    host: ['--host <host>', 'its new address: HOST or HOST:PORT'],
    trust: false,
    fingerprint: ['--fingerprint <sha256>', 'recognize it by its new certificate'],
    ca: caFlag,
    login: false,
    user: userFlag,
    passwordFile: passwordFlag,
    forgetLogin: ['--forget-login', 'the stored login is removed'],
  },
  examples: [
    'vcenter set vc.example.com --fingerprint 3f0a...64 digits...',
    'vcenter set vc.example.com --name berlin',
    'vcenter set vc.example.com --user inventory@vsphere.local',
    'vcenter set vc.example.com --forget-login',
  ],
  also: async (run, options: Options) => ({
    ...(await changedTrust(run, options)),
    ...(await changedLogin(run, options)),
  }),
  view: vcenterText,
})

async function changedTrust(run: Run, options: Options) {
  const trust = await namedTrust(run, options)
  return trust ? { trust } : {}
}

async function changedLogin(run: Run, { forgetLogin, ...options }: Options) {
  if (forgetLogin !== true) return storedLogin(run, options)
  if (options['user'] !== undefined) throw new UsageError('give --user or --forget-login, not both')
  return { login: null }
}

/** The login to store, where one is named. */
async function storedLogin({ world }: Run, flags: LoginFlags) {
  if (flags.user !== undefined) return { login: await loginOf(world, flags) }
  if (flags.passwordFile !== undefined)
    throw new UsageError('--password-file belongs to --user, which is missing')
  return {}
}

const removeCommand = command(vcenterRoutes.removeVcenter, {
  words: 'remove <vcenter>',
  summary: 'forget a vCenter; its key provider, its trust and its keys stay as they are',
  examples: ['vcenter remove vc.example.com'],
  view: ({ name }) =>
    plain`${name} is forgotten here. In vCenter nothing changed, and its client is still trusted: mortise client list\n`,
})

function loginText(login: Vcenter['login']): string {
  if (login === null) return 'none is stored: each reading of the inventory asks for one'
  return login.state === 'off'
    ? `${login.user}, OFF since a restore, a change of its address or certificate, or a refusal by vCenter: give it again with vcenter set --user`
    : `${login.user}, to read the inventory`
}

function vcenterText(vcenter: Vcenter) {
  const { name, host, port, trust, product, version, instanceUuid, added, login, provider } = vcenter
  const { inventory, switch: open } = vcenter
  const recognized =
    'fingerprint' in trust
      ? [['Recognized by', `its certificate, SHA-256 ${shownFingerprint(trust.fingerprint)}`] as const]
      : trust.authorities.map(({ subject }) => ['Recognized by', `its CA ${subject}`] as const)
  return facts([
    ['Name', name],
    ['Address', `${host}:${port}`],
    ['Product', `${product} ${version}`],
    ['Identifier', instanceUuid],
    ...recognized,
    ['Added', shortTime(added)],
    ['Login', loginText(login)],
    ['Inventory', inventory.whole ? 'whole' : 'PARTIAL: what relies on it refuses'],
    ...inventory.reasons.map((reason) => ['', reason] as const),
    ...(inventory.read === null ? [] : [['Last read', shortTime(inventory.read)] as const]),
    ['Key provider', provider?.name ?? 'none yet: mortise vcenter connect'],
    ...(provider
      ? ([
          ['Connected', provider.connected === null ? 'not to the end' : shortTime(provider.connected)],
          ['Proved with', `the key ${provider.proof}`],
        ] as const)
      : []),
    ...(open
      ? ([
          [
            'Change-over',
            `of ${open.provider}, ${open.done === null ? 'broken off: run it again' : 'not finished: mortise vcenter switch-finish'}`,
          ],
          ['Old servers', open.servers.join(', ')],
        ] as const)
      : []),
  ])
}
