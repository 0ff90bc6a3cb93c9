// The proxy as a client of the vcsim behind it: requests passed on for a client, and its own session, with which it reads the
// inventory and drives tasks.

import { once } from 'node:events'
import https, { type RequestOptions } from 'node:https'
import type { IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  localizedFault,
  reference,
  refOf,
  requestEnvelope,
  returnedValues,
  vim,
  VimFault,
  type Ref,
} from './soap.ts'
import { at, childrenOf, element, textAt, typed, type Xml } from './xml.ts'

export interface VcsimAddress {
  /** `127.0.0.1:PORT` */
  readonly host: string
  readonly user: string
  readonly password: string
}

export interface KeyId {
  readonly keyId: string
  readonly providerId: string | undefined
}

export interface EncryptedDisk {
  /** The device's number in its machine. */
  readonly key: string
  readonly keyId: KeyId
}

export interface EncryptedVm {
  readonly ref: Ref
  readonly name: string
  readonly uuid: string
  readonly home: KeyId | undefined
  readonly disks: readonly EncryptedDisk[]
}

export const cryptoManager: Ref = { type: 'CryptoManagerKmip', value: 'CryptoManager' }
export const propertyCollector: Ref = { type: 'PropertyCollector', value: 'propertyCollector' }
/** vcsim accepts only tasks of a registered extension. */
const taskType = 'test.vcenter.task'
/** vcsim adds a new task to its inventory a moment after it has answered. */
const newTaskTimeoutMs = 10_000

export class VcsimClient {
  readonly #address: VcsimAddress
  readonly #agent = new https.Agent({ keepAlive: true })
  #cookie = ''
  #login: Promise<void> | undefined

  constructor(address: VcsimAddress) {
    this.#address = address
  }

  /** Passes a request on. vcsim has a certificate that it makes itself, and listens on loopback, so nothing checks it. */
  async pass(path: string, options: RequestOptions, body: string | Buffer): Promise<IncomingMessage> {
    const [host, port] = this.#address.host.split(':')
    const request = https.request({
      ...options,
      host,
      port,
      path,
      agent: this.#agent,
      rejectUnauthorized: false,
    })
    request.end(body)
    const [answer] = (await once(request, 'response')) as [IncomingMessage]
    return answer
  }

