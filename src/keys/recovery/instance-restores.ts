// The last step of a restore: the instance becomes one of this server, with all that belongs to that moment, in one
// change of trust. Its objects are there already; before this nobody can see them.

import type { By } from '../../audit/actor.ts'
import type { Write } from '../../ports/store.ts'
import type { Instance } from '../../trust/rows.ts'
import { TrustRefused, type TrustWriter } from '../../trust/writer.ts'

export interface RestoredInstance {
  readonly instance: Instance
  /** Refused when it is taken; left out: as it was, or as near to it as is free. */
  readonly name?: string
  readonly writes: readonly Write[]
  /** For the audit. */
  readonly detail: Readonly<Record<string, string | number | boolean>>
}

export class InstanceRestores {
  readonly #writer: TrustWriter

  constructor(writer: TrustWriter) {
    this.#writer = writer
  }

  /** Throws TrustRefused when the instance is there already, or the name that was asked for is taken. */
  async commit(by: By, { instance, name, writes, detail }: RestoredInstance): Promise<Instance> {
    return this.#writer.change<Instance>(by, ({ tables }) => {
      if (tables.instance.has(instance.id)) throw isThere(instance.id)
      const taken = new Set([...tables.instance.values()].map((other) => other.name))
      if (name !== undefined && taken.has(name))
        throw new TrustRefused('exists', `an instance named ${name} exists already`, 'Choose another --name.')
      const restored: Instance = { ...instance, name: name ?? freeName(instance.name, taken) }
      return {
        put: [{ kind: 'instance', value: restored }],
        writes,
        action: 'instance.restore',
        object: instance.id,
        instanceId: instance.id,
        detail: { ...detail, name: restored.name, rootKey: instance.rootKeyUri, custody: instance.custody },
        result: restored,
      }
    })
  }
}

export function isThere(instanceId: string): TrustRefused {
  return new TrustRefused(
    'exists',
    `this server has the instance ${instanceId} already`,
    'A restore is for a server that lost it. What is here would be older or newer than what lies beside the root key.',
  )
}

function freeName(name: string, taken: ReadonlySet<string>): string {
  if (!taken.has(name)) return name
  for (let number = 1; ; number++) {
    const other = number === 1 ? `${name}-restored` : `${name}-restored-${number}`
    if (!taken.has(other)) return other
  }
}
