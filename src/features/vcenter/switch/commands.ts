// `mortise vcenter switch`, `switch-back` and `switch-finish`: this server in the place of an old one, back, and done.

import { plain } from '../../../doors/cli/text/output.ts'
import { instanceFlag, verb, type Run } from '../../../doors/cli/command.ts'
import { confirmTyped } from '../../../doors/cli/text/confirm.ts'
import { CommandError, UsageError } from '../../../doors/cli/world.ts'
import { shellWord } from '../../../base/text/shell-word.ts'
import { watchSteps } from '../connect-command.ts'
import { loginFlags, loginOf, sameVcenter, vcenterOf, type LoginFlags } from '../login.ts'
import { switchRoutes } from '../switch-routes.ts'

interface SwitchFlags extends LoginFlags {
  readonly from?: string
  readonly provider?: string
  readonly machines?: readonly string[]
  readonly to?: readonly string[]
  readonly withoutUpstream?: boolean
  readonly dryRun?: boolean
  readonly yes?: boolean
}

const user = 'a user of vCenter with Cryptographer.ManageKeyServers and Cryptographer.ManageKeys'
const dryRunFlag = ['--dry-run', 'only say what would be done'] as const
const yesFlag = ['--yes', 'do not ask'] as const

const switchCommand = verb<SwitchFlags>({
  words: 'switch <vcenter>',
  summary:
    'take the place of the servers of a key provider that machines use: adopts and opens their keys first, and changes nothing in vCenter while one is missing; run again, it goes on from there',
  flags: [
    instanceFlag,
    ['--from <provider>', 'the key provider as vCenter names it; machines keep it, and it keeps its name'],
    ['--to <address...>', 'where vCenter reaches this server: HOST or HOST:PORT (default: its nodes)'],
    ['--without-upstream', 'the old server is gone, and its keys are here'],
    [
      '--provider <name>',
      'move the machines to this key provider of another name instead, which needs new keys: plans the rekey campaign, and begins nothing',
    ],
    ['--machines <name...>', "with --provider: which machines (default: '*', all that have keys of --from)"],
    ...loginFlags(user),
    dryRunFlag,
    yesFlag,
  ],
  guarded: true,
  examples: [
    'vcenter switch vc.example.com --from ibm-kmip --user administrator@vsphere.local --dry-run',
    'vcenter switch vc.example.com --from ibm-kmip --user administrator@vsphere.local',
    'vcenter switch vc.example.com --from ibm-kmip --provider mortise-production --user rekey@vsphere.local',
    'vcenter switch berlin --from old --to kms-1.example.com kms-2.example.com --user setup@vsphere.local --password-file ./password --yes',
  ],
  action: async (run, options, word = '') => {
    const { from, to, withoutUpstream, dryRun } = options
    if (from === undefined)
      throw new UsageError('--from is missing: name the key provider whose servers this server replaces')
    if (options.provider !== undefined)
      return prepare(run, options, { word, from, provider: options.provider })
    if (options.machines !== undefined)
      throw new UsageError('--machines belongs to --provider: a change-over concerns all machines of --from')
    const { admin, place } = await vcenterOf(run, options, word)
    const question = plain`vCenter will ask this server for the keys of the key provider ${from}, and no other server.\nType yes to go on: `
    await confirm(run, options, question)
    const login = await loginOf(run.world, options)
    const body = {
      ...login,
      from,
      ...(to && { to: [...to] }),
      ...(withoutUpstream === true && { withoutUpstream }),
      ...(dryRun === true && { dryRun }),
    }
    const begun = await admin.call(switchRoutes.switchVcenter, { ...place, body })
    const again = sameVcenter(word, options)
    return watchSteps(run, admin, place, begun, () =>
      dryRun === true
        ? unchanged(run, `vcenter switch ${again} --from ${shellWord(from)}`)
        : plain`\nvCenter uses this server for ${from}. Restart a host or a machine as a trial. Then, before you end the old server: ${run.next(`vcenter switch-finish ${again}`)}\nUntil a key is made here you can go back: ${run.next(`vcenter switch-back ${again}`)}\n`,
    )
  },
})

