// Tracks the condition of each instance's root key for readiness and metrics, and writes each change once to the log and the
// audit. It checks each root key every half minute, so an instance recovers even if no client requests a key. Part of the
// composition root.

import type { RootKeyTrouble } from './readiness-facts.ts'
import type { Access } from '../trust/access.ts'
import type { AuditEntry } from '../ports/audit.ts'
import type { Audit } from '../audit/audit.ts'
import type { Keyring, KeyringEvents } from '../sealing/keyring.ts'
import type { Clock, Timer } from '../ports/clock.ts'
import type { Store } from '../ports/store.ts'
import { RootKeyError } from '../ports/root-key.ts'
import { closingOf } from '../trust/closings.ts'
import type { Instance } from '../trust/rows.ts'
import type { StandardKeyTrouble } from '../sealing/standard-key-troubles.ts'
import type { ClosedKey } from '../sealing/closed-keys.ts'
import type { RootKeyUse } from '../sealing/root-key-status.ts'
import { KeysUnavailable, type UnwrapSource } from '../sealing/unwrap-cache.ts'
import type { Log } from '../ports/log.ts'
import type { CoreMetrics } from '../ports/metrics.ts'

/** How often the server checks the root key of each instance, and how many concurrently. */
export const rootKeyLookEveryMs = 30_000
const rootKeyLooksMax = 4

export interface RootKeyWatchOptions {
  readonly log: Log
  readonly clock: Clock
  readonly metrics: Pick<CoreMetrics, 'dataKeyUses'>
  readonly audit: Pick<Audit, 'enter'>
}

interface WatchedParts {
  readonly access: Pick<Access, 'instances'>
  readonly keyring: Pick<Keyring, 'current' | 'forget' | 'probe' | 'status'>
}

interface ClosedParts {
  readonly store: Pick<Store, 'object' | 'dataKeys'>
  readonly access: Pick<Access, 'instances'>
  readonly keyring: Pick<Keyring, 'closed'>
}

export class RootKeyWatch implements KeyringEvents {
  readonly #options: RootKeyWatchOptions
  /** By instance and root key. */
  readonly #troubles = new Map<
    string,
    RootKeyUse & { readonly trouble: RootKeyTrouble; readonly cause: string; readonly kind: string }
  >()
  /** The ids of instances that the first check has yet to reach; undefined: that check has not begun. */
  #unknown: Set<string> | undefined
  #look: { readonly atMs: number; readonly done: Promise<void> } | undefined
  #looking = false
  #stopped = false
  #timer: Timer | undefined
  #entering: Promise<void> = Promise.resolve()

  constructor(options: RootKeyWatchOptions) {
    this.#options = options
  }

