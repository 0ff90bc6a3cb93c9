// `mortise vcenter rekey` and the commands about a campaign: plans it, shows the plan, begins it, and shows how far it is.

import { instanceFlag, verb, type Run } from '../../../doors/cli/command.ts'
import { command } from '../../../doors/cli/route-command.ts'
import { confirmTyped } from '../../../doors/cli/text/confirm.ts'
import type { Columns } from '../../../doors/cli/text/list.ts'
import { counted } from '../../../base/text/counted.ts'
import { facts, plain } from '../../../doors/cli/text/output.ts'
import { shortTime } from '../../../doors/cli/text/time.ts'
import { untilEnded } from '../../../doors/cli/watch-work.ts'
import { CommandError, UsageError } from '../../../doors/cli/world.ts'
import type { AdminClient } from '../../../doors/http/client.ts'
import type { Input, Output } from '../../../doors/http/route.ts'
import { loginFlags, loginOf, sameVcenter, vcenterOf, type LoginFlags } from '../login.ts'
import { rekeyRoutes } from '../rekey-routes.ts'

const lookEveryMs = 500
/** Machines that a plan names on the terminal for each reason. */
const machinesToldMax = 10

interface RekeyFlags extends LoginFlags {
  readonly machines?: readonly string[]
  readonly from?: string
  readonly provider?: string
  readonly deep?: boolean
  readonly width?: string
  readonly window?: string
  readonly timeZone?: string
  readonly withoutCopy?: boolean
  readonly dryRun?: boolean
  readonly yes?: boolean
}

type Rekey = Output<typeof rekeyRoutes.showRekey>
type Machine = Output<typeof rekeyRoutes.listRekeyMachines>[number]
type Place = Awaited<ReturnType<typeof vcenterOf>>['place']

const campaignUser =
  'a user of vCenter with Cryptographer.ManageKeys and Cryptographer.Recrypt, for hosts Cryptographer.RegisterHost too; the server stores its login sealed until the campaign ends, for 30 days at most'

const rekeyCommand = verb<RekeyFlags>({
  words: 'rekey <vcenter>',
  summary:
    'give encrypted machines, hosts and vSAN clusters new keys: shows what would happen, asks, and then the server does it, also without you',
  flags: [
    instanceFlag,
    [
      '--machines <name...>',
      "names or vCenter's identifiers; * stands for any text: '*' for all, 'web-*'. A machine with change block tracking, or that runs this server or vCenter, only if named whole",
    ],
    ['--from <provider>', 'only those with a key of this key provider'],
    ['--provider <name>', 'key provider of the new keys (default: that of the last connect)'],
    ['--deep', 'encrypt all data again; takes long, and needs machines that are off'],
    ['--width <number>', 'machines that vCenter works on at the same time, 1 to 16 (default: 4)'],
    ['--window <from-to>', 'begin work on a machine only in these hours: 22:00-05:00; with --time-zone'],
    ['--time-zone <name>', 'the time zone of --window, such as Europe/Berlin'],
    [
      '--without-copy',
      'use new keys before a backup that was copied elsewhere has them, and take vSAN clusters; asks',
    ],
    ...loginFlags(campaignUser),
    ['--dry-run', 'only plan, and show what would happen'],
    ['--yes', 'do not ask'],
  ],
  guarded: true,
  examples: [
    "vcenter rekey vc.example.com --machines '*' --dry-run",
    "vcenter rekey vc.example.com --machines 'web-*' db-1 --user rekey@vsphere.local --window 22:00-05:00 --time-zone Europe/Berlin",
    "vcenter rekey vc.example.com --machines '*' --provider mortise-production --user rekey@vsphere.local --password-file ./password --yes",
  ],
  action: async (run, options, word = '') => {
    const choices = choicesOf(options)
    const { admin, place } = await vcenterOf(run, options, word)
    const login = await planLogin(run, admin, place, options)
    const { planned, machines } = await plan(run, admin, place, { ...choices, ...(login && { login }) })
    const again = sameVcenter(word, options)
    if (options.dryRun === true || planned.counts.planned === 0 || login === undefined) {
      run.show({ ...planned, machineList: machines }, () => planText(planned, machines))
      if (planned.counts.planned > 0)
        run.tell(
          plain`\nNothing was changed. To do it, leave out --dry-run: ${run.next(`vcenter rekey ${again} --machines ... --user USER`)}\n`,
        )
      return 0
    }
    if (!run.json) run.world.stdout.write(planText(planned, machines))
    await confirm(run, options, planned)
    const begun = await admin.call(rekeyRoutes.beginRekey, { ...place, body: { plan: planned.plan, login } })
    return watch(run, admin, place, begun, again)
  },
})

function choicesOf({ machines, from, provider, deep, width, window, timeZone, withoutCopy }: RekeyFlags) {
  if (machines === undefined || machines.length === 0)
    throw new UsageError("--machines is missing: name machines, or '*' for all that are encrypted")
  if ((window === undefined) !== (timeZone === undefined))
    throw new UsageError(
      '--window and --time-zone belong together: --window 22:00-05:00 --time-zone Europe/Berlin',
    )
  return {
    machines: [...machines],
    ...(from !== undefined && { from }),
    ...(provider !== undefined && { provider }),
    ...(deep === true && { deep }),
    ...(width !== undefined && { width: widthOf(width) }),
    ...(window !== undefined && timeZone !== undefined && { window: windowOf(window, timeZone) }),
    ...(withoutCopy === true && { withoutCopy }),
  }
}

