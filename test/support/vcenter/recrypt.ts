// ReconfigVM_Task with encryption, as strict as vCenter: vcsim takes keys of unknown providers, a machine's home without its
// disks, and two at once. Before vcsim does it, the keys are fetched as a host fetches them. Everything else passes.

import { isSuccess, passed, type Methods, type PassedAnswer, type SoapCall } from './calls.ts'
import { isKeyServerError } from './key-servers.ts'
import { fetchKey, makeKey, requiredProvider, type KeyServices } from './keys.ts'
import { invalidArgument, reference, refOf, VimFault, type Ref } from './soap.ts'
import { keyIdElement, keyIdOf, type EncryptedVm, type KeyId, type VcsimClient } from './vcsim-client.ts'
import { at, childrenOf, inside, localName, textAt, typeOf, type Xml } from './xml.ts'

/** The encryption of a machine that a request asks for. */
interface CryptoRequest {
  readonly home: KeyId | undefined
  /** By the device's number; a disk that is new has a negative one. */
  readonly disks: ReadonlyMap<string, KeyId>
}

export function recryptMethods(services: KeyServices): Methods {
  const running = new RunningTasks(services.vcsim)
  return {
    ReconfigVM_Task: passed(async (call) => {
      if (!hasCrypto(call.request)) return call.pass()
      const release = await running.take(call.self)
      try {
        return release(await recrypt(services, call))
      } catch (error) {
        release(undefined)
        if (!(error instanceof VimFault)) throw error
        // vCenter begins a task, which fails.
        const failed = await services.vcsim.task(call.self, () => Promise.reject(error))
        return [reference('returnval', failed)]
      }
    }),
  }
}

/** The last task that encrypts, by machine. */
class RunningTasks {
  readonly #vcsim: VcsimClient
  readonly #tasks = new Map<string, Ref | 'beginning'>()

  constructor(vcsim: VcsimClient) {
    this.#vcsim = vcsim
  }

  /** Rejects with TaskInProgress while another one runs. The function takes the answer in which the task's name is. */
  async take({ value }: Ref): Promise<<T extends PassedAnswer | undefined>(answer: T) => T> {
    const before = this.#tasks.get(value)
    if (before === 'beginning') throw taskInProgress(unknownTask)
    this.#tasks.set(value, 'beginning')
    if (before) {
      const state = await this.#vcsim.taskState(before)
      if (state === 'running' || state === 'queued') {
        this.#tasks.set(value, before)
        throw taskInProgress(before)
      }
    }
    return (answer) => {
      const task = answer && refOf(at(answer.body, 'returnval'))
      if (task) this.#tasks.set(value, task)
      else this.#tasks.delete(value)
      return answer
    }
  }
}

const unknownTask: Ref = { type: 'Task', value: 'task-0' }

function taskInProgress(task: Ref): VimFault {
  const message = 'The operation is not allowed in the current state: another task is already in progress.'
  return new VimFault('TaskInProgress', message, [reference('task', task)])
}

/** Rejects with VimFault. */
async function recrypt(services: KeyServices, call: SoapCall): Promise<PassedAnswer> {
  const request = await withKeys(services, call.request)
  const crypto = cryptoOf(request)
  const vm = await services.vcsim.vm(call.self)
  checkProviders(vm, crypto)
  const fetched = new Map<string, KeyId>()
  for (const key of [crypto.home, ...crypto.disks.values()])
    if (key) fetched.set(`${key.providerId ?? ''}/${key.keyId}`, key)
  const notes = []
  for (const key of fetched.values()) notes.push({ key, provider: await fetchKey(services, key) })
  const answer = await call.pass(withDiskKeys(request))
  if (!isSuccess(answer)) return answer
  for (const { key, provider } of notes) {
    const owner = { uuid: vm.uuid, component: 'Virtual Machine', name: vm.name } as const
    // A machine is encrypted also where the notes fail.
    await services.keyServers.note(provider, key.keyId, owner).catch((error: unknown) => {
      if (!isKeyServerError(error)) throw error
    })
  }
  return answer
}

