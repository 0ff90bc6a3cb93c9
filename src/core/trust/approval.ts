// Acts that wait for a second person: the request as a trusted row, and how long it waits. Since it is a trusted row, write
// access to the database is not enough to make, change or put back a request. Pure. second-person.ts says who may decide, and
// approval-changes.ts changes requests.

import type { GuardedAct } from '../ports/guarded-acts.ts'
import { approvalKeptMs } from '../../base/bounds.ts'
import type { Person } from './person.ts'

/** How many requests that are over stay in the list, for one instance or for the server. */
export const approvalsKeptMax = 100

/**
 * waiting: for a second person. approved: the act is under way and continues after a restart, or it waits for the asker to send
 * the same request again (`isRepeated`). done: carried out. failed: the act failed, or its facts had changed. refused, cancelled,
 * ended (no decision in time, or the asker's token or session is gone): nothing was done.
 */
export const approvalStates = [
  'waiting',
  'approved',
  'done',
  'failed',
  'refused',
  'cancelled',
  'ended',
] as const
export type ApprovalState = (typeof approvalStates)[number]

/** The person who asked or decided, by a token or by a login. */
export type Party = (ByToken | ByLogin) & { readonly person: Person; readonly address: string | null }

interface ByToken {
  readonly tokenId: string
  /** The token's name. */
  readonly name: string
}

interface ByLogin {
  readonly sessionId: string
}

export interface Approval {
  readonly id: string
  readonly act: GuardedAct
  /** The route of the admin API that carries it out, and the request without its secrets. */
  readonly route: string
  readonly asked: {
    readonly params: Readonly<Record<string, string>>
    readonly query: unknown
    readonly body: unknown
  }
  /** Whether a sealed secret holds the rest of the body. */
  readonly hasSecrets: boolean
  /** The answer can only be given once: after the approval the asker sends the same request again, and gets the answer. */
  readonly isRepeated?: true
  /** The hash of the token that the act makes. The asker already has the token's text. */
  readonly tokenSha256?: string
  /** The facts on which both people decide. The act is carried out only while all of them are unchanged. */
  readonly facts: Readonly<Record<string, string>>
  /** The instance that a deciding token must reach. Null: all instances. */
  readonly instanceId: string | null
  readonly asker: Party
  readonly createdMs: number
  readonly endsMs: number
  readonly state: ApprovalState
  readonly decider?: Party
  /** When it left the state `waiting`. */
  readonly decidedMs?: number
  /** Why it was refused or failed. */
  readonly reason?: string
}

export const isOpen = ({ state }: Pick<Approval, 'state'>): boolean =>
  state === 'waiting' || state === 'approved'

/** Whether nothing was done yet and the request can expire: it waits for a second person, or for the asker. */
export const isPending = ({ state, isRepeated }: Pick<Approval, 'state' | 'isRepeated'>): boolean =>
  state === 'waiting' || (state === 'approved' && isRepeated === true)

/** The state at this moment. A request is over when its time is, even before its row says so. */
export function stateAt(approval: Approval, nowMs: number): ApprovalState {
  return isPending(approval) && nowMs >= approval.endsMs ? 'ended' : approval.state
}

/** A sentence for each fact that has changed since both people decided. Empty: nothing has changed. */
export function changedFacts(before: Approval['facts'], now: Approval['facts']): readonly string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(now)])
  return [...names]
    .filter((name) => before[name] !== now[name])
    .map((name) => `${name}: it was ${before[name] ?? 'nothing'}, and is ${now[name] ?? 'nothing'} now`)
}

/** Finished requests to forget: the oldest ones above the bound of an instance or the server, and those of long ago. */
export function keptNoLonger(approvals: Iterable<Approval>, nowMs: number): readonly Approval[] {
  const over = [...approvals]
    .filter((one) => !isOpen(one))
    .toSorted((a, b) => (b.decidedMs ?? 0) - (a.decidedMs ?? 0))
  return [...Map.groupBy(over, ({ instanceId }) => instanceId).values()].flatMap((those) =>
    those.filter(({ decidedMs = 0 }, at) => at >= approvalsKeptMax || nowMs - decidedMs > approvalKeptMs),
  )
}