  /** Calls a method in the proxy's own session. Returns the values. Rejects with VimFault. */
  async call(
    method: string,
    self: Ref,
    parameters: readonly (Xml | undefined)[] = [],
  ): Promise<readonly Xml[]> {
    await (this.#login ??= this.#logIn())
    return this.#call(method, self, parameters)
  }

  async #call(method: string, self: Ref, parameters: readonly (Xml | undefined)[]): Promise<readonly Xml[]> {
    const headers = {
      'Content-Type': 'text/xml; charset=utf-8',
      SOAPAction: 'urn:vim25/6.7',
      ...(this.#cookie !== '' && { Cookie: this.#cookie }),
    }
    const request = requestEnvelope(vim, method, self, parameters)
    const answer = await this.pass('/sdk', { method: 'POST', headers }, request)
    const [cookie] = answer.headers['set-cookie'] ?? []
    if (cookie !== undefined) this.#cookie = cookie.split(';')[0] ?? ''
    return returnedValues(await text(answer))
  }

  async #logIn(): Promise<void> {
    const { user, password } = this.#address
    const names = [element('userName', user), element('password', password)]
    await this.#call('Login', { type: 'SessionManager', value: 'SessionManager' }, names)
    const description = [element('label', 'Tasks of a test'), element('summary', 'Tasks of a test')]
    const task = element('taskList', [element('taskID', taskType)])
    const extension = [
      element('description', description),
      element('key', 'test.vcenter'),
      element('version', '1'),
      task,
      element('lastHeartbeatTime', new Date().toISOString()),
    ]
    await this.#call('RegisterExtension', { type: 'ExtensionManager', value: 'ExtensionManager' }, [
      element('extension', extension),
    ])
  }

  // ------------------------------------------------------------ Sessions

  /** Ends all sessions but the proxy's own. */
  async endSessions(): Promise<number> {
    const manager: Ref = { type: 'SessionManager', value: 'SessionManager' }
    const [current] = await this.#property(manager, 'currentSession')
    const [sessions] = await this.#property(manager, 'sessionList')
    const keys = childrenOf(sessions, 'UserSession')
      .map((session) => textAt(session, 'key') ?? '')
      .filter((key) => key !== textAt(current, 'key'))
    if (keys.length === 0) return 0
    const ids = keys.map((key) => element('sessionId', key))
    await this.call('TerminateSession', manager, ids)
    return keys.length
  }

  // ------------------------------------------------------------ Reading

  /** The key providers, each as KmipClusterInfo. */
  async providers(): Promise<readonly Xml[]> {
    return this.call('ListKmipServers', cryptoManager)
  }

  /** The machines that have a key, or a disk with one. */
  async encryptedVms(): Promise<readonly EncryptedVm[]> {
    const objects = await this.#all('VirtualMachine', ['name', 'config.uuid', 'config.keyId', deviceList])
    return objects.map(vmOf).filter(({ home, disks }) => home !== undefined || disks.length > 0)
  }

  /** One machine with its keys. Rejects with VimFault for a machine that is not there. */
  async vm(ref: Ref): Promise<EncryptedVm> {
    const [object] = await this.#retrieve(
      [
        element(
          'propSet',
          propertiesOf('VirtualMachine', ['name', 'config.uuid', 'config.keyId', deviceList]),
        ),
      ],
      [reference('obj', ref)],
    )
    if (!object) throw new VimFault('ManagedObjectNotFound', 'The object is gone.', [reference('obj', ref)])
    return vmOf(object)
  }

  /** The name of an object of the inventory. Rejects with VimFault for one that is not there. */
  async nameOf(ref: Ref): Promise<string> {
    return (await this.#property(ref, 'name'))[0]?.text ?? ''
  }

  /** `running`, `success`, ...; undefined for a task that vcsim has forgotten. */
  async taskState(task: Ref): Promise<string | undefined> {
    try {
      return (await this.#property(task, 'info.state'))[0]?.text
    } catch (error) {
      if (error instanceof VimFault && error.type === 'ManagedObjectNotFound') return undefined
      throw error
    }
  }

  async #property(ref: Ref, path: string): Promise<readonly Xml[]> {
    const objects = await this.#retrieve(
      [element('propSet', propertiesOf(ref.type, [path]))],
      [reference('obj', ref)],
    )
    return objects.flatMap((object) => childrenOf(object, 'propSet')).flatMap((set) => childrenOf(set, 'val'))
  }

  async #all(type: string, paths: readonly string[]): Promise<readonly Xml[]> {
    const [made] = await this.call('CreateContainerView', { type: 'ViewManager', value: 'ViewManager' }, [
      reference('container', { type: 'Folder', value: 'group-d1' }),
      element('type', type),
      element('recursive', true),
    ])
    const view = refOf(made)
    if (!view) throw new Error('vcsim made no view')
    try {
      const traversal = typed('selectSet', 'TraversalSpec', [
        element('type', 'ContainerView'),
        element('path', 'view'),
      ])
      return await this.#retrieve(
        [element('propSet', propertiesOf(type, paths))],
        [reference('obj', view), element('skip', true), traversal],
      )
    } finally {
      await this.call('DestroyView', view)
    }
  }

  async #retrieve(propSet: readonly Xml[], objectSet: readonly Xml[]): Promise<readonly Xml[]> {
    const spec = element('specSet', [...propSet, element('objectSet', objectSet)])
    const [result] = await this.call('RetrievePropertiesEx', propertyCollector, [
      spec,
      element('options', []),
    ])
    return childrenOf(result, 'objects')
  }

  // ------------------------------------------------------------ Tasks

  /**
   * Makes a task in vcsim and runs the work behind it. Returns the task at once. The work resolves with the result, or rejects with
   * VimFault.
   */
  async task(entity: Ref, work: () => Promise<Xml | undefined>): Promise<Ref> {
    const [info] = await this.call('CreateTask', { type: 'TaskManager', value: 'TaskManager' }, [
      reference('obj', entity),
      element('taskTypeId', taskType),
      element('cancelable', false),
    ])
    const task = refOf(at(info, 'task'))
    if (!task) throw new Error('vcsim made no task')
    await this.#running(task)
    void work()
      .then(
        (result) => [element('state', 'success'), result],
        (error: unknown) => [
          element('state', 'error'),
          localizedFault('fault', error instanceof VimFault ? error : systemError(error)),
        ],
      )
      .then((end) => this.call('SetTaskState', task, end))
      .catch((error: unknown) => void process.stderr.write(`a task did not end: ${String(error)}\n`))
    return task
  }

  async #running(task: Ref): Promise<void> {
    const untilMs = performance.now() + newTaskTimeoutMs
    for (;;) {
      try {
        await this.call('SetTaskState', task, [element('state', 'running')])
        return
      } catch (error) {
        const isLate = performance.now() > untilMs
        if (isLate || !(error instanceof VimFault) || error.type !== 'ManagedObjectNotFound') throw error
        await sleep(1)
      }
    }
  }
}

/** What a KeyId element says; undefined for one without a key. */
export function keyIdOf(xml: Xml | undefined): KeyId | undefined {
  const keyId = textAt(xml, 'keyId')
  return keyId === undefined ? undefined : { keyId, providerId: textAt(xml, 'providerId', 'id') }
}

export function keyIdElement(name: string, { keyId, providerId }: KeyId, type?: string): Xml {
  const fields = [
    element('keyId', keyId),
    providerId === undefined ? undefined : element('providerId', [element('id', providerId)]),
  ]
  return type === undefined ? element(name, fields) : typed(name, type, fields)
}

const deviceList = 'config.hardware.device'

function propertiesOf(type: string, paths: readonly string[]): readonly Xml[] {
  return [element('type', type), ...paths.map((path) => element('pathSet', path))]
}

function vmOf(object: Xml): EncryptedVm {
  const values = new Map(
    childrenOf(object, 'propSet').map((set) => [textAt(set, 'name') ?? '', at(set, 'val')]),
  )
  const ref = refOf(at(object, 'obj'))
  if (!ref) throw new Error('an object without a reference')
  const disks = childrenOf(values.get(deviceList), 'VirtualDevice').flatMap((device) => {
    const keyId = keyIdOf(at(device, 'backing', 'keyId'))
    return keyId ? [{ key: textAt(device, 'key') ?? '', keyId }] : []
  })
  return {
    ref,
    name: values.get('name')?.text ?? '',
    uuid: values.get('config.uuid')?.text ?? '',
    home: keyIdOf(values.get('config.keyId')),
    disks,
  }
}

function systemError(error: unknown): VimFault {
  return new VimFault('SystemError', 'A general system error occurred.', [element('reason', String(error))])
}
