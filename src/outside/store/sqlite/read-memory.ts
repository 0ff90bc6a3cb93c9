// Reads the values by which the server decides about a request, the trust version and objects, and remembers them until a commit
// changes the database. Each commit, by this server's writer or by another process, changes the header of the WAL-index
// (https://sqlite.org/walformat.html). SQLite itself compares these bytes to see whether its cache is still right.
// ReadMemory reads the header once in a turn of the event loop, and again when the writer has answered: no client can know of a
// commit before that answer. So the server uses nothing that it read before a commit once a client may know of that commit (design:
// invariant 4).

import type { KeyObject } from 'node:crypto'
import { closeSync, openSync, readSync } from 'node:fs'
import type { StoredObject } from '../../../core/ports/objects.ts'
import { ByObject } from '../access/by-object.ts'
import { requireExpected, type Expected, type KnownNow } from '../expected.ts'
import { storedObject } from '../rows.ts'
import { numberIn } from '../row.ts'
import type { Statements } from './statements.ts'
import { get } from '../steps.ts'

/** The most bytes of objects that a reader keeps in memory. Each object counts its own bytes and readMemoryObjectBytes for the rest. */
export const readMemoryBytes = 32 * 1024 * 1024
const readMemoryObjectBytes = 6 * 1024

/** The WAL-index begins with two copies of its header, so that a reader notices when a writer is just changing it. */
const headerBytes = 2 * 48

export class ReadMemory {
  readonly #statements: Statements
  /** The key that signs marks (core/ports/marks.ts). */
  markKey: KeyObject | undefined
  readonly #walIndex: number
  #header = Buffer.alloc(headerBytes)
  #headerNow = Buffer.alloc(headerBytes)
  /** The header was read in this turn of the event loop. */
  #looked = false
  #trustVersion: number | undefined
  #objects = new ByObject<StoredObject>()
  /** The objects that were known before the last change of the database. */
  #before = new ByObject<StoredObject>()
  #bytes = 0
  readonly #now: KnownNow = {
    trustVersion: () => this.#knownTrustVersion(),
    objectVersion: (...object) => this.#knownObject(...object)?.version ?? null,
  }

  /** `statements`: those of a connection that only reads `file`, and has opened it already. Throws the system's error. */
  constructor(file: string, statements: Statements) {
    this.#statements = statements
    this.#walIndex = openSync(`${file}-shm`, 'r')
  }

  /** The caller calls this when the writer has answered, before any client learns of it. */
  lookAgain(): void {
    this.#looked = false
  }

  close(): void {
    closeSync(this.#walIndex)
  }

  trustVersion(): number {
    this.#forgetChanged()
    return this.#knownTrustVersion()
  }

  object(instanceId: string, uniqueIdentifier: string): StoredObject | undefined {
    this.#forgetChanged()
    return this.#knownObject(instanceId, uniqueIdentifier)
  }

  /** Throws StoreConflict. */
  check(expected: Expected): void {
    this.#forgetChanged()
    requireExpected(expected, this.#now)
  }

  #forgetChanged(): void {
    if (this.#looked) return
    this.#looked = true
    setImmediate(() => this.lookAgain())
    const isWhole = readSync(this.#walIndex, this.#headerNow, 0, headerBytes, 0) === headerBytes
    const isSame = isWhole && this.#headerNow.equals(this.#header)
    if (isSame && this.#bytes <= readMemoryBytes) return
    ;[this.#header, this.#headerNow] = [this.#headerNow, this.#header]
    this.#trustVersion = undefined
    this.#before = this.#bytes <= readMemoryBytes ? this.#objects : new ByObject()
    this.#objects = new ByObject()
    this.#bytes = 0
  }

  #knownTrustVersion(): number {
    return (this.#trustVersion ??= numberIn(this.#statements.take(get('trustVersion')) ?? {}, 'version'))
  }

  #knownObject(instanceId: string, uniqueIdentifier: string): StoredObject | undefined {
    const known = this.#objects.get(instanceId, uniqueIdentifier)
    if (known) return known
    const row = this.#statements.take(get('object', instanceId, uniqueIdentifier))
    if (!row) return undefined
    const read = storedObject(row, this.markKey)
    // Work that reads many objects in one turn does not fill the memory beyond its limit. The next turn begins with an empty memory.
    if (this.#bytes > readMemoryBytes) return read
    const object = this.#withKnownAttributes(read)
    this.#objects.set(instanceId, uniqueIdentifier, object)
    const { attributes, sealed, recoverable } = object
    const material = sealed ?? recoverable?.sealed ?? []
    this.#bytes += readMemoryObjectBytes + attributes.length + material.length
    return object
  }

  /** Attributes with the same bytes as before are the same value, so the server does not decode them again. */
  #withKnownAttributes(object: StoredObject): StoredObject {
    const attributes = this.#before.get(object.instanceId, object.uniqueIdentifier)?.attributes
    const isSame = attributes !== undefined && Buffer.compare(attributes, object.attributes) === 0
    return { ...object, ...(isSame && { attributes }), isRemembered: true }
  }
}
