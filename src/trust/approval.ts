// Acts that wait for a second person: the request as a trusted row, and the rules of who may decide it, and until when. Since
// it is a trusted row, nobody who writes the database can make, change or put back one. Pure; approval-changes.ts changes
// requests.

import { limits } from '../limits.ts'
import { makersOf, makerText, personOf, type Person } from './person.ts'
import type { Token, TrustTables } from './rows.ts'

/** The acts that may be guarded; config.ts has the same list. */
export const guardedActs = [
  'instance delete',
  'key destroy',
  'set-root-key',
  'token create manager',
  'audit prune',
  'backup create',
] as const
export type GuardedAct = (typeof guardedActs)[number]

/**
 * waiting: for a second person. approved: its act is under way, and goes on after a restart. done: carried out. failed: what it
 * was about had changed, or the act failed. refused, cancelled, ended (nobody decided in time): nothing was done.
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

/** Somebody who asked or decided, by a token. */
export interface Party {
  readonly tokenId: string
  /** The token's name. */
  readonly name: string
  readonly person: Person
  readonly address: string | null
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

/** The state at this moment: time ends a request before anybody writes it down. */
export function stateAt({ state, endsMs }: Approval, nowMs: number): ApprovalState {
  return state === 'waiting' && nowMs >= endsMs ? 'ended' : state
}

/** Why a token may not ask for acts that need a second person, nor decide about them; undefined: it may. */
export function unfitParty(token: Token, instanceId: string | null, nowMs: number): string | undefined {
  if (token.role !== 'manager') return `the token ${token.name} is not a manager's`
  if (token.expiresMs !== null && token.expiresMs <= nowMs) return `the token ${token.name} has expired`
  if (token.instanceId !== null && token.instanceId !== instanceId)
    return `the token ${token.name} is for one instance only`
  if (!personOf(token)) return `the token ${token.name} names no owner, so nobody knows which person has it`
  return undefined
}

/** Why one person may be behind both tokens; undefined: there are two. */
function samePerson(asker: Token, other: Token): string | undefined {
  const makers = makersOf(asker)
  const [both] = makersOf(other).filter((key) => makers.includes(key))
  if (both === undefined) return undefined
  const [own] = makersOf(other)
  if (own === both && makers[0] === both) return `${makerText(both)} asked for it`
  return `${makerText(both)} may have both tokens: whoever makes a token has its text`
}

/** Why the token's person may not approve it; undefined: it may. */
export function notSecond(
  { tables }: { readonly tables: TrustTables },
  approval: Approval,
  other: Token,
  nowMs: number,
): string | undefined {
  const asker = tables.token.get(approval.asker.tokenId)
  if (!asker) return 'the token that asked for it was revoked'
  return (
    unfitParty(asker, approval.instanceId, nowMs) ??
    unfitParty(other, approval.instanceId, nowMs) ??
    samePerson(asker, other)
  )
}

/** The owners of tokens that may approve it. */
export function mayApprove(
  snapshot: { readonly tables: TrustTables },
  approval: Approval,
  nowMs: number,
): readonly string[] {
  const tokens = [...snapshot.tables.token.values()]
  const owners = tokens.flatMap((token) =>
    notSecond(snapshot, approval, token, nowMs) === undefined ? [personOf(token)?.name ?? ''] : [],
  )
  return [...new Set(owners)].toSorted()
}

/** Whether there are two people of whom one could ask for such an act on everything, and the other approve it. */
export function areTwo({ token }: Pick<TrustTables, 'token'>, nowMs: number): boolean {
  const fit = [...token.values()].filter((one) => unfitParty(one, null, nowMs) === undefined)
  return fit.some((one, at) => fit.slice(at + 1).some((other) => samePerson(one, other) === undefined))
}

/** A sentence for each fact that is not as it was when both people decided; empty: nothing has changed. */
export function changedFacts(before: Approval['facts'], now: Approval['facts']): readonly string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(now)])
  return [...names]
    .filter((name) => before[name] !== now[name])
    .map((name) => `${name}: it was ${before[name] ?? 'nothing'}, and is ${now[name] ?? 'nothing'} now`)
}

/** Requests that are over and kept no longer: the oldest ones beyond a number, and those of long ago. */
export function keptNoLonger(approvals: Iterable<Approval>, nowMs: number): readonly Approval[] {
  const over = [...approvals]
    .filter((one) => !isOpen(one))
    .toSorted((a, b) => (b.decidedMs ?? 0) - (a.decidedMs ?? 0))
  return over.filter(
    ({ decidedMs = 0 }, at) => at >= limits.approvalsKeptMax || nowMs - decidedMs > limits.approvalKeptMs,
  )
}
