// A command whose act needs a second person says what happens next, or waits for the decision.

import { sendAgain, WaitsForApproval, type AdminClient, type OnWaiting } from '../http/client.ts'
import { showApproval } from '../http/waiting-answer.ts'
import type { Output } from '../http/route.ts'
import { memberOf } from './text/names.ts'
import { facts, plain, visible } from './text/output.ts'
import { shortTime } from './text/time.ts'
import { awayText, interruptible, isAway, pause } from './watch-work.ts'
import { CommandError, type World } from './world.ts'

/** How often a command that waits asks. */
const approvalPollMs = 1_000

type Approval = Output<typeof showApproval>

export const waitFlag = [
  '--wait',
  'if the act needs a second person: wait until that person has approved or refused it',
] as const

/** Nothing was done: a script must not go on as if it were. */
const waitingExitCode = 3

/** The ways in which a command tells something (command.ts). */
interface Telling {
  readonly show: (data: unknown, text: () => string) => void
  readonly tell: (text: string) => void
  readonly next: (words: string) => string
}

/** Shows the request, those who may approve it, and `more`. Returns the exit code. */
export function showWaiting(run: Telling, { approval, token }: WaitsForApproval, more = ''): number {
  run.show({ approval, ...(token !== null && { token }) }, () => {
    const text =
      token === null
        ? ''
        : `\n${visible(token)}\n\nKeep it now: it is not shown again, and works once a second person has approved it.\n`
    return `${waitingText(approval)}${text}`
  })
  const then = approval.repeated ? '' : ' Once approved, it is done as asked here.'
  run.tell(plain`\nNothing was done yet.${then} Meanwhile:

  ${run.next(`approval show ${approval.id}`)}
  ${run.next(`approval cancel ${approval.id}`)}
`)
  run.tell(more)
  return waitingExitCode
}

/**
 * Resolves with what the act answered. Rejects with WaitsForApproval once the user stops waiting, or the time of the request is
 * over and the server does not answer, so that the text of a new token is not lost; throws CommandError if the act was not
 * carried out.
 */
export function waitUntilDecided(world: World): OnWaiting {
  return async (client, waiting) => {
    const approval = await interruptible((interrupted) => decided(world, client, waiting, interrupted))
    if (approval.state === 'approved') return sendAgain
    if (approval.state !== 'done') throw new CommandError(`nothing was done: ${outcomeText(approval)}`)
    if (typeof approval.result !== 'object' || approval.result === null)
      throw new CommandError(
        'it was carried out, but what it answered is not known any more',
        'The audit log has it: mortise audit list',
      )
    return { ...approval.result, ...(waiting.token !== null && { token: waiting.token }) }
  }
}

/**
 * Says that the command waits, and asks the server again until the request is decided, also while the server does not answer, as during a
 * restart. It stops for a server that has gone for good.
 */
async function decided(
  { stderr, now }: World,
  client: AdminClient,
  waiting: Parameters<OnWaiting>[1],
  interrupted: AbortSignal,
): Promise<Approval> {
  let { approval } = waiting
  stderr.write(`${waitingText(approval)}Waiting for it; interrupt this to stop waiting.\n`)
  let answers = true
  while (approval.state === 'waiting' || (approval.state === 'approved' && !approval.repeated)) {
    await pause(approvalPollMs, interrupted)
    const isOver = !answers && now() >= Date.parse(approval.ends)
    if (interrupted.aborted || isOver) throw new WaitsForApproval({ ...waiting, approval })
    try {
      approval = await client.call(showApproval, { approval: approval.id })
      answers = true
    } catch (error) {
      if (!isAway(error)) throw error
      if (answers) stderr.write(plain`Waiting: ${awayText(error)}\n`)
      answers = false
    }
  }
  return approval
}

function waitingText(approval: Approval): string {
  const { id, act, ends } = approval
  return `${plain`"${act}" needs a second person. It waits as ${id}.`}\n${facts([
    ['Ends', shortTime(ends)],
    ['Can approve it', approversText(approval)],
  ])}`
}

export function approversText({ approvers, approverGroups }: Approval): string {
  const groups =
    approverGroups.length === 0
      ? []
      : [`other people who log in from the groups ${approverGroups.join(', ')}`]
  const all = [...approvers, ...groups]
  return all.length === 0
    ? 'nobody: no other person has a manager token that you did not make'
    : all.join(', ')
}

/** How it ended, and by whom. */
export function outcomeText({ state, decidedBy, reason, repeated, askedBy }: Approval): string {
  const why = reason === null || reason === '' ? '' : `: ${reason}`
  const who = decidedBy === null ? '' : ` by ${decidedBy.person}`
  return {
    waiting: 'it waits for a second person',
    approved: repeated
      ? `approved${who}: ${askedBy.person} can fetch it`
      : `approved${who}, and being carried out`,
    done: `approved${who}, and carried out`,
    failed: `it was not carried out${why}`,
    refused: `refused${who}${why}`,
    cancelled: `taken back${who}`,
    ended: why === '' ? 'no second person decided in time' : `it ended${why}`,
  }[state]
}

/** The id of the request that a word names. */
export function approvalOf(admin: AdminClient, text: string): Promise<string> {
  return memberOf(admin, showApproval.path, { query: { state: 'all' } }, text)
}