function widthOf(text: string): number {
  if (!/^\d{1,2}$/.test(text)) throw new UsageError(`--width takes a number from 1 to 16, not ${text}`)
  return Number(text)
}

function windowOf(text: string, timeZone: string) {
  const [, from, to] = /^(\d\d:\d\d)-(\d\d:\d\d)$/.exec(text) ?? []
  if (from === undefined || to === undefined)
    throw new UsageError(`--window takes FROM-TO such as 22:00-05:00, not ${text}`)
  return { from, to, timeZone }
}

/** A dry run takes the stored login where there is one. */
export async function planLogin(
  run: Run,
  admin: AdminClient,
  place: Place,
  options: LoginFlags & { readonly dryRun?: boolean },
) {
  if (options.dryRun !== true || options.user !== undefined) return loginOf(run.world, options)
  const { vcenterRoutes } = await import('../routes.ts')
  const { login } = await admin.call(vcenterRoutes.showVcenter, place)
  return login?.state === 'stored' ? undefined : loginOf(run.world, options)
}

/** Plans a campaign. It shows meanwhile how many machines vCenter has given. */
export async function plan(
  run: Run,
  admin: AdminClient,
  place: Place,
  body: Input<typeof rekeyRoutes.planRekey>['body'],
): Promise<{ readonly planned: Rekey; readonly machines: readonly Machine[] }> {
  const begun = await admin.call(rekeyRoutes.planRekey, { ...place, body })
  const work = (now: typeof begun) =>
    ({
      state: now.state,
      step: 'look',
      done: now.seen,
      total: null,
      trouble: null,
      error: now.error,
    }) as const
  const last = await untilEnded(work(begun), {
    stderr: run.world.stderr,
    steps: { look: 'machines looked at' },
    everyMs: lookEveryMs,
    look: async () => work(await admin.call(rekeyRoutes.showRekeyPlan, { ...place, planning: begun.id })),
    gone,
  })
  if (last.error) throw new CommandError(last.error.message, last.error.hint ?? undefined)
  if (last.state === 'running') throw new CommandError('the server still plans: nothing was begun')
  const planned = await admin.call(rekeyRoutes.showRekey, place)
  return { planned, machines: await admin.call(rekeyRoutes.listRekeyMachines, place) }
}

async function confirm({ world }: Run, { yes, withoutCopy }: RekeyFlags, planned: Rekey): Promise<void> {
  if (yes === true) return
  const number = counted(planned.counts.planned, 'machine gets new keys', 'machines get new keys')
  const risk =
    withoutCopy === true
      ? 'New keys are used before any backup elsewhere has them: if this server is lost then, so are the machines.\n'
      : ''
  const question = plain`\n${number} at the key provider ${planned.provider}. Nothing is powered on or off, and no old key is destroyed.\n${risk}Type yes to begin: `
  if (!(await confirmTyped(world, question, ['yes']))) throw new CommandError('nothing was begun')
}

/** Shows how far it is until it is over or paused, or the user presses Ctrl-C. */
async function watch(
  run: Run,
  admin: AdminClient,
  place: Place,
  begun: Rekey,
  again: string,
): Promise<number> {
  const last = await untilEnded(asWork(begun), {
    stderr: run.world.stderr,
    steps: { rekey: 'machines done', wait: 'machines done; its window is closed' },
    everyMs: lookEveryMs,
    look: async () => asWork(await admin.call(rekeyRoutes.showRekey, place)),
    gone,
  })
  const { rekey } = last
  run.show(rekey, () => rekeyText(rekey))
  if (rekey.state === 'running')
    run.tell(
      plain`\nThe server goes on with it. See how far it is: ${run.next(`vcenter rekey-show ${again}`)}\n`,
    )
  else run.tell(plain`\nOld and new keys of each machine: ${run.next(`vcenter rekey-report ${again}`)}\n`)
  return rekey.state === 'done' && rekey.counts.failed === 0 ? 0 : 1
}

/** As work that a command watches. */
function asWork(rekey: Rekey) {
  const { state, counts, trouble, waits } = rekey
  const done = counts.done + counts.failed + counts.changed
  const ended = state === 'paused' || state === 'ended' ? 'failed' : 'done'
  return {
    state: state === 'running' ? 'running' : ended,
    step: waits ? 'wait' : 'rekey',
    done,
    total: done + counts.planned + counts.keyed,
    trouble: trouble?.message ?? null,
    rekey,
  } as const
}

function gone(error: Error): CommandError {
  return new CommandError(
    `the server went away: ${error.message}`,
    'A campaign that was begun goes on by itself when the server is back: mortise vcenter rekey-show NAME',
    { cause: error },
  )
}

// ---------------------------------------------------------------- Text

