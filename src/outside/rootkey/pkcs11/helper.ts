// The process that loads a vendor's PKCS #11 module, for one token. Nothing can stop a native call that hangs, but the server can kill
// this process and start another (helper-process.ts). It ends with the server, and keeps nothing that outlives it.

import { randomBytes } from 'node:crypto'
import { RootKeyError } from '../../../core/ports/root-key.ts'
import type {
  HelperCallName,
  HelperFailure,
  FromHelper,
  HelperCalls,
  TokenKeyUse,
  ListedTokenKey,
  ToHelper,
} from './helper-messages.ts'
import { attributesOf, cka, findKey, type TokenKey } from './key.ts'
import { Module } from './module.ts'
import { Pkcs11Error } from './return-values.ts'
import { unsealByToken, sealByToken } from './seal.ts'
import { findObjects, readAttribute, Pkcs11Token } from './token.ts'
import type { KeyName } from './uri.ts'

const pkcs11ListedKeysMax = 1_000

// This process ignores these signals: they reach the whole group of processes, and the server handles them.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined)
// The server has ended. SIGKILL, since a call of the module may hang and would delay an ordinary exit.
process.once('disconnect', () => process.kill(process.pid, 'SIGKILL'))
process.on('message', (message: ToHelper) => void hear(message))

let token: Pkcs11Token | undefined
const keys = new Map<string, Promise<TokenKey>>()

async function hear({ number, ...message }: ToHelper): Promise<void> {
  try {
    const answer = await act(message)
    tell({ number, answer })
  } catch (error) {
    tell({ number, failure: failureOf(error) })
  }
}

type HelperRequest = {
  [Name in HelperCallName]: { readonly call: Name; readonly input: HelperCalls[Name][0] }
}[HelperCallName]

async function act(message: HelperRequest): Promise<HelperCalls[HelperCallName][1]> {
  switch (message.call) {
    case 'start': {
      const { module, token: name, pin } = message.input
      token = await Pkcs11Token.open(await Module.load(module), { token: name, pin }).finally(() =>
        pin?.fill(0),
      )
      return null
    }
    case 'find': {
      const { id, warnings } = await keyOf(message.input.key)
      return { id, warnings }
    }
    case 'wrap': {
      const { secret, ...use } = message.input
      return sealByToken(await sealingOf(use), secret, use.associatedData).finally(() => secret.fill(0))
    }
    case 'unwrap': {
      const { wrapped, ...use } = message.input
      return unsealByToken(await sealingOf(use), wrapped, use.associatedData)
    }
    case 'list':
      return list(started())
    case 'create':
      await create(started(), message.input.key)
      return null
    default:
      return message satisfies never
  }
}

function started(): Pkcs11Token {
  if (!token) throw new Error('the first message must be start')
  return token
}

/** Looks for each key once: its handle stays the same for as long as the process is logged in. */
function keyOf(name: KeyName): Promise<TokenKey> {
  const at = JSON.stringify(name)
  const key = keys.get(at) ?? findKey(started(), name)
  keys.set(at, key)
  key.catch(() => keys.delete(at))
  return key
}

async function sealingOf({ key: name, id }: TokenKeyUse) {
  const key = await keyOf(name)
  if (key.id !== id)
    throw new AnotherKey(
      'root-key',
      `the token ${started().label} holds another key of this name now (${key.id}) than before (${id})`,
    )
  return { token: started(), key }
}

/** The key of this name is not the one that the server wants. That one may be back by now, but only a new process looks for it again. */
class AnotherKey extends RootKeyError {
  readonly lost = true
}

async function list(of: Pkcs11Token): Promise<readonly ListedTokenKey[]> {
  const keys: ListedTokenKey[] = []
  for (const type of ['secret-key', 'private'] as const)
    await of.use(async (session) => {
      for (const handle of await findObjects(session, attributesOf({}, type), pkcs11ListedKeysMax)) {
        const read = async (attribute: number) => readAttribute(session, handle, attribute)
        const label = (await read(cka.label))?.toString('utf8') ?? ''
        const id = (await read(cka.id))?.toString('hex') ?? ''
        keys.push({ label, id, type, isExtractable: (await read(cka.extractable))?.[0] === 1 })
      }
    })
  return keys
}

/** Makes an AES key of 256 bits that never leaves the token. */
async function create(of: Pkcs11Token, name: KeyName): Promise<void> {
  const [aesKeyGen, aesGcm] = [0x1080, 0x1087]
  const byGcm = of.mechanisms.has(aesGcm)
  const attributes = [
    ...attributesOf({ id: randomBytes(8).toString('hex'), ...name }, 'secret-key'),
    { type: cka.valueLength, value: 32 },
    { type: cka.private, value: true },
    { type: cka.sensitive, value: true },
    { type: cka.extractable, value: false },
    { type: cka.encrypt, value: true },
    { type: cka.decrypt, value: byGcm },
    { type: cka.wrap, value: !byGcm },
    { type: cka.unwrap, value: !byGcm },
  ]
  await of.use(async (session) => {
    const { module, memory, handle } = session
    if ((await findObjects(session, attributesOf(name, 'secret-key'), 1)).length > 0)
      throw new RootKeyError('root-key', `the token ${of.label} has a key of this name already`)
    const made = memory.space(8)
    const by = memory.mechanism(aesKeyGen)
    await module.call('C_GenerateKey', handle, by, memory.template(attributes), attributes.length, made)
  })
}

function failureOf(error: unknown): HelperFailure {
  const isOfModule = error instanceof Pkcs11Error
  const lost = isOfModule || error instanceof AnotherKey ? error.lost : false
  const refusesPin = isOfModule && error.refusesPin
  if (error instanceof RootKeyError) {
    const { message, reach, altered } = error
    return { message, reach, altered, lost, refusesPin }
  }
  const message = `a bug in the helper process: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`
  return { message, reach: 'unreachable', altered: false, lost, refusesPin }
}

function tell(message: FromHelper): void {
  const wipe = () => {
    if ('answer' in message && message.answer instanceof Uint8Array) message.answer.fill(0)
  }
  if (process.connected) process.send?.(message, undefined, {}, wipe)
}