/** Machines change their key provider only with new keys: plans the campaign that gives them, and says how to begin it. */
async function prepare(
  run: Run,
  options: SwitchFlags,
  { word, from, provider }: { readonly word: string; readonly from: string; readonly provider: string },
): Promise<number> {
  const { to, withoutUpstream, machines = ['*'] } = options
  if (to !== undefined || withoutUpstream === true)
    throw new UsageError('--to and --without-upstream do not belong to --provider: no server is replaced')
  if (provider === from)
    throw new UsageError(`leave out --provider: the machines keep ${from}, and this server takes its place`)
  const { admin, place } = await vcenterOf(run, options, word)
  const { vcenterRoutes } = await import('../routes.ts')
  const { provider: connected } = await admin.call(vcenterRoutes.showVcenter, place)
  const again = sameVcenter(word, options)
  if (connected?.name !== provider)
    throw new CommandError(
      `no connect has made the key provider ${provider} in this vCenter`,
      `Make it first: mortise vcenter connect ${again} --provider ${shellWord(provider)}`,
    )
  const { plan, planLogin, planText } = await import('../rekey/commands.ts')
  const login = await planLogin(run, admin, place, { ...options, dryRun: true })
  const choices = { machines: [...machines], from, provider }
  const all = await plan(run, admin, place, { ...choices, ...(login && { login }) })
  run.show({ ...all.planned, machineList: all.machines }, () => planText(all.planned, all.machines))
  if (all.planned.counts.planned === 0) return 1
  const names = machines.map(shellWord).join(' ')
  const words = `vcenter rekey ${again} --machines ${names} --from ${shellWord(from)} --provider ${shellWord(provider)} --user USER`
  run.tell(
    plain`\nNothing was changed. Each machine gets its new key from this server: ${run.next(words)}\nThe keys of ${from} stay with the old server, for snapshots and backups: end it once nothing needs them.\n`,
  )
  return 0
}

const backCommand = verb<SwitchFlags>({
  words: 'switch-back <vcenter>',
  summary:
    'the old servers again in the key provider; refused once a key was made here since the change-over',
  flags: [instanceFlag, ...loginFlags(user), dryRunFlag, yesFlag],
  guarded: true,
  examples: [
    'vcenter switch-back vc.example.com --user administrator@vsphere.local --dry-run',
    'vcenter switch-back vc.example.com --user administrator@vsphere.local',
  ],
  action: async (run, options, word = '') => {
    const { dryRun } = options
    const { admin, place } = await vcenterOf(run, options, word)
    await confirm(
      run,
      options,
      'vCenter will ask the old servers again, and not this one.\nType yes to go on: ',
    )
    const login = await loginOf(run.world, options)
    const body = { ...login, ...(dryRun === true && { dryRun }) }
    const begun = await admin.call(switchRoutes.switchBack, { ...place, body })
    return watchSteps(run, admin, place, begun, ({ provider }) =>
      dryRun === true
        ? unchanged(run, `vcenter switch-back ${sameVcenter(word, options)}`)
        : plain`\nThe key provider ${provider} has its old servers again. The adopted keys stay here.\n`,
    )
  },
})

const finishCommand = verb<SwitchFlags>({
  words: 'switch-finish <vcenter>',
  summary:
    'end a change-over: asks the old server a last time for all it has, opens each key in use, and removes the upstream',
  flags: [instanceFlag, dryRunFlag, yesFlag],
  guarded: true,
  examples: ['vcenter switch-finish vc.example.com --dry-run', 'vcenter switch-finish vc.example.com'],
  action: async (run, options, word = '') => {
    const { dryRun } = options
    const { admin, place } = await vcenterOf(run, options, word)
    await confirm(
      run,
      options,
      'The old server is asked no more afterwards, and the change-over cannot be taken back.\nType yes to go on: ',
    )
    const body = dryRun === true ? { dryRun } : {}
    const begun = await admin.call(switchRoutes.switchFinish, { ...place, body })
    return watchSteps(run, admin, place, begun, ({ provider }) =>
      dryRun === true
        ? unchanged(run, `vcenter switch-finish ${sameVcenter(word, options)}`)
        : plain`\nThe change-over of ${provider} is finished.\n`,
    )
  },
})

export const switchCommands = [switchCommand, backCommand, finishCommand]

async function confirm({ world }: Run, { dryRun, yes }: SwitchFlags, question: string): Promise<void> {
  if (dryRun === true || yes === true) return
  if (!(await confirmTyped(world, question, ['yes']))) throw new CommandError('nothing was changed')
}

function unchanged({ next }: Run, words: string): string {
  return plain`\nNothing was changed. Leave out --dry-run to do it: ${next(words)}\n`
}
