// One token in the helper process: found by its name, logged in once, with a pool of sessions. An error in a session closes the session.
// If the token is lost, this process does not look for it again: the server kills the process, and a new one begins from the start.

import { RootKeyError } from '../../../core/ports/root-key.ts'
import { attributeBytes, ulong, ulongBytes, type Attribute, type Memory } from './memory.ts'
import type { Module } from './module.ts'
import { Pkcs11Error } from './return-values.ts'
import type { TokenName } from './uri.ts'

/** Sessions on one token at once. */
const pkcs11SessionsMax = 4
const pkcs11SlotsMax = 1_000
const pkcs11MechanismsMax = 1_000
const pkcs11AttributeBytesMax = 4 * 1024

export interface TokenStart {
  readonly token: TokenName
  readonly pin: Uint8Array | null
}

/** A session with the token. `use` gives it to one piece of work at a time. */
export interface TokenSession {
  readonly module: Module
  readonly memory: Memory
  readonly handle: bigint
}

export class Pkcs11Token {
  /** The token's label, for messages. */
  readonly label: string
  readonly mechanisms: ReadonlySet<number>
  readonly #module: Module
  readonly #slot: bigint
  readonly #sessionsMax: number
  readonly #idle: bigint[] = []
  readonly #waiting: ((handle: bigint | undefined) => void)[] = []
  #open = 0

  private constructor(
    module: Module,
    { slot, label }: Slot,
    mechanisms: ReadonlySet<number>,
    sessionsMax: number,
  ) {
    this.label = label
    this.mechanisms = mechanisms
    this.#module = module
    this.#slot = slot
    this.#sessionsMax = sessionsMax
  }

  /** Throws RootKeyError. */
  static async open(module: Module, { token: name, pin }: TokenStart): Promise<Pkcs11Token> {
    const isThreaded = await initialize(module)
    const slot = await findSlot(module, name)
    const sessionsMax = isThreaded ? pkcs11SessionsMax : 1
    const token = new Pkcs11Token(module, slot, await mechanismsOf(module, slot.slot), sessionsMax)
    await token.#login(slot, pin)
    return token
  }

  /** Throws RootKeyError. */
  async use<T>(work: (session: TokenSession) => Promise<T>): Promise<T> {
    const handle = this.#idle.pop() ?? (await this.#openOrWait())
    let isGood = false
    try {
      const done = await this.#module.use((memory) => work({ module: this.#module, memory, handle }))
      isGood = true
      return done
    } finally {
      if (isGood) this.#handBack(handle)
      else await this.#close(handle)
    }
  }

  async #openOrWait(): Promise<bigint> {
    if (this.#open >= this.#sessionsMax) {
      const handed = await new Promise<bigint | undefined>((resolve) => this.#waiting.push(resolve))
      if (handed !== undefined) return handed
    }
    this.#open++
    try {
      return await this.#openSession()
    } catch (error) {
      this.#open--
      this.#waiting.shift()?.(undefined)
      throw error
    }
  }

