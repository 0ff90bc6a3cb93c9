// Changes requests that need a second person: asked, approved, refused, cancelled, ended, carried out. An act of a single commit
// includes its request in that commit (`consent`): both are done or neither, even with other approvals at the same moment or a
// kill. A longer act is approved first and carried out afterwards.

import { serverActor } from '../audit/actor.ts'
import { approvalMs, approvalReasonCharactersMax } from '../../base/bounds.ts'
import type { AuditAction } from '../ports/audit-actions.ts'
import type { Actor, AuditEntry } from '../ports/audit.ts'
import type { Clock } from '../ports/clock.ts'
import type { Write } from '../ports/store.ts'
import type { TrustSnapshot } from './rows.ts'
import { isOpen, isPending, keptNoLonger, stateAt, type Approval, type Party } from './approval.ts'
import type { Consent } from './consent.ts'
import type { Grantor } from './grantor.ts'
import type { LoginOf } from './people.ts'
import { idOfSubject, mayBeSame } from './person.ts'
import { notSecond, standingOf, whyGone } from './second-person.ts'
import { TrustForbidden, TrustRefused, type TrustDraft, type TrustWriter } from './writer.ts'

/** How far the clock may be behind the time of a request when it is approved. */
export const approvalClockSlackMs = 5 * 60_000
/** Waiting requests about one instance, or about the server. */
export const approvalsWaitingMax = 100
/** Waiting requests of one person, so that others have room. */
export const approvalsWaitingPerPersonMax = 20

/** A person who decides about a request. */
export interface Decider {
  readonly by: Grantor
  readonly party: Party
  /** The roles of a person's session at the moment of the commit. */
  readonly loginOf: LoginOf
}

/** The request cannot be decided now, or not any more. */
export class NotWaiting extends TrustRefused {}

export class ApprovalChanges {
  readonly #writer: TrustWriter
  readonly #clock: Clock
  /** Monotonic times at which requests end in this process, however often the clock is set back. */
  readonly #deadlines = new Map<string, number>()

  constructor(writer: TrustWriter, { clock }: { readonly clock: Clock }) {
    this.#writer = writer
    this.#clock = clock
  }

