// A vendor's PKCS #11 module, loaded into this process: its functions by name, each of which runs on a thread of koffi and returns
// a promise. Only the helper process loads one (helper.ts), since nothing can stop a call that hangs.

import { RootKeyError } from '../../../core/ports/root-key.ts'
import { Memory } from './memory.ts'
import { Pkcs11Error } from './return-values.ts'

/** Each function with its index in CK_FUNCTION_LIST and the number of its arguments. */
const functions = {
  C_Initialize: [0, 1],
  C_Finalize: [1, 1],
  C_GetSlotList: [4, 3],
  C_GetTokenInfo: [6, 2],
  C_GetMechanismList: [7, 3],
  C_OpenSession: [12, 5],
  C_CloseSession: [13, 1],
  C_Login: [18, 4],
  C_DestroyObject: [22, 2],
  C_GetAttributeValue: [24, 4],
  C_FindObjectsInit: [26, 3],
  C_FindObjects: [27, 4],
  C_FindObjectsFinal: [28, 1],
  C_EncryptInit: [29, 3],
  C_Encrypt: [30, 5],
  C_DecryptInit: [33, 3],
  C_Decrypt: [34, 5],
  C_SignInit: [42, 3],
  C_Sign: [43, 5],
  C_GenerateKey: [58, 5],
  C_WrapKey: [60, 6],
  C_UnwrapKey: [61, 8],
} as const

type FunctionName = keyof typeof functions
type Argument = number | bigint | Buffer
type Native = (args: readonly bigint[]) => Promise<number>

const functionsOfList = 68
const pointerBytes = 8

export class Module {
  readonly #natives: ReadonlyMap<FunctionName, Native>
  readonly #addressOf: (buffer: Buffer) => bigint

  private constructor(natives: ReadonlyMap<FunctionName, Native>, addressOf: (buffer: Buffer) => bigint) {
    this.#natives = natives
    this.#addressOf = addressOf
  }

  /** Throws RootKeyError. The module is not initialized yet. */
  static async load(path: string): Promise<Module> {
    const koffi = await loadKoffi()
    const addressOf = (buffer: Buffer): bigint => koffi.address(buffer)
    let table: Buffer
    try {
      const getList = koffi.load(path).func('C_GetFunctionList', 'ulong', ['uint64'])
      const pointer = Buffer.alloc(pointerBytes)
      const value = Number(getList(addressOf(pointer)))
      if (value !== 0) throw new Pkcs11Error('C_GetFunctionList', value)
      const list = pointer.readBigUInt64LE()
      table = Buffer.from(koffi.view(list, pointerBytes * (1 + functionsOfList)))
    } catch (cause) {
      if (cause instanceof RootKeyError) throw cause
      throw new RootKeyError('unreachable', `the module ${path} cannot be loaded: ${textOf(cause)}`, {
        cause,
      })
    }
    const native = (index: number, length: number): Native => {
      const address = table.readBigUInt64LE(pointerBytes * (1 + index))
      const proto = koffi.proto(
        null,
        'ulong',
        Array.from({ length }, () => 'uint64'),
      )
      const call = koffi.decode(address, proto)
      return (args) =>
        new Promise((resolve, reject) => {
          call.async(...args, (error, value) => (error ? reject(error) : resolve(Number(value))))
        })
    }
    const entries = Object.entries(functions) as [FunctionName, (typeof functions)[FunctionName]][]
    return new Module(
      new Map(entries.map(([name, [index, length]]) => [name, native(index, length)])),
      addressOf,
    )
  }

  /** Gives `work` memory for its calls, and wipes it afterwards. */
  async use<T>(work: (memory: Memory) => Promise<T>): Promise<T> {
    const memory = new Memory(this.#addressOf)
    try {
      return await work(memory)
    } finally {
      memory.free()
    }
  }

  /** A buffer stands for its address; it must come from the `memory` of `use`. Throws Pkcs11Error unless CKR_OK. */
  async call(name: FunctionName, ...args: readonly Argument[]): Promise<void> {
    const value = await this.value(name, ...args)
    if (value !== 0) throw new Pkcs11Error(name, value)
  }

  /** Calls a function of the module, and returns its return value (CKR_…), whatever that is. */
  async value(name: FunctionName, ...args: readonly Argument[]): Promise<number> {
    const addresses = args.map((arg) =>
      Buffer.isBuffer(arg) ? (arg.length === 0 ? 0n : this.#addressOf(arg)) : BigInt(arg),
    )
    const native = this.#natives.get(name)
    if (!native) throw new Error(`${name} is not in the table`)
    return native(addresses)
  }
}

async function loadKoffi(): Promise<typeof import('koffi').default> {
  try {
    return (await import('koffi')).default
  } catch (cause) {
    throw new RootKeyError(
      'unreachable',
      'root keys on tokens need the package koffi with its part for this machine, which is not installed: ' +
        `npm install koffi, or take a package of Mortise that has it (${textOf(cause)})`,
      { cause },
    )
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