export function planText(planned: Rekey, machines: readonly Machine[]): string {
  const left = Map.groupBy(
    machines.filter(({ state }) => state === 'cannot'),
    ({ reason }) => reason ?? '',
  )
  const reasons = [...left].map(([reason, some]) => {
    const names = some.slice(0, machinesToldMax).map(({ name }) => name)
    const more = some.length > names.length ? ` and ${String(some.length - names.length)} more` : ''
    return plain`Left out: ${names.join(', ')}${more}: ${reason}\n`
  })
  const some = machines.filter(({ state }) => state === 'planned').slice(0, machinesToldMax)
  const names = some.map(({ name }) => name).join(', ')
  const more = planned.counts.planned > some.length ? ', ...' : ''
  const kind = planned.deep ? 'a deep rekey, which encrypts all data again' : 'a shallow rekey'
  return [
    plain`${counted(planned.counts.planned, 'machine', 'machines')} would get new keys at the key provider ${planned.provider}, by ${kind}${names === '' ? '' : ': '}${names}${more}\n`,
    ...reasons,
  ].join('')
}

function rekeyText(rekey: Rekey): string {
  const { state, reason, counts, provider, deep, window, login, trouble, waits, plan: hash } = rekey
  const now = waits ? 'running; its window is closed now' : state
  return facts([
    ['vCenter', rekey.vcenter],
    ['Campaign', reason === null ? now : `${now}: ${reason}`],
    ['Machines', `${rekey.machines.join(', ')}${rekey.from === null ? '' : `, with keys of ${rekey.from}`}`],
    ['Key provider', `${provider}, ${deep ? 'deep' : 'shallow'}`],
    ['Window', window ? `${window.from} to ${window.to}, ${window.timeZone}` : 'at any time'],
    ['Done', String(counts.done)],
    ['Left', String(counts.planned + counts.keyed)],
    ['Failed', String(counts.failed)],
    ['Changed by others', String(counts.changed)],
    ['Left out', String(counts.cannot)],
    ['Login', login ? `${login.user}, until ${shortTime(login.until)}` : 'none is stored'],
    ['Planned', shortTime(rekey.planned)],
    [
      'Begun',
      rekey.began === null ? 'not yet' : `${shortTime(rekey.began)} by ${rekey.by ?? 'an administrator'}`,
    ],
    ...(rekey.ended === null ? [] : [['Ended', shortTime(rekey.ended)] as const]),
    ...(trouble ? [['Trouble', `${shortTime(trouble.at)}: ${trouble.message}`] as const] : []),
    ['Plan', hash],
  ])
}

const machineColumns: Columns<Machine> = {
  headings: ['MACHINE', 'KIND', 'STATE', 'NEW KEY', 'OLD KEYS', 'REASON'],
  rows: ({ name, kind, state, newKey, oldKeys, reason }) => [
    [name, kind, state, newKey ?? '', oldKeys.join(' '), reason ?? ''],
  ],
  empty: 'The campaign has no machines.\n',
}

const showCommand = command(rekeyRoutes.showRekey, {
  words: 'rekey-show <vcenter>',
  summary: 'the last rekey campaign of a vCenter, and how far it is',
  examples: ['vcenter rekey-show vc.example.com', 'vcenter rekey-show berlin --json'],
  view: rekeyText,
})

const reportCommand = command(rekeyRoutes.listRekeyMachines, {
  words: 'rekey-report <vcenter>',
  summary:
    'each machine of the last rekey campaign, with its old and new keys; this server destroys no old key',
  examples: ['vcenter rekey-report vc.example.com', 'vcenter rekey-report berlin --json'],
  columns: () => machineColumns,
})

const pauseCommand = command(rekeyRoutes.pauseRekey, {
  words: 'rekey-pause <vcenter>',
  summary: 'pause a rekey campaign: what is under way in vCenter ends, and nothing more begins',
  examples: ['vcenter rekey-pause vc.example.com'],
  view: rekeyText,
})

const resumeCommand = command(rekeyRoutes.resumeRekey, {
  words: 'rekey-resume <vcenter>',
  summary: 'go on with a rekey campaign that is paused',
  fields: {
    login: false,
    user: ['--user <user>', campaignUser],
    passwordFile: ['--password-file <file>', 'its password (default: asks for it); - is standard input'],
    retry: ['--retry', 'also the machines that failed'],
  },
  examples: ['vcenter rekey-resume vc.example.com', 'vcenter rekey-resume berlin --retry'],
  also: async ({ world }, options) => {
    const { user, passwordFile } = options as LoginFlags
    if (user === undefined && passwordFile !== undefined)
      throw new UsageError('--password-file belongs to --user, which is missing')
    return user === undefined ? {} : { login: await loginOf(world, options) }
  },
  view: rekeyText,
})

const endCommand = command(rekeyRoutes.endRekey, {
  words: 'rekey-end <vcenter>',
  summary: 'end a rekey campaign early: machines with new keys have them, and its login is removed',
  examples: ['vcenter rekey-end vc.example.com'],
  view: rekeyText,
})

export const rekeyCommands = [
  rekeyCommand,
  showCommand,
  reportCommand,
  pauseCommand,
  resumeCommand,
  endCommand,
]