// ---------------------------------------------------------------- Rules

/** A machine may not have keys of two providers. Throws VimFault. */
function checkProviders(vm: EncryptedVm, { home, disks }: CryptoRequest): void {
  const provider = (home ?? vm.home)?.providerId
  const after = new Map([...vm.disks.map(({ key, keyId }) => [key, keyId] as const), ...disks])
  for (const [device, { providerId }] of after)
    if (providerId !== provider)
      throw invalidArgument(
        home ? 'configSpec.deviceChange' : 'configSpec.crypto',
        `The machine's home would have a key of ${provider ?? 'no provider'}, its disk ${device} one of ${providerId ?? 'no provider'}.`,
      )
}

// ---------------------------------------------------------------- The request

const keyFields: Readonly<Record<string, string>> = {
  CryptoSpecEncrypt: 'cryptoKeyId',
  CryptoSpecShallowRecrypt: 'newKeyId',
  CryptoSpecDeepRecrypt: 'newKeyId',
}

/** Whether a request encrypts the machine or one of its disks. */
function hasCrypto(request: Xml): boolean {
  return cryptoSpecs(request).length > 0
}

function cryptoSpecs(request: Xml): readonly Xml[] {
  const spec = at(request, 'spec')
  const all = [
    at(spec, 'crypto'),
    ...childrenOf(spec, 'deviceChange').map((one) => at(one, 'backing', 'crypto')),
  ]
  return all.filter((crypto) => crypto !== undefined && keyFieldOf(crypto) !== undefined) as readonly Xml[]
}

function keyFieldOf(crypto: Xml): string | undefined {
  return keyFields[typeOf(crypto) ?? '']
}

function keyIn(crypto: Xml | undefined): KeyId | undefined {
  const field = crypto && keyFieldOf(crypto)
  return field === undefined ? undefined : keyIdOf(at(crypto, field))
}

function cryptoOf(request: Xml): CryptoRequest {
  const spec = at(request, 'spec')
  const disks = childrenOf(spec, 'deviceChange').flatMap((one) => {
    const key = keyIn(at(one, 'backing', 'crypto'))
    return key ? [[textAt(one, 'device', 'key') ?? '', key] as const] : []
  })
  return { home: keyIn(at(spec, 'crypto')), disks: new Map(disks) }
}

/** vcsim 0.52 stores a disk as the request has it, without the key of its encryption: so that key is put into the device. */
function withDiskKeys(request: Xml): Xml {
  return inside(request, ['spec', 'deviceChange'], withDiskKey)
}

function withDiskKey(deviceChange: Xml): Xml {
  const key = keyIn(at(deviceChange, 'backing', 'crypto'))
  if (!key) return deviceChange
  return inside(deviceChange, ['device', 'backing'], (backing) => {
    const others = backing.children.filter((child) => localName(child) !== 'keyId')
    return { ...backing, children: [...others, keyIdElement('keyId', key)] }
  })
}

/** The request with a key made for each place that names only a provider. One key serves all places of a provider. */
async function withKeys(services: KeyServices, request: Xml): Promise<Xml> {
  const made = new Map<string, KeyId>()
  for (const crypto of cryptoSpecs(request)) {
    const key = keyIn(crypto)
    if (key !== undefined && key.keyId !== '') continue
    const id = key?.providerId
    if (!made.has(id ?? ''))
      made.set(id ?? '', await makeKey(services, await requiredProvider(services.providers, id)))
  }
  if (made.size === 0) return request
  const complete = (crypto: Xml): Xml => {
    const field = keyFieldOf(crypto)
    const key = keyIn(crypto)
    if (field === undefined || (key !== undefined && key.keyId !== '')) return crypto
    const own = made.get(key?.providerId ?? '')
    if (!own) return crypto
    const others = crypto.children.filter((child) => localName(child) !== field)
    return { ...crypto, children: [...others, keyIdElement(field, own)] }
  }
  const home = inside(request, ['spec', 'crypto'], complete)
  return inside(home, ['spec', 'deviceChange', 'backing', 'crypto'], complete)
}
