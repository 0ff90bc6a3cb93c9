// What the root key of each instance last said, over time: kept for readiness and metrics, told to the log and entered
// in the audit once for each change, and asked for anew every half minute, so that an instance comes back by itself
// also when nobody wants a key. Part of the composition root.

import type { RootKeyTrouble } from '../admin/context.ts'
import type { Access } from '../trust/access.ts'
import type { AuditEntry } from '../ports/audit.ts'
import type { Audit } from '../audit/audit.ts'
import type { Keyring } from '../sealing/keyring.ts'
import type { Clock } from '../ports/clock.ts'
import type { Store } from '../ports/store.ts'
import { RootKeyError } from '../ports/root-key.ts'
import type { Instance } from '../trust/rows.ts'
import type { StandardKeyTrouble } from '../sealing/standard-key-troubles.ts'
import { KeysUnavailable, type Closed, type RootKeyEvents } from '../sealing/unsealed.ts'
import { limits } from '../limits.ts'
import type { Log } from '../telemetry/log.ts'
import type { Metrics } from '../telemetry/metrics.ts'

export interface RootKeyWatchOptions {
  readonly log: Log
  readonly clock: Clock
  readonly metrics: Pick<Metrics, 'dataKeyUses'>
  readonly audit: Pick<Audit, 'enter'>
}

interface WatchedParts {
  readonly access: Pick<Access, 'instances'>
  readonly keyring: Pick<Keyring, 'current' | 'probe'>
}

interface ClosedParts {
  readonly store: Pick<Store, 'object' | 'dataKeys'>
  readonly access: Pick<Access, 'instances'>
  readonly keyring: Pick<Keyring, 'conditions'>
}

export class RootKeyWatch implements RootKeyEvents {
  readonly #options: RootKeyWatchOptions
  readonly #troubles = new Map<string, RootKeyTrouble>()
  #look: { readonly atMs: number; readonly done: Promise<void> } | undefined
  #looking = false
  #stopped = false
  #timer: NodeJS.Timeout | undefined
  #entering: Promise<void> = Promise.resolve()

  constructor(options: RootKeyWatchOptions) {
    this.#options = options
  }

  /** By instance; those without trouble are not in it. */
  get troubles(): ReadonlyMap<string, RootKeyTrouble> {
    return this.#troubles
  }

  /** Looks now and every `limits.rootKeyLookEveryMs` until `stop`. */
  start(parts: WatchedParts): void {
    const look = () => void this.#begin(parts)
    this.#timer = setInterval(look, limits.rootKeyLookEveryMs).unref()
    look()
  }