  /** Stores a new request. Commits `writes` with it. */
  async ask(by: Grantor, approval: Approval, writes: readonly Write[]): Promise<Approval> {
    return this.#writer.change(by, ({ tables }, nowMs): TrustDraft<Approval> => {
      // The bound for one instance leaves room for the others, and for the server, whose managers name the owners of its tokens.
      const waiting = [...tables.approval.values()].filter(
        (one) => one.instanceId === approval.instanceId && this.stateOf(one, nowMs) === 'waiting',
      )
      const same = waiting.find((one) => isSame(one, approval))
      if (same)
        throw new TrustRefused(
          'exists',
          `the same request waits already: ${same.id}`,
          `See it: mortise approval show ${same.id}`,
        )
      const own = waiting.filter(({ asker }) => mayBeSame(asker.person, approval.asker.person))
      if (own.length >= approvalsWaitingPerPersonMax)
        throw new TrustRefused(
          'waiting',
          `${own.length} of your requests wait for a second person already`,
          'Take one back: mortise approval cancel ID. mortise approval list shows them.',
        )
      if (waiting.length >= approvalsWaitingMax)
        throw new TrustRefused(
          'waiting',
          'too many requests wait for a second person: some must be decided first',
        )
      const tidied = this.#tidied(tables, nowMs)
      const put = this.#put(approval, 'approval.ask', aboutOf(approval))
      return { ...put, remove: tidied.remove, writes: [...writes, ...tidied.writes] }
    })
  }

  /**
   * Consent for an act of a single commit. The code that commits (TrustWriter, Keys) includes the request in its commit. Throws
   * TrustForbidden, which the writer enters in the audit, and TrustRefused.
   */
  consent(id: string, decider: Decider): Consent {
    const { by, party } = decider
    let used = false
    return {
      isUsed: () => used,
      along: (snapshot, nowMs) => {
        const approval = this.#decidable(snapshot, id, decider, nowMs)
        const done: Approval = { ...approval, state: 'done', decider: party, decidedMs: nowMs }
        used = true
        return {
          put: [{ kind: 'approval', value: done }],
          writes: withoutSecrets(approval),
          entries: [
            entry('approval.approve', approval, by, nowMs),
            entry('approval.carry-out', approval, serverActor, nowMs),
          ],
        }
      },
    }
  }

  /** Throws NotWaiting, or TrustForbidden without an audit entry, if this person cannot approve the request now. */
  requireDecidable(snapshot: TrustSnapshot, id: string, decider: Decider): void {
    this.#decidable(snapshot, id, decider, this.#clock.now())
  }

  /** Approves an act that is carried out afterwards. */
  async approve(id: string, decider: Decider): Promise<Approval> {
    const { by, party } = decider
    return this.#writer.change(by, (snapshot, nowMs) => {
      const approval = this.#decidable(snapshot, id, decider, nowMs)
      return this.#put(
        { ...approval, state: 'approved', decider: party, decidedMs: nowMs },
        'approval.approve',
        aboutOf(approval),
      )
    })
  }

  async refuse(id: string, { by, party }: Decider, reason: string): Promise<Approval> {
    return this.#writer.change(by, (snapshot, nowMs) => {
      const approval = this.#pending(snapshot.tables, id, nowMs)
      const refused: Approval = { ...approval, state: 'refused', decider: party, decidedMs: nowMs, reason }
      return {
        ...this.#put(refused, 'approval.refuse', { ...aboutOf(approval), reason }),
        writes: withoutSecrets(approval),
      }
    })
  }

  async cancel(id: string, { by, party }: Decider): Promise<Approval> {
    return this.#writer.change(by, (snapshot, nowMs) => {
      const approval = this.#pending(snapshot.tables, id, nowMs)
      const cancelled: Approval = { ...approval, state: 'cancelled', decider: party, decidedMs: nowMs }
      return {
        ...this.#put(cancelled, 'approval.cancel', aboutOf(approval)),
        writes: withoutSecrets(approval),
      }
    })
  }

  /** The approved request that matches the asker's repeated request. Undefined: there is none. */
  repeated({ tables }: TrustSnapshot, request: ActRequest): Approval | undefined {
    const nowMs = this.#clock.now()
    return [...tables.approval.values()].find(
      (one) => isPending(one) && this.stateOf(one, nowMs) === 'approved' && isSame(one, request),
    )
  }

  /** Uses up an approved request when its asker carries out the act. Throws NotWaiting if the request is over. */
  async useUp(id: string, by: Grantor): Promise<void> {
    await this.#writer.change(by, ({ tables }, nowMs): TrustDraft<void> => {
      const approval = tables.approval.get(id)
      if (!approval || this.stateOf(approval, nowMs) !== 'approved')
        throw new NotWaiting('exists', `the request ${id} was used, or is over`)
      const put = this.#put({ ...approval, state: 'done' }, 'approval.carry-out', aboutOf(approval))
      return { ...put, writes: withoutSecrets(approval), result: undefined }
    })
  }

  /** Records that the act was not carried out, and will not be. Does nothing for a request that is over. */
  async fail(id: string, by: Actor, reason: string): Promise<void> {
    const short = reason.slice(0, approvalReasonCharactersMax)
    await this.#close(id, by, (approval, nowMs) => ({
      after: { ...approval, state: 'failed', decidedMs: approval.decidedMs ?? nowMs, reason: short },
      action: 'approval.fail',
      detail: { reason: short },
    }))
  }

  /** Records that an approved act was carried out. */
  async finish(id: string): Promise<void> {
    await this.#close(id, serverActor, (approval) =>
      approval.state === 'approved'
        ? { after: { ...approval, state: 'done' }, action: 'approval.carry-out', detail: {} }
        : undefined,
    )
  }

  /** Ends the requests whose time is over or whose asker is gone, and forgets old ones. */
  async tidy(snapshot: TrustSnapshot): Promise<void> {
    for (const approval of snapshot.tables.approval.values())
      if (this.#ending(approval, snapshot, this.#clock.now()))
        await this.#close(approval.id, serverActor, (one, nowMs, now) => {
          const reason = this.#ending(one, now, nowMs)
          if (!reason) return undefined
          const after: Approval = { ...one, ...reason, state: 'ended', decidedMs: nowMs }
          return { after, action: 'approval.end', detail: reason }
        })
    for (const id of this.#deadlines.keys()) if (!snapshot.tables.approval.has(id)) this.#deadlines.delete(id)
  }

  /**
   * The state at this time. A clock that was set back gives a request no more time in this process, and only a little after a
   * restart.
   */
  stateOf(approval: Approval, nowMs: number): Approval['state'] {
    if (!isPending(approval)) return approval.state
    const { id, createdMs, endsMs } = approval
    const monotonic = this.#clock.monotonic()
    const leftMs = Math.min(endsMs - nowMs, approvalMs)
    const deadline = Math.min(this.#deadlines.get(id) ?? Infinity, monotonic + leftMs)
    this.#deadlines.set(id, deadline)
    if (monotonic >= deadline || nowMs < createdMs - approvalMs) return 'ended'
    return stateAt(approval, nowMs)
  }

  /** Why a request ends without a decision. Undefined: it does not end. Deleted tokens and sessions never come back. */
  #ending(approval: Approval, { tables }: TrustSnapshot, nowMs: number): { reason?: string } | undefined {
    if (!isPending(approval)) return undefined
    if (this.stateOf(approval, nowMs) === 'ended') return {}
    const reason = whyGone(tables, approval.asker)
    return reason === undefined ? undefined : { reason }
  }

  #decidable({ tables }: TrustSnapshot, id: string, { party, loginOf }: Decider, nowMs: number): Approval {
    const approval = this.#waiting(tables, id, nowMs)
    const now = { tables, nowMs, loginOf }
    const standing = standingOf(now, party)
    const why = standing ? notSecond(now, approval, standing) : 'your token or session was ended'
    if (why !== undefined)
      throw new TrustForbidden(
        `this cannot be approved: ${why}`,
        'It takes a person who neither asked for it nor may have a token of the one who did.',
        { ...eventOf('approval.approve', approval), detail: { ...aboutOf(approval), why } },
      )
    if (nowMs < approval.createdMs - approvalClockSlackMs)
      throw new NotWaiting(
        'waiting',
        'this cannot be approved: the clock of this server is before the time when it was asked for',
        'Set the clock right, or ask again.',
      )
    return approval
  }

  #waiting(tables: TrustSnapshot['tables'], id: string, nowMs: number): Approval {
    const approval = tables.approval.get(id)
    if (!approval) throw new TrustRefused('not-found', `there is no request ${id}`)
    const state = this.stateOf(approval, nowMs)
    if (state === 'waiting') return approval
    const why = state === 'ended' && approval.reason !== undefined ? approval.reason : stateTexts[state]
    throw new NotWaiting('exists', `the request ${id} does not wait any more: ${why}`)
  }

  /** Returns a request that can still be used: it waits for a decision, or it is approved and waits for its asker. */
  #pending(tables: TrustSnapshot['tables'], id: string, nowMs: number): Approval {
    const approval = tables.approval.get(id)
    const waitsForAsker = approval && isPending(approval) && this.stateOf(approval, nowMs) === 'approved'
    return waitsForAsker ? approval : this.#waiting(tables, id, nowMs)
  }

  /** Records how an open request ended. Does nothing if it is over or `decide` returns nothing. */
  async #close(
    id: string,
    by: Actor,
    decide: (
      approval: Approval,
      nowMs: number,
      snapshot: TrustSnapshot,
    ) =>
      | {
          readonly after: Approval
          readonly action: AuditAction
          readonly detail: Readonly<Record<string, string>>
        }
      | undefined,
  ): Promise<void> {
    try {
      await this.#writer.change(by, (snapshot, nowMs): TrustDraft<void> => {
        const { tables } = snapshot
        const approval = tables.approval.get(id)
        const closed = approval && isOpen(approval) ? decide(approval, nowMs, snapshot) : undefined
        if (!approval || !closed) throw new TrustRefused('not-found', `the request ${id} is over`)
        const { after, action, detail } = closed
        const put = this.#put(after, action, { ...aboutOf(approval), ...detail })
        const { remove, writes } = this.#tidied(tables, nowMs)
        return { ...put, remove, writes: [...withoutSecrets(approval), ...writes], result: undefined }
      })
    } catch (error) {
      if (!(error instanceof TrustRefused) || error.why !== 'not-found') throw error
    }
  }

  #put(
    approval: Approval,
    action: AuditAction,
    detail: Readonly<Record<string, string>>,
  ): TrustDraft<Approval> {
    return {
      put: [{ kind: 'approval', value: approval }],
      ...eventOf(action, approval),
      detail,
      result: approval,
    }
  }

  #tidied({ approval }: TrustSnapshot['tables'], nowMs: number) {
    const old = keptNoLonger(approval.values(), nowMs)
    return {
      remove: old.map(({ id }) => ({ kind: 'approval', id }) as const),
      writes: old.map(({ id }): Write => ({ type: 'secret-removed', name: approvalResult(id) })),
    }
  }
}