  /** By instance, only those whose root key has a trouble. A root key that an instance leaves does not count. */
  troublesOf(
    instances: ReadonlyMap<string, Pick<Instance, 'rootKeyUri'>>,
  ): ReadonlyMap<string, RootKeyTrouble> {
    return new Map(this.#own(instances).map(({ instanceId, trouble }) => [instanceId, trouble]))
  }

  /** The ids of instances whose root key the first check has yet to reach. */
  get unknown(): ReadonlySet<string> {
    return this.#unknown ?? new Set()
  }

  /** The reason of each trouble, in words for people. */
  reasonsOf(instances: ReadonlyMap<string, Pick<Instance, 'rootKeyUri'>>): ReadonlyMap<string, string> {
    return new Map(this.#own(instances).map(({ instanceId, cause }) => [instanceId, cause]))
  }

  #own(instances: ReadonlyMap<string, Pick<Instance, 'rootKeyUri'>>) {
    return [...this.#troubles.values()].filter(
      ({ instanceId, rootKeyUri }) => instances.get(instanceId)?.rootKeyUri === rootKeyUri,
    )
  }

  /** Checks now and every `rootKeyLookEveryMs` until `stop`. */
  start(parts: WatchedParts): void {
    const look = () => void this.#begin(parts)
    this.#timer = this.#options.clock.every(rootKeyLookEveryMs, look)
    look()
  }

  /** Resolves when every earlier change is in the audit. A check that still runs then reports nothing more. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#timer?.cancel()
    await this.#entering
  }

  /**
   * Opens the current data key of every instance, as a request would. For a root key in trouble it calls the service, even if
   * memory has the data key. Returns a check of the last half minute if there is one. Never rejects.
   */
  look(parts: WatchedParts): Promise<void> {
    const now = this.#options.clock.monotonic()
    if (this.#look && now - this.#look.atMs < rootKeyLookEveryMs) return this.#look.done
    return this.#begin(parts)
  }

  /** Runs one check at a time. */
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

  unreachable(use: RootKeyUse, error: RootKeyError, isNews: boolean): void {
    this.#changed(use, 'unreachable', error, isNews)
  }

  withdrawn(use: RootKeyUse, error: RootKeyError): void {
    this.#changed(use, 'withdrawn', error)
  }

  answers(use: RootKeyUse): void {
    this.#answers(use)
  }

  /** Writes no audit entry, because the refused Get has one. */
  closed(closed: ClosedKey, { message }: RootKeyError): void {
    const what = `a ${nouns[closed.kind]} does not open, though its root key answers`
    this.#options.log.warn({ ...about(closed), cause: message }, what)
  }

  opens(opened: ClosedKey): void {
    this.#options.log.info(about(opened), `a ${nouns[opened.kind]} opens again`)
  }

  standardKeysRefused({ instanceId, what, cause }: StandardKeyTrouble, error: unknown): void {
    this.#options.log.warn({ instanceId, cause, ...(error !== undefined && { error }) }, refused[what])
  }

  standardKeysAccepted({ instanceId, what }: Pick<StandardKeyTrouble, 'instanceId' | 'what'>): void {
    this.#options.log.info({ instanceId }, accepted[what])
  }

  /** Returns the closed keys that are still stored. */
  async stillClosed({ store, access, keyring }: ClosedParts): Promise<readonly ClosedKey[]> {
    const closed = keyring.closed.all
    if (closed.length === 0) return []
    const instances = new Set((await access.instances()).map(({ id }) => id))
    const there = await Promise.all(
      closed.map(async (key) => instances.has(key.instanceId) && (await isThere(store, key))),
    )
    for (const [index, key] of closed.entries()) if (there[index] === false) keyring.closed.forget(key)
    return closed.filter((_, index) => there[index])
  }

  used(source: UnwrapSource): void {
    this.#options.metrics.dataKeyUses.inc({ source })
  }

  async #lookAtAll({ access, keyring }: WatchedParts): Promise<void> {
    const instances = await access.instances()
    const ids = new Set(instances.map(({ id }) => id))
    keyring.status.retain(ids)
    const unknown = (this.#unknown ??= new Set(ids))
    for (const [name, { instanceId }] of this.#troubles) if (!ids.has(instanceId)) this.#troubles.delete(name)
    const waiting = instances.values()
    const worker = async () => {
      for (const instance of waiting) {
        // An answer that was under way when it was closed came into memory since.
        if (closingOf(instance)) keyring.forget(instance.id)
        else await this.#lookAt(keyring, instance)
        unknown.delete(instance.id)
      }
    }
    await Promise.all(Array.from({ length: rootKeyLooksMax }, worker))
  }

  async #lookAt(keyring: WatchedParts['keyring'], instance: Instance): Promise<void> {
    const use = { instanceId: instance.id, rootKeyUri: instance.rootKeyUri }
    try {
      await (this.#troubles.has(nameOf(use)) ? keyring.probe(instance) : keyring.current(instance))
      if (this.#troubles.get(nameOf(use))?.trouble === 'failing') this.#answers(use)
    } catch (error) {
      // RootKeyStatus has reported the other two conditions.
      if (error instanceof KeysUnavailable && ['unreachable', 'root-key'].includes(error.reach)) return
      this.#changed(use, 'failing', error instanceof KeysUnavailable ? error.cause : error)
    }
  }

  #changed(use: RootKeyUse, trouble: RootKeyTrouble, error: unknown, isNews = false): void {
    const name = nameOf(use)
    const before = this.#troubles.get(name)
    const isSame = before?.trouble === trouble
    if (this.#stopped) return
    const cause = error instanceof Error ? error.message : String(error)
    const kind = kindOf(error)
    this.#troubles.set(name, { ...use, trouble, cause, kind })
    if (isSame) {
      if (isNews || before.kind !== kind) this.#options.log.warn({ ...use, cause }, why[trouble])
      return
    }
    this.#options.log.error({ ...use, cause, ...(trouble === 'failing' && { error }) }, sentences[trouble])
    this.#enter(`root-key.${trouble}`, 'refused', use, causeOf(error))
  }

  #answers(use: RootKeyUse): void {
    const before = this.#troubles.get(nameOf(use))?.trouble
    if (this.#stopped || before === undefined) return
    this.#troubles.delete(nameOf(use))
    this.#options.log.info({ ...use, before }, 'the root key of an instance answers again')
    this.#enter('root-key.answers', 'success', use, { before })
  }

  /** Enters changes one after the other, so the audit has them in their order. */
  #enter(
    action: AuditEntry['action'],
    result: 'success' | 'refused',
    { instanceId, rootKeyUri }: RootKeyUse,
    known: Readonly<Record<string, string | number>>,
  ): void {
    const { audit, log } = this.#options
    const detail = { rootKeyUri, ...known }
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

/** The sentence for a trouble that continues for another reason. */
const why: typeof sentences = {
  unreachable: 'why the root key of an instance does not answer',
  withdrawn: 'why the root key of an instance is refused now',
  failing: 'why the keys of an instance do not open now',
}

const refused: Record<StandardKeyTrouble['what'], string> = {
  make: 'new keys of an instance are refused by the service of its root key',
  read: 'the service of its root key does not hand out the keys of an instance, though the root key answers',
  delete: 'standard keys that are to be deleted are left at the service of their root key',
  record: 'revoked keys are not recorded as revoked at the service of their root key',
  another: 'another server uses an instance',
}

const accepted: typeof refused = {
  make: 'new keys of an instance are kept again by the service of its root key',
  read: 'the service of its root key hands out the keys of an instance again',
  delete: 'no standard keys that are to be deleted are left any more',
  record: 'revoked keys are recorded again at the service of their root key',
  another: 'no other server is seen any more that uses an instance',
}

function nameOf({ instanceId, rootKeyUri }: RootKeyUse): string {
  return JSON.stringify([instanceId, rootKeyUri])
}

const nouns: Record<ClosedKey['kind'], string> = { object: 'key', 'data key': 'data key' }

function about({ instanceId, kind, id }: ClosedKey): Readonly<Record<string, string>> {
  return { instanceId, [kind === 'object' ? 'object' : 'dataKey']: id }
}

async function isThere(store: ClosedParts['store'], { instanceId, kind, id }: ClosedKey): Promise<boolean> {
  if (kind === 'data key') return (await store.dataKeys(instanceId)).some((record) => record.id === id)
  const object = await store.object(instanceId, id)
  // After the key has moved into the database, its data key decides.
  return object !== undefined && object.sealed !== null && object.dataKeyId === null
}

interface Refusal {
  readonly status?: unknown
  readonly code?: unknown
}

/**
 * The kind of refusal, without the texts of a service: Vault gives texts instead of codes. It reads fields that only some errors
 * have: those of Key Protect contain a refusal, those of clouds are one.
 */
function causeOf(error: unknown): Readonly<Record<string, string | number>> {
  if (!(error instanceof RootKeyError)) return {}
  const own = error as RootKeyError &
    Refusal & {
      readonly call?: unknown
      readonly correlationId?: unknown
      readonly refusal?: Refusal | undefined
    }
  const { call, correlationId, refusal } = own
  const { status, code } = refusal ?? own
  return {
    reach: error.reach,
    ...(typeof call === 'string' && { call }),
    ...(typeof status === 'number' && { status }),
    ...(typeof status === 'number' && typeof code === 'string' && /^[\w.-]+$/.test(code) && { code }),
    ...(typeof correlationId === 'string' && correlationId !== '' && { correlationId }),
  }
}

/** Equal for refusals that have one reason: each call has its own id. */
function kindOf(error: unknown): string {
  const { correlationId: _, ...kind } = causeOf(error)
  return JSON.stringify(kind)
}
