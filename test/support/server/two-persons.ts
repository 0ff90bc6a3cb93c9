// The admin door with guarded acts, and people whose tokens were handed out by the first one.

import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { Output } from '../../../src/doors/http/route.ts'
import { serverActor } from '../../../src/core/audit/actor.ts'
import { guardedActs } from '../../../src/core/ports/guarded-acts.ts'
import type { Instance, PersonSession, Token } from '../../../src/core/trust/rows.ts'
import { startDoor, type DoorSettings, type TestDoor } from './admin-door.ts'
import type { Answer } from '../clients/https.ts'
import { MovableClock } from '../time/movable-clock.ts'
import { putRsaKeysBack } from '../certificates/rsa-keys.ts'
import type { approvalRoutes } from '../../../src/features/approvals/routes.ts'

export type Shown = Output<typeof approvalRoutes.showApproval>

/** Somebody who may send requests. */
export interface Someone {
  readonly bearer: string
}

export interface Human extends Someone {
  readonly token: Token
}

export interface Visitor extends Someone {
  readonly session: PersonSession
}

const issuer = 'https://login.example.test'

export class TwoPersons {
  readonly door: TestDoor
  readonly clock: MovableClock
  readonly #env: Record<string, string>

  private constructor(door: TestDoor, clock: MovableClock, env: Record<string, string>) {
    this.door = door
    this.clock = clock
    this.#env = env
  }

  /** Closed after the test. Left out, every act is guarded. */
  static async open(t: TestContext, settings: DoorSettings = {}): Promise<TwoPersons> {
    const clock = new MovableClock()
    const env = {
      MORTISE_OIDC_ISSUER: issuer,
      MORTISE_OIDC_CLIENT_ID: 'mortise',
      MORTISE_OIDC_ROLES: 'managers=manager,of-red=manager@red,viewers=viewer',
    }
    const door = await startDoor({ guards: guardedActs, clock, env, ...settings })
    t.after(async () => {
      await door.close()
      putRsaKeysBack()
    })
    return new TwoPersons(door, clock, env)
  }

  /** As after `mortise reload`. */
  async setRoles(roles: string): Promise<void> {
    this.#env['MORTISE_OIDC_ROLES'] = roles
    await this.door.context.reload(serverActor)
  }

  /** A person who has logged in, as a manager unless `more` says otherwise. */
  async login(
    subject: string,
    { groups = ['managers'], ...more }: Partial<Pick<PersonSession, 'name' | 'names' | 'groups'>> = {},
  ): Promise<Visitor> {
    const { people, context } = this.door
    const wanted = { issuer, subject, name: subject, through: 'cli', groups, ...more } as const
    const actor = { ...serverActor, kind: 'person' as const, id: `${issuer}#${subject}`, name: wanted.name }
    return people.begin(actor, wanted, (session) => ({
      session,
      bearer: context.sessions.textOf(context.sessions.beginOf(session)),
    }))
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

  async ask(who: Someone | string, method: string, path: string, body?: unknown): Promise<Answer> {
    const token = typeof who === 'string' ? who : who.bearer
    return this.door.ask(method, `/api/v1${path}`, { token, ...(body !== undefined && { body }) })
  }

  /** A request that must wait. */
  async waits(
    who: Someone,
    method: string,
    path: string,
    body?: unknown,
  ): Promise<{ approval: Shown; token: string | null }> {
    const answer = await this.ask(who, method, path, body)
    assert.equal(answer.status, 202, answer.text)
    return answer.json as { approval: Shown; token: string | null }
  }

  async show(who: Someone, { id }: Pick<Shown, 'id'>): Promise<Shown> {
    return (await this.ask(who, 'GET', `/approvals/${id}`)).json as Shown
  }

  approve(who: Someone, { id }: Pick<Shown, 'id'>): Promise<Answer> {
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
