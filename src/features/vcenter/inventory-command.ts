// `mortise vcenter inventory` has the server read from vCenter which machine uses which key, in place of a file that a person exports.
// `mortise vcenter trial-report` says how a live vCenter answers, for a person who wants to tell the developers.

import { instanceFlag, verb, type Run } from '../../doors/cli/command.ts'
import { plain } from '../../doors/cli/text/output.ts'
import { untilEnded } from '../../doors/cli/watch-work.ts'
import { CommandError } from '../../doors/cli/world.ts'
import type { AdminClient } from '../../doors/http/client.ts'
import type { Output } from '../../doors/http/route.ts'
import { loginFlags, loginOf, sameVcenter, vcenterOf, type LoginFlags } from './login.ts'
import { vcenterRoutes } from './routes.ts'

const lookEveryMs = 250

type Read = Output<typeof vcenterRoutes.showVcenterRead>

export const inventoryCommand = verb<LoginFlags>({
  words: 'inventory <vcenter>',
  summary:
    'read from vCenter which machine uses which key, with disks, templates, snapshots, hosts and vSAN; takes the place of its former inventory',
  flags: [
    instanceFlag,
    ...loginFlags('a user of vCenter with the role Read-only (default: the stored login)'),
  ],
  examples: [
    'vcenter inventory vc.example.com',
    'vcenter inventory vc.example.com --user inventory@vsphere.local',
    'vcenter inventory berlin --user inventory@vsphere.local --password-file ./password --json',
  ],
  action: async (run, options, word = '') => {
    const { admin, place } = await vcenterOf(run, options, word)
    const body = await loginBody(run, admin, place, options)
    const begun = await admin.call(vcenterRoutes.readVcenter, { ...place, body })
    const look = () => admin.call(vcenterRoutes.showVcenterRead, { ...place, read: begun.id })
    const last = await untilEnded(asWork(begun), {
      stderr: run.world.stderr,
      steps: { read: 'keys of machines read' },
      everyMs: lookEveryMs,
      look: async () => asWork(await look()),
      gone: (error) =>
        new CommandError(
          `the server went away: ${error.message}`,
          'The inventory is as it was. When the server is back, give the same command again.',
          { cause: error },
        ),
    })
    if (last.read.error) throw new CommandError(last.read.error.message, last.read.error.hint ?? undefined)
    run.show(last.read, () => shownText(last.read))
    if (last.state === 'running') return 1
    const again = run.next(`inventory report${sameVcenter('', options)}`)
    run.tell(plain`\nMachines whose key is missing here, and keys that no machine uses: ${again}\n`)
    return 0
  },
})

/** The login that the flags or a person give; nothing where the server has one, and no flag names another. */
async function loginBody(
  { world }: Pick<Run, 'world'>,
  admin: Pick<AdminClient, 'call'>,
  place: { readonly instance: string; readonly vcenter: string },
  options: LoginFlags,
) {
  const { login } = await admin.call(vcenterRoutes.showVcenter, place)
  const isStored = login?.state === 'stored' && options.user === undefined
  return isStored ? {} : { login: await loginOf(world, options) }
}

/** As work that a command watches. */
function asWork(read: Read) {
  return { state: read.state, step: 'read', done: read.rows, total: null, trouble: null, read } as const
}

function shownText({ vcenter, state, rows }: Read): string {
  return state === 'running'
    ? plain`The server goes on with ${vcenter}: ${rows} keys of machines so far.\n`
    : plain`${vcenter}: ${rows} keys of machines, disks and snapshots are in its inventory.\n`
}

// ---------------------------------------------------------------- Trial report

type Trial = Output<typeof vcenterRoutes.tryVcenter>

export const trialCommand = verb<LoginFlags>({
  words: 'trial-report <vcenter>',
  summary:
    'how a live vCenter answers all that this server reads there: counts, times and faults, without names, identifiers and secrets; changes nothing',
  flags: [
    instanceFlag,
    ...loginFlags('the user of vCenter whose rights are tried (default: the stored login)'),
  ],
  examples: [
    'vcenter trial-report vc.example.com --user administrator@vsphere.local',
    'vcenter trial-report vc.example.com --json',
  ],
  action: async (run, options, word = '') => {
    const { admin, place } = await vcenterOf(run, options, word)
    const body = await loginBody(run, admin, place, options)
    const trial = await admin.call(vcenterRoutes.tryVcenter, { ...place, body })
    run.show(trial, () => trialText(trial))
  },
})

function trialText({ product, version, build, apiVersion, answers }: Trial): string {
  const lines = answers.flatMap(({ question, milliseconds, counts, fault }) => [
    plain`\n${question}: ${fault ?? 'answered'}, ${milliseconds} ms\n`,
    ...Object.entries(counts).map(([name, count]) => plain`  ${count} ${name}\n`),
  ])
  return [plain`${product} ${version}, build ${build}, API ${apiVersion}\n`, ...lines].join('')
}
