// `mortise approval ...`: acts that wait for a second person.

import type { AdminClient } from '../../doors/http/client.ts'
import type { Output } from '../../doors/http/route.ts'
import { noun, verb } from '../../doors/cli/command.ts'
import { confirmTyped } from '../../doors/cli/text/confirm.ts'
import { limitFlag, onePage, writeList, type Columns, type ListOptions } from '../../doors/cli/text/list.ts'
import { memberOf } from '../../doors/cli/text/names.ts'
import { facts, plain, visible } from '../../doors/cli/text/output.ts'
import { shortTime } from '../../doors/cli/text/time.ts'
import { approversText, outcomeText } from '../../doors/cli/waiting.ts'
import { CommandError } from '../../doors/cli/world.ts'
import { approvalRoutes } from './routes.ts'

type Approval = Output<typeof approvalRoutes.showApproval>

export const approvalCommands = noun('approval', 'acts that wait for a second person', () => [
  listCommand,
  showCommand,
  approveCommand,
  refuseCommand,
  cancelCommand,
])

const listCommand = verb<ListOptions & { readonly all?: boolean }>({
  words: 'list',
  summary: 'requests that wait, newest first',
  flags: [['--all', 'also those that are over'], limitFlag],
  examples: ['approval list', 'approval list --all --json'],
  action: async (run, options) =>
    writeList(run, options, columns, async () => {
      const state = options.all === true ? 'all' : 'open'
      return onePage(await (await run.client()).call(approvalRoutes.listApprovals, { query: { state } }))
    }),
})

const columns: Columns<Approval> = {
  headings: ['ID', 'ACT', 'ASKED BY', 'ASKED', 'ENDS', 'STATE'],
  rows: (one) => [
    [one.id, one.act, one.askedBy.person, shortTime(one.asked), shortTime(one.ends), outcomeText(one)],
  ],
  empty: 'No requests.\n',
}

const showCommand = verb({
  words: 'show <approval>',
  summary: 'what would be done, who asked for it, and who may approve it',
  examples: ['approval show 3f0c8f0e'],
  action: async ({ client, show }, _options, named = '') => {
    const admin = await client()
    const approval = await admin.call(approvalRoutes.showApproval, {
      approval: await approvalOf(admin, named),
    })
    show(approval, () => approvalText(approval))
  },
})

const approveCommand = verb<{ readonly yes?: boolean }>({
  words: 'approve <approval>',
  summary: 'approve what another person asked for: it is carried out once, as it was asked',
  flags: [['--yes', 'do not ask']],
  examples: ['approval approve 3f0c8f0e'],
  action: async ({ world, client, show, next }, { yes = false }, named = '') => {
    const admin = await client()
    const id = await approvalOf(admin, named)
    const asked = await admin.call(approvalRoutes.showApproval, { approval: id })
    const question = `${approvalText(asked)}\nType yes to approve it: `
    if (!yes && asked.mayApprove && !(await confirmTyped(world, question, ['yes'])))
      throw new CommandError('nothing was done')
    const approval = await admin.call(approvalRoutes.approve, { approval: id })
    const how =
      approval.state === 'approved' && !approval.repeated
        ? plain` See how it goes: ${next(`approval show ${id}`)}`
        : ''
    show(approval, () => `${plain`"${approval.act}": ${outcomeText(approval)}.`}${how}\n`)
  },
})

const refuseCommand = verb<{ readonly reason?: string }>({
  words: 'refuse <approval>',
  summary: 'refuse what somebody asked for',
  flags: [['--reason <text>', 'why; whoever asked reads it']],
  examples: ['approval refuse 3f0c8f0e --reason "the host is still in use"'],
  action: async ({ client, show }, { reason }, named = '') => {
    const admin = await client()
    const body = reason === undefined ? {} : { reason }
    const approval = await admin.call(approvalRoutes.refuseApproval, {
      approval: await approvalOf(admin, named),
      body,
    })
    show(approval, () => plain`"${approval.act}": ${outcomeText(approval)}.\n`)
  },
})

const cancelCommand = verb({
  words: 'cancel <approval>',
  summary: 'take back what you asked for',
  examples: ['approval cancel 3f0c8f0e'],
  action: async ({ client, show }, _options, named = '') => {
    const admin = await client()
    const approval = await admin.call(approvalRoutes.cancelApproval, {
      approval: await approvalOf(admin, named),
    })
    show(approval, () => plain`"${approval.act}": ${outcomeText(approval)}.\n`)
  },
})

export async function approvalOf(admin: AdminClient, text: string): Promise<string> {
  return memberOf(admin, approvalRoutes.showApproval.path, { query: { state: 'all' } }, text)
}

/** The name of a person is what they chose at the identity provider: the subject is who it is. */
function partyText({ person, token, subject }: Approval['askedBy']): string {
  return token === null ? `${person} (${subject ?? ''})` : `${person} (token ${token})`
}

function approvalText(approval: Approval): string {
  const { id, act, instance, askedBy, asked, ends, decided, whyNot, mayApprove } = approval
  const waits = approval.state === 'waiting'
  return facts([
    ['Id', id],
    ['Act', act],
    ['For', instance === null ? 'the server' : `the instance ${instance.name}`],
    ...approval.facts.map(({ name, value }) => [visible(name), value] as const),
    ['Asked by', `${partyText(askedBy)}, ${shortTime(asked)}`],
    ['State', decided === null ? outcomeText(approval) : `${outcomeText(approval)}, ${shortTime(decided)}`],
    ...(waits
      ? [['Ends', shortTime(ends)] as const, ['Can approve it', approversText(approval)] as const]
      : []),
    ...(waits && !mayApprove && whyNot !== null ? [['You cannot', whyNot] as const] : []),
  ])
}
