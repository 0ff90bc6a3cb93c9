// One connection of a vCenter or host, as operations: each sends the exact bytes and checks the answer. It throws what
// vSphere cannot continue after (KmipRefused, KmipTransportError); all other faults go into the run log.

import type { WireCredential } from '../../wire/kmip/credential.ts'
import type { EnumName } from '../../wire/kmip/enums.ts'
import type { OperationName, Response } from '../../wire/kmip/operations.ts'
import type { ResponseItem } from '../../wire/kmip/message.ts'
import { readAnswer, readPayload, wrongAnswer } from '../../outside/kmip-client/answers.ts'
import type { ClientConnection } from '../../outside/kmip-client/connection.ts'
import { KmipRefused, KmipTransportError } from '../../outside/kmip-client/errors.ts'
import type { RunLog } from './run-log.ts'
import * as checks from './checks.ts'
import type { KmipAnswer, CheckedValue } from './checks.ts'
import type { KeyKind, KeyInventory } from './key-inventory.ts'
import * as messages from './messages.ts'
import type { Message } from './messages.ts'

export interface SessionContext {
  readonly runLog: RunLog
  readonly inventory: KeyInventory
  readonly credential: WireCredential | undefined
}

type State = EnumName<'State'>
export type Note = readonly [name: string, value: string]

export class VCenterSession {
  readonly #connection: ClientConnection
  readonly #context: SessionContext

  constructor(connection: ClientConnection, context: SessionContext) {
    this.#connection = connection
    this.#context = context
  }

  /** Accepts any list: a certified server offers only 1.4. */
  async discoverVersions(isFirst = true): Promise<void> {
    const message = messages.discoverVersions(isFirst)
    const { ProtocolVersion } = await this.#one('DiscoverVersions', message)
    if (ProtocolVersion.length === 0) this.#violation('DiscoverVersions', 'no version at all')
  }

