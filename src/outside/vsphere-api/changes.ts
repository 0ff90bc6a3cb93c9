// Follows the keys of machines and hosts: vCenter answers a long poll as soon as one of a few small properties has changed. It says that
// something changed, not what: the caller reads the inventory. vCenter tells nothing of keys of disks alone, of vSAN clusters and of
// first-class disks.

import { VsphereError } from './errors.ts'
import { objectsMax, propertiesOf, throughView } from './inventory.ts'
import type { VsphereSession } from './session.ts'
import {
  booleanAt,
  elementAt,
  elementsOf,
  ref,
  requiredRef,
  requiredText,
  textAt,
  type Ref,
} from './values.ts'
import { xml, type XmlElement } from './xml.ts'

/** vCenter answers after this time if nothing has changed. */
const waitSeconds = 60
const pollLimits = {
  /** The wait, and the time in which a page of changes is sent. */
  answerMs: 180_000,
  silenceMs: (waitSeconds + 30) * 1_000,
  isBound: true,
}
/** Changes in one answer. vCenter sends the rest in the next ones. */
const pageObjectsMax = 500
/** The shortest pause between two polls: changes gather meanwhile. */
const pauseMsMin = 1_000
/** After changes, the pause is this many times as long as it took to read them. */
const pauseFactor = 4

const keyPaths: Readonly<Record<string, string>> = {
  VirtualMachine: 'config.keyId',
  HostSystem: 'runtime.cryptoKeyId',
}
const statePath = 'runtime.cryptoState'
const machinePaths = ['name', 'config.keyId', 'config.changeVersion', statePath, 'snapshot'] as const
const hostPaths = ['runtime.cryptoKeyId', statePath] as const

/**
 * Yields once it follows, so that a reading from then on misses nothing, and again after changes that concern keys. The collector and its
 * view end with the session, which the caller ends. Rejects with VsphereError, also if the session ends, and with the reason of `signal`.
 */
export async function* keyChanges(
  session: VsphereSession,
  signal: AbortSignal,
): AsyncGenerator<undefined, never, undefined> {
  const { clock } = session.connection
  const collector = await filteredCollector(session, signal)
  const keyed = new KeyedObjects()
  let version = ''
  for (;;) {
    const isFirst = version === ''
    const changes = await nextChanges(session, { collector, version, keyed, signal })
    if (changes.isRelevant || (isFirst && changes.version !== '')) yield
    version = changes.version
    const pauseMs = isFirst ? pauseMsMin : Math.max(pauseMsMin, pauseFactor * changes.tookMs)
    await clock.sleep(pauseMs, signal)
    signal.throwIfAborted()
  }
}

/** A collector of its own, which sees all machines and hosts. */
async function filteredCollector(session: VsphereSession, signal: AbortSignal): Promise<Ref> {
  const { viewManager, rootFolder, propertyCollector } = session.content
  const limits = { signal, isBound: true }
  const [own] = await session.call(propertyCollector, 'CreatePropertyCollector', [], limits)
  const collector = requiredRef(own, 'the property collector')
  const types = ['VirtualMachine', 'HostSystem'].map((type) => xml('type', type))
  const inRoot = [ref('container', rootFolder), ...types, xml('recursive', true)]
  const [made] = await session.call(viewManager, 'CreateContainerView', inRoot, limits)
  const spec = xml('spec', [
    propertiesOf('VirtualMachine', machinePaths),
    propertiesOf('HostSystem', hostPaths),
    throughView(requiredRef(made, 'the view')),
  ])
  await session.call(collector, 'CreateFilter', [spec, xml('partialUpdates', false)], limits)
  return collector
}

interface Poll {
  readonly collector: Ref
  /** The changes before it are known. Empty: none are. */
  readonly version: string
  readonly keyed: KeyedObjects
  readonly signal: AbortSignal
}

interface Changes {
  readonly version: string
  readonly isRelevant: boolean
  /** From the first change to the last, without the wait before them. */
  readonly tookMs: number
}

/** The next changes, with all their pages; without any, the version stays. */
async function nextChanges(session: VsphereSession, poll: Poll): Promise<Changes> {
  const { clock } = session.connection
  let { version } = poll
  let isRelevant = false
  let count = 0
  let firstAtMs: number | undefined
  const take = (update: XmlElement) => {
    firstAtMs ??= clock.monotonic()
    if (++count > objectsMax) throw tooMany()
    if (poll.keyed.apply(update)) isRelevant = true
  }
  for (;;) {
    const before = count
    const updates = await page(session, { ...poll, version }, take)
    if (updates) version = requiredText(updates, 'version')
    if (updates && version === '') throw new VsphereError('answer', "vCenter's changes have no version")
    if (booleanAt(updates, 'truncated') !== true) break
    if (count === before)
      throw new VsphereError('answer', 'vCenter answers a page without changes, and more pages')
  }
  return { version, isRelevant, tookMs: firstAtMs === undefined ? 0 : clock.monotonic() - firstAtMs }
}

/** One answer. Returns the UpdateSet without its changes; undefined: there were none. */
async function page(
  session: VsphereSession,
  { collector, version, signal }: Poll,
  take: (update: XmlElement) => void,
): Promise<XmlElement | undefined> {
  const options = [xml('maxWaitSeconds', waitSeconds), xml('maxObjectUpdates', pageObjectsMax)]
  const args = [xml('version', version), xml('options', options)]
  const place = ['returnval', 'filterSet', 'objectSet']
  const limits = { ...pollLimits, signal }
  const updates = session.stream(collector, 'WaitForUpdatesEx', args, place, limits)
  try {
    for (;;) {
      const step = await updates.next()
      if (step.done) return elementAt(step.value, 'returnval')
      take(step.value)
    }
  } finally {
    await updates.return(undefined as never)
  }
}

/** The machines and hosts that have a key. Nothing of the others is kept. */
class KeyedObjects {
  readonly #ids = new Set<string>()

  /** Applies an ObjectUpdate. Returns whether it concerns a key. */
  apply(update: XmlElement): boolean {
    const { type, id } = requiredRef(elementAt(update, 'obj'), 'the object')
    const kind = textAt(update, 'kind')
    const hadKey = this.#ids.delete(id)
    if (kind === 'leave') return hadKey
    let hasKey = hadKey
    let isRelevant = false
    for (const change of elementsOf(update, 'changeSet')) {
      const path = textAt(change, 'name')
      if (path === keyPaths[type]) {
        hasKey = (textAt(change, 'val', 'keyId') ?? '') !== ''
        isRelevant ||= hadKey || hasKey
      } else if (path === statePath) isRelevant ||= kind !== 'enter'
      else isRelevant ||= hadKey
    }
    if (hasKey) this.#ids.add(id)
    if (this.#ids.size > objectsMax) throw tooMany()
    return isRelevant
  }
}

function tooMany(): VsphereError {
  return new VsphereError('answer', `vCenter answers changes of more than ${objectsMax} objects`)
}