  /** Resolves when what was told before is entered in the audit. A look that still runs has nothing to say any more. */
  async stop(): Promise<void> {
    this.#stopped = true
    clearInterval(this.#timer)
    await this.#entering
  }

  /**
   * Opens the current data key of every instance, as a request would; where there is trouble the root key is asked, even
   * if memory would do. A look that was begun within the last half minute is as good. Never rejects.
   */
  look(parts: WatchedParts): Promise<void> {
    const now = this.#options.clock.monotonic()
    if (this.#look && now - this.#look.atMs < limits.rootKeyLookEveryMs) return this.#look.done
    return this.#begin(parts)
  }

  /** One at a time. */
  #begin(parts: WatchedParts): Promise<void> {
    if (this.#looking && this.#look) return this.#look.done
    this.#looking = true
    const done = this.#lookAtAll(parts)
      .catch((error: unknown) => {
        if (!this.#stopped) this.#options.log.error({ error }, 'look whether root keys answer')
      })
      .finally(() => {
        this.#looking = false
      })
    this.#look = { atMs: this.#options.clock.monotonic(), done }
    return done
  }

  degraded(instanceId: string, degraded: boolean, cause: string, error?: RootKeyError): void {
    if (!degraded) this.#answers(instanceId, cause)
    // A no stands until there is a yes.
    else if (this.#troubles.get(instanceId) !== 'withdrawn')
      this.#changed(instanceId, 'unreachable', cause, error)
  }

  withdrawn(instanceId: string, cause: string, error?: RootKeyError): void {
    this.#changed(instanceId, 'withdrawn', cause, error)
  }

  /** No condition of the root key, and no entry of its own: the Get that was refused has one. */
  closed(closed: Closed, { message }: RootKeyError): void {
    const what = `a ${nouns[closed.kind]} does not open, though its root key answers`
    this.#options.log.warn({ ...about(closed), cause: message }, what)
  }

  opens(opened: Closed): void {
    this.#options.log.info(about(opened), `a ${nouns[opened.kind]} opens again`)
  }

  standardKeysRefused({ instanceId, what, cause }: StandardKeyTrouble, error: unknown): void {
    this.#options.log.warn({ instanceId, cause, ...(error !== undefined && { error }) }, refused[what])
  }

  standardKeysAccepted({ instanceId, what }: Pick<StandardKeyTrouble, 'instanceId' | 'what'>): void {
    this.#options.log.info({ instanceId }, accepted[what])
  }

  /** What is closed and still there. */
  async stillClosed({ store, access, keyring: { conditions } }: ClosedParts): Promise<readonly Closed[]> {
    const { closed } = conditions
    if (closed.length === 0) return []
    const instances = new Set((await access.instances()).map(({ id }) => id))
    const there = await Promise.all(
      closed.map(async (item) => instances.has(item.instanceId) && (await isThere(store, item))),
    )
    for (const [index, item] of closed.entries()) if (there[index] === false) conditions.letGo(item)
    return closed.filter((_, index) => there[index])
  }

  used(source: 'cache' | 'outage' | 'root-key'): void {
    this.#options.metrics.dataKeyUses.inc({ source })
  }

  async #lookAtAll({ access, keyring }: WatchedParts): Promise<void> {
    const instances = await access.instances()
    const ids = new Set(instances.map(({ id }) => id))
    for (const id of this.#troubles.keys()) if (!ids.has(id)) this.#troubles.delete(id)
    const waiting = instances.values()
    const worker = async () => {
      for (const instance of waiting) await this.#lookAt(keyring, instance)
    }
    await Promise.all(Array.from({ length: limits.rootKeyLooksMax }, worker))
  }

  async #lookAt(keyring: WatchedParts['keyring'], instance: Instance): Promise<void> {
    try {
      await (this.#troubles.has(instance.id) ? keyring.probe(instance) : keyring.current(instance))
      if (this.#troubles.get(instance.id) === 'failing')
        this.#answers(instance.id, 'the keys of the instance open again')
    } catch (error) {
      // Of the other two the keyring told.
      if (error instanceof KeysUnavailable && error.reach !== 'wrapped-form') return
      const { cause } = error instanceof KeysUnavailable ? error : { cause: error }
      this.#changed(instance.id, 'failing', cause instanceof Error ? cause.message : String(cause), cause)
    }
  }

  #changed(instanceId: string, trouble: RootKeyTrouble, cause: string, error: unknown): void {
    if (this.#stopped || this.#troubles.get(instanceId) === trouble) return
    this.#troubles.set(instanceId, trouble)
    const about = { instanceId, cause, ...(trouble === 'failing' && { error }) }
    this.#options.log.error(about, sentences[trouble])
    this.#enter(`root-key.${trouble}`, 'refused', instanceId, causeOf(error))
  }

  #answers(instanceId: string, cause: string): void {
    const before = this.#troubles.get(instanceId)
    if (this.#stopped || !this.#troubles.delete(instanceId)) return
    this.#options.log.info({ instanceId, cause }, 'the root key of an instance answers again')
    this.#enter('root-key.answers', 'success', instanceId, { before: before ?? 'ok' })
  }

  /** One after the other, so that they stand in the order in which it happened. */
  #enter(
    action: AuditEntry['action'],
    result: 'success' | 'refused',
    instanceId: string,
    detail: Readonly<Record<string, string | number>>,
  ): void {
    const { audit, log } = this.#options
    const entry = { action, result, instanceId, object: instanceId, reason: null, requestId: null, detail }
    this.#entering = this.#entering
      .then(() => audit.enter(entry))
      .catch((error: unknown) => {
        log.error({ error, instanceId }, `enter ${action} in the audit`)
      })
  }
}

const sentences: Record<RootKeyTrouble, string> = {
  unreachable: 'an instance is served without its root key',
  withdrawn: 'the root key of an instance was withdrawn: its keys are not served',
  failing: 'the keys of an instance do not open',
}

const refused: Record<StandardKeyTrouble['what'], string> = {
  make: 'new keys of an instance are refused by the service of its root key',
  delete: 'standard keys that are to be deleted are left at the service of their root key',
  record: 'revoked keys are not recorded as revoked at the service of their root key',
  another: 'another server uses an instance',
}

const accepted: typeof refused = {
  make: 'new keys of an instance are kept again by the service of its root key',
  delete: 'no standard keys that are to be deleted are left any more',
  record: 'revoked keys are recorded again at the service of their root key',
  another: 'no other server is seen any more that uses an instance',
}

const nouns: Record<Closed['kind'], string> = { object: 'key', 'data key': 'data key' }

function about({ instanceId, kind, id }: Closed): Readonly<Record<string, string>> {
  return { instanceId, [kind === 'object' ? 'object' : 'dataKey']: id }
}

async function isThere(store: ClosedParts['store'], { instanceId, kind, id }: Closed): Promise<boolean> {
  if (kind === 'data key') return (await store.dataKeys(instanceId)).some((record) => record.id === id)
  const object = await store.object(instanceId, id)
  // Once it moved into the database its data key tells.
  return object !== undefined && object.sealed !== null && object.dataKeyId === null
}

/** What kind of no it was, without texts of the service: read as they stand, since a file's errors have less. */
function causeOf(error: unknown): Readonly<Record<string, string | number>> {
  if (!(error instanceof RootKeyError)) return {}
  const { call, correlationId, refusal } = error as RootKeyError & {
    readonly call?: unknown
    readonly correlationId?: unknown
    readonly refusal?: { readonly status?: unknown; readonly code?: unknown } | undefined
  }
  return {
    reach: error.reach,
    ...(typeof call === 'string' && { call }),
    ...(typeof refusal?.status === 'number' && { status: refusal.status }),
    ...(typeof refusal?.code === 'string' && refusal.code !== '' && { code: refusal.code }),
    ...(typeof correlationId === 'string' && correlationId !== '' && { correlationId }),
  }
}
