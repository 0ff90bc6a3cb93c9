// `mortise approval ...`: acts that wait for a second person.

import { command } from '../../doors/cli/route-command.ts'
import type { Output } from '../../doors/http/route.ts'
import { noun } from '../../doors/cli/command.ts'
import { confirmTyped } from '../../doors/cli/text/confirm.ts'
import type { Columns } from '../../doors/cli/text/list.ts'
import { facts, plain, visible } from '../../doors/cli/text/output.ts'
import { shortTime } from '../../doors/cli/text/time.ts'
import { approvalOf, approversText, outcomeText } from '../../doors/cli/waiting.ts'
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

const listCommand = command(approvalRoutes.listApprovals, {
  words: 'list',
  summary: 'requests that wait, newest first',
  fields: { state: ['--all', 'also those that are over', () => 'all'] },
  examples: ['approval list', 'approval list --all --json'],
  columns: () => columns,
})

const columns: Columns<Approval> = {
  headings: ['ID', 'ACT', 'ASKED BY', 'ASKED', 'ENDS', 'STATE'],
  rows: (one) => [
    [one.id, one.act, one.askedBy.person, shortTime(one.asked), shortTime(one.ends), outcomeText(one)],
  ],
  empty: 'No requests.\n',
}

const showCommand = command(approvalRoutes.showApproval, {
  words: 'show <approval>',
  summary: 'what would be done, who asked for it, and who may approve it',
  examples: ['approval show 3f0c8f0e'],
  find: approvalOf,
  view: approvalText,
})

const approveCommand = command(approvalRoutes.approve, {
  words: 'approve <approval>',
  summary: 'approve what another person asked for: it is carried out once, as it was asked',
  fields: { yes: ['--yes', 'do not ask'] },
  examples: ['approval approve 3f0c8f0e'],
  find: approvalOf,
  confirm: async ({ run, admin, options, input }) => {
    const shown = await admin.call(approvalRoutes.showApproval, input)
    const question = `${approvalText(shown)}\nType yes to approve it: `
    if (options['yes'] === true || !shown.mayApprove) return
    if (!(await confirmTyped(run.world, question, ['yes']))) throw new CommandError('nothing was done')
  },
  view: (approval, { run }) => {
    const goesOn = approval.state === 'approved' && !approval.repeated
    const how = goesOn ? plain` See how it goes: ${run.next(`approval show ${approval.id}`)}` : ''
    return `${plain`"${approval.act}": ${outcomeText(approval)}.`}${how}\n`
  },
})

const refuseCommand = command(approvalRoutes.refuseApproval, {
  words: 'refuse <approval>',
  summary: 'refuse what a person asked for',
  fields: { reason: 'why; the person who asked reads it' },
  examples: ['approval refuse 3f0c8f0e --reason "the host is still in use"'],
  find: approvalOf,
  view: endText,
})

const cancelCommand = command(approvalRoutes.cancelApproval, {
  words: 'cancel <approval>',
  summary: 'take back what you asked for',
  examples: ['approval cancel 3f0c8f0e'],
  find: approvalOf,
  view: endText,
})

function endText(approval: Approval): string {
  return plain`"${approval.act}": ${outcomeText(approval)}.\n`
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