  /** The server's vendor. Undefined if it does not say, which is not a fault. */
  async vendor(): Promise<string | undefined> {
    const what = 'refused: vCenter shows no vendor, and goes on'
    const query = this.#one('Query', messages.queryServerInformation())
    return (await this.#tolerating('Query', what, query))?.VendorIdentification
  }

  async create(owner: string, kind: KeyKind): Promise<string> {
    const response = await this.#one('Create', messages.create(this.#context.credential))
    const id = this.#judged('Create', checks.checkCreate(response))
    this.#suspect('Create', this.#context.inventory.made(id, owner, kind))
    return id
  }

  /** SHA-256 of the key's material. */
  async get(id: string): Promise<string> {
    const response = await this.#one('Get', messages.get(id, this.#context.credential))
    const sha256 = this.#judged('Get', checks.checkGet(id, response))
    if (sha256 === undefined) throw wrongAnswer(this.#connection.address, 'Get: there is no key in it')
    this.#suspect('Get', this.#context.inventory.fetched(id, sha256))
    return sha256
  }

  async state(id: string): Promise<State> {
    const message = messages.getAttributes(id, 'State', this.#context.credential)
    const response = await this.#one('GetAttributes', message)
    const state = this.#judged('GetAttributes', checks.checkState(id, response))
    if (state === undefined) throw wrongAnswer(this.#connection.address, 'GetAttributes: there is no State')
    const known = this.#context.inventory.get(id)
    if (known && known.state !== 'PreActive' && state === 'PreActive')
      this.#violation('GetAttributes', `State is ${state}, and was ${known.state} before`)
    this.#context.inventory.state(id, state)
    return state
  }

  async activate(id: string): Promise<void> {
    const response = await this.#one('Activate', messages.activate(id, this.#context.credential))
    this.#judged('Activate', checks.checkIdentifier(id, response))
    this.#context.inventory.state(id, 'Active')
  }

  /** The values of a custom attribute. Empty if the key lacks it. */
  async attribute(id: string, name: string): Promise<readonly string[]> {
    const response = await this.#one('GetAttributes', messages.getAttributes(id, name))
    return this.#judged('GetAttributes', checks.checkAttribute(id, name, response))
  }

  /** Whether all of them were added. vCenter continues in any case, whatever the answer. */
  async addAttributes(id: string, notes: readonly Note[]): Promise<boolean> {
    const message = messages.addAttributes(id, notes)
    const { value, faults } = await this.#exchange(message)
    const { items, response } = value
    const refused = items.find((item) => item === undefined || item.status !== 'Success')
    if (refused || items.includes(undefined)) {
      const reason = refused?.reason ?? 'no answer to each'
      this.#remark('AddAttribute', `refused (${reason}): vCenter goes on, its notes are missing on the key`)
      return false
    }
    this.#report('AddAttribute', faults)
    for (const [index, note] of notes.entries()) {
      const item = items[index]
      if (item) this.#judgeNoteAdded(id, note, item, response)
    }
    return true
  }

  #judgeNoteAdded(id: string, note: Note, item: ResponseItem, response: KmipAnswer['response']): void {
    try {
      const payload = readPayload('AddAttribute', item, response, this.#connection.address)
      this.#judged('AddAttribute', checks.checkAddAttribute(id, note, payload))
    } catch (error) {
      if (!(error instanceof KmipTransportError)) throw error
      this.#violation('AddAttribute', error.what)
    }
  }

  // ------------------------------------------------------------ What vSphere never does

  async revoke(id: string, reason: EnumName<'RevocationReasonCode'>): Promise<void> {
    const response = await this.#one('Revoke', messages.revoke(id, reason))
    this.#judged('Revoke', checks.checkIdentifier(id, response))
    this.#context.inventory.state(id, reason === 'KeyCompromise' ? 'Compromised' : 'Deactivated')
  }

  async destroy(id: string): Promise<void> {
    const response = await this.#one('Destroy', messages.destroy(id))
    this.#judged('Destroy', checks.checkIdentifier(id, response))
    this.#context.inventory.forget(id)
  }

  // ------------------------------------------------------------ Exchanges

  /** Sends a message of one item and returns its payload. */
  async #one<N extends OperationName>(operation: N, message: Message): Promise<Response<N>> {
    const { value, faults } = await this.#exchange(message)
    this.#report(operation, faults)
    const item: ResponseItem | undefined = value.items[0]
    if (!item) throw wrongAnswer(this.#connection.address, `${operation}: no batch item`)
    if (item.status !== 'Success') throw new KmipRefused(operation, item)
    return readPayload(operation, item, value.response, this.#connection.address)
  }

  async #exchange(message: Message): Promise<CheckedValue<KmipAnswer>> {
    const begunMs = performance.now()
    const bytes = await this.#connection.exchange(message.bytes)
    const { runLog } = this.#context
    runLog.requestMs.push(performance.now() - begunMs)
    const answer = readAnswer(bytes, this.#connection.address)
    if (answer.timeStamp !== undefined) runLog.clockAheadMs = Number(answer.timeStamp) * 1000 - Date.now()
    return checks.checkMessage(message, bytes, answer)
  }

  async #tolerating<T>(where: string, what: string, doing: Promise<T>): Promise<T | undefined> {
    try {
      return await doing
    } catch (error) {
      if (!(error instanceof KmipRefused)) throw error
      this.#remark(where, what)
      return undefined
    }
  }

  #judged<T>(operation: OperationName, { value, faults }: CheckedValue<T>): T {
    this.#report(operation, faults)
    return value
  }

  #report(operation: OperationName, faults: readonly string[]): void {
    for (const fault of faults) this.#violation(operation, fault)
  }

  #suspect(operation: OperationName, fault: string | undefined): void {
    if (fault !== undefined) this.#violation(operation, fault)
  }

  #violation(where: string, what: string): void {
    this.#context.runLog.violation(where, what)
  }

  #remark(where: string, what: string): void {
    this.#context.runLog.remark(where, what)
  }
}

/** A refusal, or a failed connection, as the value to compare. Undefined if the work succeeded. */
export async function refusalOf(
  doing: Promise<unknown>,
): Promise<KmipRefused | KmipTransportError | undefined> {
  try {
    await doing
    return undefined
  } catch (error) {
    if (error instanceof KmipRefused || error instanceof KmipTransportError) return error
    throw error
  }
}
