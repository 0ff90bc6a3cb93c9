// The admin door with guarded acts, and people whose tokens were handed out by the first one.

import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { Output } from '../../src/admin/api.ts'
import { serverActor } from '../../src/audit/actor.ts'
import { guardedActs } from '../../src/trust/approval.ts'
import type { Instance, Token } from '../../src/trust/rows.ts'
import { startDoor, type DoorSettings, type TestDoor } from './admin-door.ts'
import type { Answer } from './https.ts'
import { MovableClock } from './movable-clock.ts'

export type Shown = Output<'showApproval'>

export interface Human {
  readonly token: Token
  readonly bearer: string
}

export class TwoPersons {
  readonly door: TestDoor
  readonly clock: MovableClock

  private constructor(door: TestDoor, clock: MovableClock) {
    this.door = door
    this.clock = clock
  }

  /** Closed after the test. Left out, every act is guarded. */
  static async open(t: TestContext, settings: DoorSettings = {}): Promise<TwoPersons> {
    const clock = new MovableClock()
    const door = await startDoor({ guards: guardedActs, clock, ...settings })
    t.after(() => door.close())
    return new TwoPersons(door, clock)
  }

  /** A manager, unless `more` says otherwise. `by`: whose token makes it; left out: the machine's owner. */
  async human(
    name: string,
    {
      by,
      owner = name,
      ...more
    }: { readonly by?: Human; readonly owner?: string | null } & Partial<
      Pick<Token, 'role' | 'instanceId' | 'expiresMs'>
    > = {},
  ): Promise<Human> {
    const actor = by
      ? { ...serverActor, kind: 'token' as const, id: by.token.id, name: by.token.name }
      : serverActor
    const named = owner === null ? {} : { owner }
    const wanted = { name, role: 'manager', instanceId: null, expiresMs: null, ...named, ...more } as const
    return this.door.context.trust.tokens.create(actor, wanted)
  }

  async ask(who: Human | string, method: string, path: string, body?: unknown): Promise<Answer> {
    const token = typeof who === 'string' ? who : who.bearer
    return this.door.ask(method, `/api/v1${path}`, { token, ...(body !== undefined && { body }) })
  }

  /** A request that must wait. */
  async waits(
    who: Human,
    method: string,
    path: string,
    body?: unknown,
  ): Promise<{ approval: Shown; token: string | null }> {
    const answer = await this.ask(who, method, path, body)
    assert.equal(answer.status, 202, answer.text)
    return answer.json as { approval: Shown; token: string | null }
  }

  async show(who: Human, { id }: Pick<Shown, 'id'>): Promise<Shown> {
    return (await this.ask(who, 'GET', `/approvals/${id}`)).json as Shown
  }

  approve(who: Human, { id }: Pick<Shown, 'id'>): Promise<Answer> {
    return this.ask(who, 'POST', `/approvals/${id}/approve`)
  }

  async key(instance: Instance = this.door.red): Promise<string> {
    const bearer = await this.door.token('manager')
    const made = await this.ask(bearer, 'POST', `/instances/${instance.id}/keys`, {})
    return (made.json as { id: string }).id
  }

  async keyState(key: string, instance: Instance = this.door.red): Promise<string | undefined> {
    return (await this.door.context.keys.show(instance.id, key))?.state
  }

  /** The actions of the audit log about a request, oldest first: `approval.ask`, or `approval.approve refused`. */
  async entries({ id }: Pick<Shown, 'id'>): Promise<readonly string[]> {
    const { entries } = await this.door.context.audit.list({ order: 'oldest', limit: 500, object: id })
    return entries.map(({ body }) => {
      const { action, result } = JSON.parse(body) as { action: string; result: string }
      return result === 'success' ? action : `${action} ${result}`
    })
  }
}