const stateTexts: Readonly<Record<Approval['state'], string>> = {
  waiting: 'it waits',
  approved: 'it was approved, and is being carried out',
  done: 'it was approved and carried out',
  failed: 'it was not carried out',
  refused: 'it was refused',
  cancelled: 'the person who asked for it took it back',
  ended: 'its time is over',
}

/** The name of the sealed secret with the act's answer. */
export const approvalResult = (id: string): string => `approval-result-${id}`

/** The name of the sealed secret with the parts of the request's body that no row may show. */
export const approvalSecret = (id: string): string => `approval-${id}`

function withoutSecrets({ id, hasSecrets }: Approval): readonly Write[] {
  return hasSecrets ? [{ type: 'secret-removed', name: approvalSecret(id) }] : []
}

type ActRequest = Pick<Approval, 'route' | 'asked' | 'asker'>

function wantedText({ route, asked: request, asker }: ActRequest): string {
  return JSON.stringify([route, request, 'tokenId' in asker ? asker.tokenId : asker.sessionId])
}

function isSame(one: ActRequest, other: ActRequest): boolean {
  return wantedText(one) === wantedText(other)
}

function aboutOf({ act, asker }: Approval): Readonly<Record<string, string>> {
  const { person } = asker
  return {
    act,
    askedBy: person.name,
    ...(person.kind === 'subject' && { person: idOfSubject(person) }),
    ...('tokenId' in asker && { token: asker.name }),
  }
}

function eventOf(action: AuditAction, { id, instanceId }: Approval) {
  return { action, object: id, instanceId }
}

function entry(
  action: AuditAction,
  approval: Approval,
  { requestId = null, ...by }: Actor & { readonly requestId?: string | null },
  atMs: number,
): AuditEntry {
  const { kind, id, name, certificateSha256, address } = by
  const actor = { kind, id, name, certificateSha256, address }
  const about = { result: 'success', reason: null, requestId, detail: aboutOf(approval) } as const
  return { atMs, ...eventOf(action, approval), actor, ...about }
}
