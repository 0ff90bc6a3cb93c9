// Closes instances and opens them again: one, or all of them with the server. It takes effect with the next message on every node.

import { shellWord } from '../../base/text/shell-word.ts'
import type { By } from '../audit/actor.ts'
import { closedInstances, raiseLeastVersion } from '../ports/least-version.ts'
import { serverClosing } from '../trust/closings.ts'
import type { InstanceClosing, Instance, TrustSnapshot } from '../trust/rows.ts'
import {
  requireInstance,
  TrustRefused,
  type Present,
  type TrustDraft,
  type TrustWriter,
} from '../trust/writer.ts'

/** `reason`: as the manager gave it. */
interface ClosingRequest {
  readonly by: string
  readonly reason: string
}

export class ClosingChanges {
  readonly #writer: TrustWriter

  constructor(writer: TrustWriter) {
    this.#writer = writer
  }

  /** Closes one that is closed already for another reason. Rejects with OlderNode while a node runs that would not know of it. */
  async close<A = Instance>(
    by: By,
    instanceId: string,
    request: ClosingRequest,
    present?: Present<Instance, A>,
  ): Promise<A> {
    const decide = (snapshot: TrustSnapshot, atMs: number): TrustDraft<Instance> => {
      const after: Instance = { ...requireInstance(snapshot, instanceId), closed: { atMs, ...request } }
      return {
        put: [{ kind: 'instance', value: after }],
        writes: [raiseLeastVersion(closedInstances)],
        ...eventOf(after, 'instance.close', { reason: request.reason }),
        result: after,
      }
    }
    return this.#writer.change(by, decide, present)
  }

  async open<A = Instance>(by: By, instanceId: string, present?: Present<Instance, A>): Promise<A> {
    const decide = (snapshot: TrustSnapshot): TrustDraft<Instance> => {
      const { closed, ...after } = requireInstance(snapshot, instanceId)
      if (!closed) throw isOpen(after)
      const detail = { reason: closed.reason }
      return {
        put: [{ kind: 'instance', value: after }],
        ...eventOf(after, 'instance.open', detail),
        result: after,
      }
    }
    return this.#writer.change(by, decide, present)
  }

  /** Closes all instances; one that is made meanwhile is closed, too. Rejects as `close` does. */
  async closeServer(by: By, request: ClosingRequest): Promise<InstanceClosing> {
    return this.#writer.change(by, ({ tables }, atMs): TrustDraft<InstanceClosing> => {
      if (tables.instance.size === 0)
        throw new TrustRefused('not-found', 'this server has no instance, so no key that could be used')
      const closing = { atMs, ...request }
      return {
        put: [...tables.instance.values()].map((value) => ({
          kind: 'instance',
          value: { ...value, closedWithServer: closing },
        })),
        writes: [raiseLeastVersion(closedInstances)],
        action: 'server.close',
        object: 'server',
        instanceId: null,
        detail: { reason: request.reason, instances: tables.instance.size },
        result: closing,
      }
    })
  }

  /** Opens those that were closed with the server. One that was closed by itself stays closed. Returns those. */
  async openServer(by: By): Promise<readonly Instance[]> {
    return this.#writer.change(by, ({ tables }): TrustDraft<readonly Instance[]> => {
      const all = [...tables.instance.values()]
      const closed = all.filter(({ closedWithServer }) => closedWithServer)
      if (closed.length === 0)
        throw new TrustRefused(
          'exists',
          'the server is open',
          'A single instance that is closed: mortise instance open NAME',
        )
      const opened = closed.map(({ closedWithServer: _closing, ...value }) => value)
      return {
        put: opened.map((value) => ({ kind: 'instance', value })),
        action: 'server.open',
        object: 'server',
        instanceId: null,
        detail: { instances: opened.length },
        result: all.filter((one) => one.closed),
      }
    })
  }
}

/** The fields of a new instance: it is closed while the server is. */
export function closedAsServer({ tables }: TrustSnapshot): Pick<Instance, 'closedWithServer'> {
  const closing = serverClosing(tables.instance.values())
  return closing ? { closedWithServer: closing } : {}
}

function eventOf(
  { id, name }: Instance,
  action: 'instance.close' | 'instance.open',
  detail: { readonly reason: string },
) {
  return { action, object: id, instanceId: id, detail: { name, ...detail } }
}

function isOpen({ name, closedWithServer }: Instance): TrustRefused {
  return closedWithServer
    ? new TrustRefused(
        'in-use',
        `the instance ${name} is closed with the server, and not by itself`,
        'Open the server: mortise server open',
      )
    : new TrustRefused(
        'exists',
        `the instance ${name} is open`,
        `To close it: mortise instance close ${shellWord(name)} --reason TEXT`,
      )
}