  async #openSession(): Promise<bigint> {
    return this.#module.use(async (memory) => {
      const handle = memory.space(ulongBytes)
      await this.#module.call('C_OpenSession', this.#slot, sessionFlags, 0, 0, handle)
      return handle.readBigUInt64LE()
    })
  }

  #handBack(handle: bigint): void {
    const next = this.#waiting.shift()
    if (next) next(handle)
    else this.#idle.push(handle)
  }

  async #close(handle: bigint): Promise<void> {
    // The return value does not matter: mostly the session is gone already.
    await this.#module.value('C_CloseSession', handle)
    this.#open--
    this.#waiting.shift()?.(undefined)
  }

  /**
   * Logs in through a session of its own. All sessions with a token share one login, and lose it when the last of them is closed. So no
   * work uses this session, and it stays open for as long as the process runs.
   */
  async #login({ flags }: Slot, pin: Uint8Array | null): Promise<void> {
    if ((flags & loginRequired) === 0) return
    if (pin === null)
      throw new RootKeyError(
        'root-key',
        `the token ${this.label} wants a PIN: add pin-source=file:/PATH to the URI`,
      )
    if ((flags & pinLocked) !== 0)
      throw new RootKeyError(
        'root-key',
        `the token ${this.label} says that its PIN is locked, so Mortise does not try. Its security officer sets a new one`,
      )
    if ((flags & pinFinalTry) !== 0)
      throw new RootKeyError(
        'root-key',
        `the token ${this.label} says that one more wrong PIN locks it, so Mortise does not try. Log in once with the ` +
          'tool of its vendor, which resets the count, and put that PIN into the file',
      )
    const handle = await this.#openSession()
    await this.#module.use(async (memory) => {
      const bytes = memory.copy(pin)
      const value = await this.#module.value('C_Login', handle, normalUser, bytes, bytes.length)
      if (value !== 0 && value !== alreadyLoggedIn) throw new Pkcs11Error('C_Login', value)
    })
  }
}

/** CKF_SERIAL_SESSION and CKF_RW_SESSION. Only a session with both can make keys that stay on the token. */
const sessionFlags = 0x4 | 0x2
const normalUser = 1
const alreadyLoggedIn = 0x100

/** CK_TOKEN_INFO.flags */
const loginRequired = 0x4
const tokenInitialized = 0x400
const pinFinalTry = 0x20000
const pinLocked = 0x40000

/** Initializes the module. Returns whether several threads may call it at once. */
async function initialize(module: Module): Promise<boolean> {
  return module.use(async (memory) => {
    const usesLocks = memory.fields(0, 0, 0, 0, 0x2, 0)
    const value = await module.value('C_Initialize', usesLocks)
    if (value === 0) return true
    const cannotLock = 0x0a
    if (value !== cannotLock) throw new Pkcs11Error('C_Initialize', value)
    await module.call('C_Initialize', 0)
    return false
  })
}

interface Slot {
  readonly slot: bigint
  readonly flags: number
  readonly label: string
  readonly name: Required<TokenName>
}

async function findSlot(module: Module, name: TokenName): Promise<Slot> {
  const slots = await slotsOf(module)
  const fitting = slots.filter((slot) =>
    Object.entries(name).every(([attribute, value]) => slot.name[attribute as keyof TokenName] === value),
  )
  const [fittingSlot, another] = fitting
  const attributes = Object.entries(name)
    .map(([attribute, value]) => `${attribute} ${value}`)
    .join(', ')
  if (fittingSlot && another)
    throw new RootKeyError(
      'unreachable',
      `several tokens fit (${attributes}). Name one by its serial: ${shown(fitting)}`,
    )
  if (fittingSlot) return fittingSlot
  const others = slots.length === 0 ? 'It shows none at all' : `It shows ${shown(slots)}`
  throw new RootKeyError('unreachable', `the module shows no token with ${attributes}. ${others}`)
}

function shown(slots: readonly Slot[]): string {
  const names = slots.map(({ name }) => `${name.token} (serial ${name.serial})`)
  return names.length > 5 ? `${names.slice(0, 5).join(', ')} and others` : names.join(', ')
}

/** The slots with a token that is ready for use. */
async function slotsOf(module: Module): Promise<readonly Slot[]> {
  return module.use(async (memory) => {
    const count = memory.space(ulongBytes)
    await module.call('C_GetSlotList', 1, 0, count)
    const listed = memory.space(Math.min(ulong(count), pkcs11SlotsMax) * ulongBytes)
    count.writeBigUInt64LE(BigInt(listed.length / ulongBytes))
    if (listed.length > 0) await module.call('C_GetSlotList', 1, listed, count)
    const slots: Slot[] = []
    for (let index = 0; index < ulong(count); index++) {
      const slot = listed.readBigUInt64LE(index * ulongBytes)
      const info = memory.space(tokenInfoBytes)
      // One slot that fails says nothing about the others.
      if ((await module.value('C_GetTokenInfo', slot, info)) !== 0) continue
      const read = readTokenInfo(slot, info)
      if ((read.flags & tokenInitialized) !== 0) slots.push(read)
    }
    return slots
  })
}

