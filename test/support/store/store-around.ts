// A store around a real one, in which a test may stand between: refuse a commit, look at it, make it wait.

import type { KeyObject } from 'node:crypto'
import type { AccessRecord, AuditQuery } from '../../../src/core/ports/audit.ts'
import type { AnchoredStore, AnchorUse } from '../../../src/core/ports/anchor.ts'
import type { Change, Store } from '../../../src/core/ports/store.ts'
import type { ObjectQuery } from '../../../src/core/ports/objects.ts'
import type { StandardKeyQuery } from '../../../src/core/ports/secrets.ts'

export class StoreAround implements Store, AnchoredStore {
  readonly #store: Store & AnchoredStore
  /** Called before each commit with its number, from 1; what it throws is thrown instead of committing. */
  before: (change: Change, commit: number) => Promise<void> | void = () => undefined
  /** Called after each commit; what it throws is thrown although the change was done, as when an answer is lost. */
  after: (change: Change, commit: number) => Promise<void> | void = () => undefined
  /** Called after trust rows were read and before they are handed on. */
  trustRead: (version: number) => Promise<void> | void = () => undefined
  commits = 0

  constructor(store: Store & AnchoredStore) {
    this.#store = store
  }

  get anchorFile(): string {
    return this.#store.anchorFile
  }

  hasAnchor() {
    return this.#store.hasAnchor()
  }

  anchor(key: KeyObject, how: AnchorUse) {
    return this.#store.anchor(key, how)
  }

  get writer(): string {
    return this.#store.writer
  }

  get node(): string | null {
    return this.#store.node
  }

  databaseFacts() {
    return this.#store.databaseFacts()
  }

  leases() {
    return this.#store.leases()
  }

  nodes() {
    return this.#store.nodes()
  }

  async commit(change: Change): Promise<void> {
    const commit = ++this.commits
    await this.before(change, commit)
    await this.#store.commit(change)
    await this.after(change, commit)
  }

  openAccessLog(key: KeyObject) {
    return this.#store.openAccessLog(key)
  }

  /** Like a commit, for those who stand between. */
  async record(access: AccessRecord): Promise<void> {
    const commit = ++this.commits
    const { entries, fetched } = access
    const writes = fetched.map((one) => ({ type: 'fetched', ...one }) as const)
    await this.before({ writes, entries, durability: 'process' }, commit)
    await this.#store.record(access)
    await this.after({ writes, entries, durability: 'process' }, commit)
  }

  async trust() {
    const read = await this.#store.trust()
    await this.trustRead(read.version)
    return read
  }

  trustVersion() {
    return this.#store.trustVersion()
  }

  object(instanceId: string, uniqueIdentifier: string) {
    return this.#store.object(instanceId, uniqueIdentifier)
  }

  inventories(instanceId?: string) {
    return this.#store.inventories(instanceId)
  }

  inventoryRows(query: Parameters<Store['inventoryRows']>[0]) {
    return this.#store.inventoryRows(query)
  }

  keyUses(query: Parameters<Store['keyUses']>[0]) {
    return this.#store.keyUses(query)
  }

  objects(query: ObjectQuery) {
    return this.#store.objects(query)
  }

  recoverable(instanceId: string) {
    return this.#store.recoverable(instanceId)
  }

  dueObjects(untilMs: number, limit: number) {
    return this.#store.dueObjects(untilMs, limit)
  }

  recoveryTime() {
    return this.#store.recoveryTime()
  }

  auditTimes() {
    return this.#store.auditTimes()
  }

  auditSetBack(ms: number) {
    return this.#store.auditSetBack(ms)
  }

  objectCounts(instanceId: string, nowMs: number) {
    return this.#store.objectCounts(instanceId, nowMs)
  }

  usage(instanceId: string) {
    return this.#store.usage(instanceId)
  }

  adoptedOnDemand(instanceId: string) {
    return this.#store.adoptedOnDemand(instanceId)
  }

  openMarks(...args: Parameters<Store['openMarks']>) {
    return this.#store.openMarks(...args)
  }

  marksAfter(...args: Parameters<Store['marksAfter']>) {
    return this.#store.marksAfter(...args)
  }

  marksEnd() {
    return this.#store.marksEnd()
  }

  mark(...args: Parameters<Store['mark']>) {
    return this.#store.mark(...args)
  }

  unmarked(...args: Parameters<Store['unmarked']>) {
    return this.#store.unmarked(...args)
  }

  dataKeys(instanceId: string) {
    return this.#store.dataKeys(instanceId)
  }

  standardKeys(query: StandardKeyQuery) {
    return this.#store.standardKeys(query)
  }

  standardKeyVersions(instanceId: string) {
    return this.#store.standardKeyVersions(instanceId)
  }

  secrets() {
    return this.#store.secrets()
  }

  pending() {
    return this.#store.pending()
  }

  clientsSeen(clientIds: readonly string[]) {
    return this.#store.clientsSeen(clientIds)
  }

  seen(sha256s: readonly string[]) {
    return this.#store.seen(sha256s)
  }

  audit(query: AuditQuery) {
    return this.#store.audit(query)
  }

  auditMisfiled() {
    return this.#store.auditMisfiled()
  }

  auditBehind(...args: Parameters<Store['auditBehind']>) {
    return this.#store.auditBehind(...args)
  }

  forwardedTo(...args: Parameters<Store['forwardedTo']>) {
    return this.#store.forwardedTo(...args)
  }

  auditHeads(...args: Parameters<Store['auditHeads']>) {
    return this.#store.auditHeads(...args)
  }

  prunable(...args: Parameters<Store['prunable']>) {
    return this.#store.prunable(...args)
  }

  checkpoints(limit: number) {
    return this.#store.checkpoints(limit)
  }

  health() {
    return this.#store.health()
  }

  close() {
    return this.#store.close()
  }
}
