// The last step of a restore: the instance becomes one of this server, with all that belongs to it, in one change of trust. Its
// objects are in the store already; before this commit no client can see them.

import type { By } from '../audit/actor.ts'
import type { Write } from '../ports/store.ts'
import type { AuthorityRules } from '../trust/client-rules.ts'
import { clientsBack, type ClientsBack, type ReturningClient } from '../trust/restored-clients.ts'
import type { Block, Instance, TrustTables } from '../trust/rows.ts'
import { withUpstreamOff } from '../trust/upstream.ts'
import { TrustRefused, type TrustWriter } from '../trust/writer.ts'
import { closingFor } from './instance-changes.ts'

export interface RestoredInstance {
  readonly instance: Instance
  /** The new name; refused if it is taken. Left out: the former name, or a free one that is close to it. */
  readonly name?: string
  readonly writes: readonly Write[]
  /** For the audit entry. */
  readonly detail: Readonly<Record<string, string | number | boolean>>
}

/** An instance from a backup, which holds its clients too. */
export interface InstanceBack extends RestoredInstance {
  /** The clients that an administrator confirmed. */
  readonly clients: readonly ReturningClient[]
  /** Certificates that the server refuses from now on, even if a CA of these clients vouches for them. */
  readonly blocks: readonly Block[]
}

export class InstanceRestores {
  readonly #writer: TrustWriter
  readonly #rules: AuthorityRules

  constructor(writer: TrustWriter, rules: AuthorityRules) {
    this.#writer = writer
    this.#rules = rules
  }

  /** Throws TrustRefused if the instance is here already, or the requested name is taken. */
  async commit(by: By, { instance, name, writes, detail }: RestoredInstance): Promise<Instance> {
    return this.#writer.change<Instance>(by, ({ tables }) => {
      if (tables.instance.has(instance.id)) throw isThere(instance.id)
      if (name !== undefined) requireFreeName(tables, name)
      const taken = namesIn(tables)
      const restored: Instance = { ...instance, name: name ?? freeName(instance.name, taken) }
      return {
        put: [{ kind: 'instance', value: restored }],
        writes: [...writes, ...closingFor(restored)],
        action: 'instance.restore',
        object: instance.id,
        instanceId: instance.id,
        detail: { ...detail, name: restored.name, rootKey: instance.rootKeyUri, custody: instance.custody },
        result: restored,
      }
    })
  }

  /**
   * Commits an instance of a backup, with clients. Also refuses a former name that is taken: the administrator chooses another.
   * Throws TrustRefused.
   */
  async commitBack(
    by: By,
    back: InstanceBack,
  ): Promise<{ readonly instance: Instance; readonly clients: ClientsBack }> {
    const { instance: draft, name = draft.name, writes, detail } = back
    return this.#writer.change(by, async (snapshot, nowMs) => {
      refuseThere(snapshot.tables, { id: draft.id, name })
      const instance: Instance = withUpstreamOff({ ...draft, name }, nowMs)
      const clients = await clientsBack(snapshot, back, this.#rules)
      return {
        put: [{ kind: 'instance', value: instance }, ...clients.put],
        writes: [...writes, ...closingFor(instance)],
        action: 'instance.restore',
        object: instance.id,
        instanceId: instance.id,
        detail: {
          ...detail,
          name,
          rootKey: instance.rootKeyUri,
          custody: instance.custody,
          clients: clients.clients.length,
        },
        also: clients.also,
        result: { instance, clients },
      }
    })
  }
}

/** Throws TrustRefused if this server has the instance of the backup, or another one with its name. */
export function refuseThere(
  { instance: instances }: Pick<TrustTables, 'instance'>,
  { id, name }: Pick<Instance, 'id' | 'name'>,
): void {
  const here = instances.get(id)
  if (here)
    throw new TrustRefused(
      'exists',
      `this server has the instance ${here.name} (${id}) already: it is never overwritten`,
      'Only an instance that is not here is restored. To look at the backup, start a server on it: mortise backup drill FILE',
    )
  if ([...instances.values()].some((other) => other.name === name))
    throw new TrustRefused(
      'exists',
      `this server has another instance named ${name}`,
      'Choose another name for the restored one: --name NAME',
    )
}

export function isThere(instanceId: string): TrustRefused {
  return new TrustRefused(
    'exists',
    `this server has the instance ${instanceId} already`,
    'A restore is for a server that lost it. What is here would be older or newer than what lies beside the root key.',
  )
}

/** Throws TrustRefused. */
export function requireFreeName(tables: Pick<TrustTables, 'instance'>, name: string): void {
  if (namesIn(tables).has(name))
    throw new TrustRefused('exists', `an instance named ${name} exists already`, 'Choose another --name.')
}

function namesIn({ instance }: Pick<TrustTables, 'instance'>): ReadonlySet<string> {
  return new Set([...instance.values()].map(({ name }) => name))
}

function freeName(name: string, taken: ReadonlySet<string>): string {
  if (!taken.has(name)) return name
  for (let number = 1; ; number++) {
    const other = number === 1 ? `${name}-restored` : `${name}-restored-${number}`
    if (!taken.has(other)) return other
  }
}
