// People whom the identity provider named: whether a session is valid, and which roles it gives, at this moment. Every request
// asks (design: invariant 4). The roles follow from the groups in the session and the current rules.

import type { By } from '../audit/actor.ts'
import type { Clock } from '../ports/clock.ts'
import type { Access } from './access.ts'
import type { Person, PersonSubject } from './person.ts'
import { personOfSession } from './identity.ts'
import type { PersonSessionChanges } from './person-sessions.ts'
import { grantsOf, grantFor, isAtLeast, type Grant, type RoleRule } from './role-rules.ts'
import type { PersonSession, TrustTables } from './rows.ts'
import type { AdminSession } from './sessions.ts'
import type { Present } from './writer.ts'

export interface PeopleSettings {
  /** Null: no person logs in through a provider, and no session of a person counts. */
  readonly issuer: string | null
  readonly rules: readonly RoleRule[]
  readonly sessionMs: number
  readonly idleMs: number
}

/** The person and the roles of a session at this moment. */
export interface Login {
  readonly session: PersonSession
  readonly person: Person
  /** Empty: the session is over, or gives no role any more. */
  readonly grants: readonly Grant[]
  /** When it ends, even if it is used. */
  readonly endsMs: number
}

export interface PersonAccess extends Login {
  readonly trustVersion: number
}

/** Pure, except for the time and the current configuration. */
export type LoginOf = (session: PersonSession, tables: Pick<TrustTables, 'instance'>) => Login

export interface PeopleOptions {
  readonly access: Access
  readonly changes: PersonSessionChanges
  readonly clock: Pick<Clock, 'now'>
  /** Read at each use. */
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

  /** Whether the session has been idle for too long. A running request is a use, however long it takes. */
  isIdle({ usedMs }: AdminSession): boolean {
    return this.#clock.now() >= usedMs + this.idleMs
  }

  /** Undefined: the session expired, was ended, or gives no role any more. */
  async accessOf({ id }: AdminSession): Promise<PersonAccess | undefined> {
    const { tables, version } = await this.#access.snapshot()
    const session = tables.session.get(id)
    if (!session) return undefined
    const login = this.loginOf(session, tables)
    return login.grants.length === 0 ? undefined : { ...login, trustVersion: version }
  }

  readonly loginOf: LoginOf = (session, tables) => ({
    session,
    person: personOfSession(session),
    grants: this.#grants(session, tables.instance),
    endsMs: this.#endsMs(session),
  })

  /** The groups whose members are managers of everything, or of this instance. */
  managerGroups(instanceId: string | null, { instance }: Pick<TrustTables, 'instance'>): readonly string[] {
    const { issuer, rules } = this.#settings()
    if (issuer === null) return []
    const groups = [...new Set(rules.map(({ group }) => group))]
    return groups.filter((group) => {
      const grant = grantFor(grantsOf([group], rules, instance), instanceId)
      return grant !== undefined && isAtLeast(grant.role, 'manager')
    })
  }

  /** Throws TrustForbidden, which it enters in the audit, if the person's groups give no role. */
  async begin<A>(
    by: By,
    { groups, ...person }: PersonSubject & Pick<PersonSession, 'groups' | 'through'>,
    present: Present<PersonSession, A>,
  ): Promise<A> {
    const { rules, sessionMs: lengthMs } = this.#settings()
    const known = new Set(rules.map(({ group }) => group))
    const session = { ...person, groups: [...new Set(groups)].filter((group) => known.has(group)), lengthMs }
    const grants = ({ instance }: { readonly instance: Parameters<typeof grantsOf>[2] }) =>
      grantsOf(session.groups, rules, instance)
    return this.#changes.begin(by, session, grants, present)
  }

  end(by: By, id: string): Promise<PersonSession> {
    return this.#changes.end(by, id)
  }

  /** The valid sessions, including idle ones. */
  async list(): Promise<readonly { readonly session: PersonSession; readonly grants: readonly Grant[] }[]> {
    const { tables } = await this.#access.snapshot()
    return [...tables.session.values()]
      .map((session) => ({ session, grants: this.#grants(session, tables.instance) }))
      .filter(({ grants }) => grants.length > 0)
      .toSorted((a, b) => b.session.startedMs - a.session.startedMs)
  }

  /** Empty if the session is over, or if the configuration no longer names its provider. */
  #grants(session: PersonSession, instances: Parameters<typeof grantsOf>[2]): readonly Grant[] {
    const { issuer, rules } = this.#settings()
    if (session.issuer !== issuer || this.#clock.now() >= this.#endsMs(session)) return []
    return grantsOf(session.groups, rules, instances)
  }

  #endsMs({ startedMs, endsMs }: PersonSession): number {
    return Math.min(endsMs, startedMs + this.#settings().sessionMs)
  }
}
