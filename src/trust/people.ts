// People whom the identity provider named: whether a session still counts, and which roles it gives, as of now. Every request
// asks (design: invariant 4). The roles come from the groups that the session stores and the rules as they are at this moment.

import type { By } from '../audit/actor.ts'
import type { Clock } from '../ports/clock.ts'
import type { Access } from './access.ts'
import type { Subject } from './person.ts'
import type { PersonSessionChanges } from './person-sessions.ts'
import { grantsOf, type Grant, type RoleRule } from './role-rules.ts'
import type { PersonSession } from './rows.ts'
import type { Session } from './sessions.ts'
import type { Present } from './writer.ts'

export interface PeopleSettings {
  /** Null: nobody logs in so, and no session of a person counts. */
  readonly issuer: string | null
  readonly rules: readonly RoleRule[]
  readonly sessionMs: number
  readonly idleMs: number
}

export interface PersonAccess {
  readonly session: PersonSession
  readonly grants: readonly Grant[]
  readonly trustVersion: number
}

export interface PeopleOptions {
  readonly access: Access
  readonly changes: PersonSessionChanges
  readonly clock: Pick<Clock, 'now'>
  /** Asked each time. */
  readonly settings: () => PeopleSettings
}

export class People {
  readonly #access: Access
  readonly #changes: PersonSessionChanges
  readonly #clock: Pick<Clock, 'now'>
  readonly #settings: () => PeopleSettings

  constructor({ access, changes, clock, settings }: PeopleOptions) {
    this.#access = access
    this.#changes = changes
    this.#clock = clock
    this.#settings = settings
  }

  get idleMs(): number {
    return this.#settings().idleMs
  }

  /** Undefined: the session is over, was ended, or gives no role any more. */
  async accessOf({ id, usedMs }: Session): Promise<PersonAccess | undefined> {
    const { tables, version } = await this.#access.snapshot()
    const session = tables.session.get(id)
    const now = this.#clock.now()
    if (!session || now >= usedMs + this.idleMs) return undefined
    const grants = this.#grants(session, tables.instance)
    return grants.length === 0 ? undefined : { session, grants, trustVersion: version }
  }

  /** Throws TrustForbidden, which the audit has, if the person's groups give nothing. */
  async begin<A>(
    by: By,
    { groups, ...person }: Subject & Pick<PersonSession, 'groups' | 'through'>,
    present: Present<PersonSession, A>,
  ): Promise<A> {
    const { rules, sessionMs: lengthMs } = this.#settings()
    const known = new Set(rules.map(({ group }) => group))
    const wanted = { ...person, groups: [...new Set(groups)].filter((group) => known.has(group)), lengthMs }
    const grants = ({ instance }: { readonly instance: Parameters<typeof grantsOf>[2] }) =>
      grantsOf(wanted.groups, rules, instance)
    return this.#changes.begin(by, wanted, grants, present)
  }

  end(by: By, id: string): Promise<PersonSession> {
    return this.#changes.end(by, id)
  }

  /** Those that still count, though one may have been idle for too long. */
  async list(): Promise<readonly { readonly session: PersonSession; readonly grants: readonly Grant[] }[]> {
    const { tables } = await this.#access.snapshot()
    return [...tables.session.values()]
      .map((session) => ({ session, grants: this.#grants(session, tables.instance) }))
      .filter(({ grants }) => grants.length > 0)
      .toSorted((a, b) => b.session.startedMs - a.session.startedMs)
  }

  /** None where the session is over, or comes from a provider that the configuration does not name any more. */
  #grants(session: PersonSession, instances: Parameters<typeof grantsOf>[2]): readonly Grant[] {
    const { issuer, rules, sessionMs } = this.#settings()
    const { startedMs, endsMs } = session
    if (session.issuer !== issuer) return []
    if (this.#clock.now() >= Math.min(endsMs, startedMs + sessionMs)) return []
    return grantsOf(session.groups, rules, instances)
  }
}