/** CK_TOKEN_INFO: four texts of fixed length, the flags, ten numbers, two versions, and a time. */
const tokenInfoBytes = 96 + 11 * ulongBytes + 4 + 16 + 4

function readTokenInfo(slot: bigint, info: Buffer): Slot {
  const text = (from: number, to: number) => info.toString('utf8', from, to).replace(/[ \0]+$/, '')
  const token = text(0, 32)
  const name = {
    token,
    manufacturer: text(32, 64),
    model: text(64, 80),
    serial: text(80, 96),
    slotId: Number(slot),
  }
  return { slot, label: token, flags: ulong(info, 96 / ulongBytes), name }
}

async function mechanismsOf(module: Module, slot: bigint): Promise<ReadonlySet<number>> {
  return module.use(async (memory) => {
    const count = memory.space(ulongBytes)
    await module.call('C_GetMechanismList', slot, 0, count)
    const listed = memory.space(Math.min(ulong(count), pkcs11MechanismsMax) * ulongBytes)
    count.writeBigUInt64LE(BigInt(listed.length / ulongBytes))
    if (listed.length > 0) await module.call('C_GetMechanismList', slot, listed, count)
    return new Set(Array.from({ length: ulong(count) }, (_, index) => ulong(listed, index)))
  })
}

/** The handles of the objects that have these attributes, at most `max` of them. */
export async function findObjects(
  { module, memory, handle }: TokenSession,
  attributes: readonly Attribute[],
  max: number,
): Promise<readonly bigint[]> {
  await module.call('C_FindObjectsInit', handle, memory.template(attributes), attributes.length)
  const handles = memory.space(max * ulongBytes)
  const count = memory.space(ulongBytes)
  await module.call('C_FindObjects', handle, handles, max, count)
  await module.call('C_FindObjectsFinal', handle)
  return Array.from({ length: ulong(count) }, (_, index) => handles.readBigUInt64LE(index * ulongBytes))
}

/** undefined: the object has no such attribute, the token does not show it, or it is longer than pkcs11AttributeBytesMax. */
export async function readAttribute(
  { module, memory, handle }: TokenSession,
  object: bigint,
  type: number,
): Promise<Buffer | undefined> {
  const attribute = memory.fields(type, 0, 0)
  const returnValue = await module.value('C_GetAttributeValue', handle, object, attribute, 1)
  if (returnValue === 0x11 || returnValue === 0x12) return undefined
  if (returnValue !== 0) throw new Pkcs11Error('C_GetAttributeValue', returnValue)
  const bytes = attribute.readBigUInt64LE(attributeBytes - ulongBytes)
  if (bytes > BigInt(pkcs11AttributeBytesMax)) return undefined
  const value = memory.space(Number(bytes))
  await module.call('C_GetAttributeValue', handle, object, memory.fields(type, value, value.length), 1)
  return Buffer.from(value)
}

interface Computation {
  readonly mechanism: Buffer
  readonly key: bigint
  readonly input: Uint8Array
  /** How many bytes the result may have. */
  readonly room: number
}

/** One operation with a key on the token, in one part. */
export async function compute(
  { module, memory, handle }: TokenSession,
  what: 'Encrypt' | 'Decrypt' | 'Sign',
  { mechanism, key, input, room }: Computation,
): Promise<Buffer> {
  await module.call(`C_${what}Init`, handle, mechanism, key)
  const [bytes, result, length] = [memory.copy(input), memory.space(room), memory.fields(room)]
  await module.call(`C_${what}`, handle, bytes, bytes.length, result, length)
  return Buffer.from(result.subarray(0, ulong(length)))
}
