// Acts that wait for a second person: the request as a trusted row, and until when it waits. Since it is a trusted row, nobody
// who writes the database can make, change or put back one. Pure; second-person.ts says who may decide, and approval-changes.ts
// changes requests.

import type { GuardedAct } from '../ports/guarded-acts.ts'
import { approvalKeptMs } from '../../base/bounds.ts'
import type { Person } from './person.ts'

/** How many requests that are over stay in the list, of one instance or of the server. */
export const approvalsKeptMax = 100

/**
 * waiting: for a second person. approved: its act is under way, and goes on after a restart; or it waits for the asker, who sends the
 * same request again (`isRepeated`). done: carried out. failed: what it
 * was about had changed, or the act failed. refused, cancelled, ended (nobody decided in time, or whoever asked is gone): nothing
 * was done.
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

/** Somebody who asked or decided, by a token or as a person who logged in. */
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
  /** The route of the admin API that carries it out, with what was asked of it, but for its secrets. */
  readonly route: string
  readonly asked: {
    readonly params: Readonly<Record<string, string>>
    readonly query: unknown
    readonly body: unknown
  }
  /** A sealed secret holds the rest of the body. */
  readonly hasSecrets: boolean
  /** Its answer is made as it is read: once approved, the asker sends the same request again, and gets it. */
  readonly isRepeated?: true
  /** The hash of the text of the token that the act makes. The asker has the text already. */
  readonly tokenSha256?: string
  /** The facts that both people decide on. The act is carried out only while all of them are still so. */
  readonly facts: Readonly<Record<string, string>>
  /** A token must reach this instance to decide; null: all instances. */
  readonly instanceId: string | null
  readonly asker: Party
  readonly createdMs: number
  readonly endsMs: number
  readonly state: ApprovalState
  readonly decider?: Party
  /** When it left the state `waiting`. */
  readonly decidedMs?: number
  /** Why it was refused, or failed. */
  readonly reason?: string
}

export const isOpen = ({ state }: Pick<Approval, 'state'>): boolean =>
  state === 'waiting' || state === 'approved'

/** Nothing was done yet, and time ends it: it waits for a second person, or for the asker. */
export const isPending = ({ state, isRepeated }: Pick<Approval, 'state' | 'isRepeated'>): boolean =>
  state === 'waiting' || (state === 'approved' && isRepeated === true)

/** The state at this moment: time ends a request before anybody writes it down. */
export function stateAt(approval: Approval, nowMs: number): ApprovalState {
  return isPending(approval) && nowMs >= approval.endsMs ? 'ended' : approval.state
}

/** A sentence for each fact that is not as it was when both people decided; empty: nothing has changed. */
export function changedFacts(before: Approval['facts'], now: Approval['facts']): readonly string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(now)])
  return [...names]
    .filter((name) => before[name] !== now[name])
    .map((name) => `${name}: it was ${before[name] ?? 'nothing'}, and is ${now[name] ?? 'nothing'} now`)
}

/** Requests that are over and kept no longer: the oldest ones of an instance, or of the server, beyond a number, and those of long ago. */
export function keptNoLonger(approvals: Iterable<Approval>, nowMs: number): readonly Approval[] {
  const over = [...approvals]
    .filter((one) => !isOpen(one))
    .toSorted((a, b) => (b.decidedMs ?? 0) - (a.decidedMs ?? 0))
  return [...Map.groupBy(over, ({ instanceId }) => instanceId).values()].flatMap((those) =>
    those.filter(({ decidedMs = 0 }, at) => at >= approvalsKeptMax || nowMs - decidedMs > approvalKeptMs),
  )
}
