// Names, enables and removes the upstream of an instance. One commit also changes its private key and writes the audit entry.

import type { By } from '../audit/actor.ts'
import type { Write } from '../ports/store.ts'
import type { Instance } from '../trust/rows.ts'
import { withUpstreamOn, type Upstream } from '../trust/upstream.ts'
import {
  requireInstance,
  TrustRefused,
  type Present,
  type TrustDraft,
  type TrustWriter,
} from '../trust/writer.ts'
import { shellWord } from '../../base/text/shell-word.ts'
import { withoutUpstreamKey } from './upstream-keys.ts'

export class UpstreamChanges {
  readonly #writer: TrustWriter

  constructor(writer: TrustWriter) {
    this.#writer = writer
  }

  /** Replaces the upstream that the instance has. `key`: the write that stores its private key. */
  async set<A = Instance>(
    by: By,
    instanceId: string,
    { upstream, key }: { readonly upstream: Omit<Upstream, 'sinceMs'>; readonly key: Write },
    present?: Present<Instance, A>,
  ): Promise<A> {
    return this.#writer.change(
      by,
      (snapshot, nowMs) => {
        const before = requireInstance(snapshot, instanceId)
        // A new address of the same old server does not restart the change-over time.
        const sinceMs = before.upstream?.sinceMs ?? nowMs
        const after: Instance = { ...before, upstream: { ...upstream, sinceMs } }
        const servers = upstream.servers.join(', ')
        return draft(after, { what: 'set', servers }, [...withoutUpstreamKey(before), key])
      },
      present,
    )
  }

  async turnOn<A = Instance>(by: By, instanceId: string, present?: Present<Instance, A>): Promise<A> {
    return this.#writer.change(
      by,
      (snapshot) => {
        const before = requireInstance(snapshot, instanceId)
        const upstream = withUpstreamOn(requireUpstream(before))
        return draft({ ...before, upstream }, { what: 'on', servers: upstream.servers.join(', ') })
      },
      present,
    )
  }

  async remove<A = Instance>(by: By, instanceId: string, present?: Present<Instance, A>): Promise<A> {
    return this.#writer.change(
      by,
      (snapshot) => {
        const before = requireInstance(snapshot, instanceId)
        const { servers } = requireUpstream(before)
        const { upstream: _upstream, ...after } = before
        return draft(after, { what: 'removed', servers: servers.join(', ') }, withoutUpstreamKey(before))
      },
      present,
    )
  }
}

function requireUpstream({ name, upstream }: Instance): Upstream {
  if (upstream) return upstream
  throw new TrustRefused(
    'not-found',
    `the instance ${name} has no upstream`,
    `Name one: mortise instance set ${shellWord(name)} --upstream kmip://HOST`,
  )
}

function draft(
  instance: Instance,
  detail: Readonly<Record<string, string>>,
  writes: readonly Write[] = [],
): TrustDraft<Instance> {
  return {
    put: [{ kind: 'instance', value: instance }],
    writes,
    action: 'instance.upstream',
    object: instance.id,
    instanceId: instance.id,
    detail,
    result: instance,
  }
}
