// A small client of vCenter's API for tests of the proxy: one session, calls with elements as parameters, tasks that are waited
// for. It trusts one certificate. The product has a client of its own: this one shares nothing with it.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import https from 'node:https'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { reference, refOf, requestEnvelope, returnedValues, vim, VimFault, vsan, type Ref } from './soap.ts'
import { cryptoManager, propertyCollector } from './vcsim-client.ts'
import type { Vcenter } from './vcenter.ts'
import { at, childrenOf, element, textAt, typed, typeOf, type Xml } from './xml.ts'

const taskPollMs = 20

export class SoapClient {
  readonly #vcenter: Pick<Vcenter, 'host' | 'port' | 'shown'>
  #cookie = ''

  constructor(vcenter: Pick<Vcenter, 'host' | 'port' | 'shown'>) {
    this.#vcenter = vcenter
  }

  static async logIn(
    vcenter: Pick<Vcenter, 'host' | 'port' | 'shown' | 'username' | 'password'>,
  ): Promise<SoapClient> {
    const client = new SoapClient(vcenter)
    const names = [element('userName', vcenter.username), element('password', vcenter.password)]
    await client.call('Login', names, { type: 'SessionManager', value: 'SessionManager' })
    return client
  }

  /** Returns the values. Rejects with VimFault. */
  async call(
    method: string,
    parameters: readonly (Xml | undefined)[] = [],
    self: Ref = cryptoManager,
  ): Promise<readonly Xml[]> {
    const isVsan = self.type.startsWith('Vsan')
    const request = requestEnvelope(isVsan ? vsan : vim, method, self, parameters)
    const answer = await this.send(request, isVsan ? '/vsanHealth' : '/sdk')
    const [cookie] = answer.headers['set-cookie'] ?? []
    if (cookie !== undefined) this.#cookie = cookie.split(';')[0] ?? ''
    return returnedValues(await text(answer))
  }

  /** Sends a request on a connection of its own, and returns its answer unread. */
  async send(body: string, path = '/sdk'): Promise<IncomingMessage> {
    const { host, port, shown } = this.#vcenter
    const request = https.request({
      host,
      port,
      path,
      method: 'POST',
      agent: false,
      ca: shown.certificate,
      headers: {
        'Content-Type': 'text/xml; charset=utf-8',
        ...(this.#cookie !== '' && { Cookie: this.#cookie }),
      },
    })
    request.end(body)
    const [answer] = (await once(request, 'response')) as [IncomingMessage]
    return answer
  }

  /** Calls a method that begins a task, and waits for its end. Returns the result. Rejects with VimFault, the task's error. */
  async task(
    method: string,
    parameters: readonly (Xml | undefined)[] = [],
    self: Ref = cryptoManager,
  ): Promise<Xml | undefined> {
    const [returned] = await this.call(method, parameters, self)
    const task = refOf(returned)
    assert.ok(task, `${method} begins no task`)
    return this.ended(task)
  }

  async ended(task: Ref): Promise<Xml | undefined> {
    for (;;) {
      const info = (await this.properties(task, 'info')).get('info')
      const state = textAt(info, 'state')
      if (state === 'success') return at(info, 'result')
      if (state === 'error') {
        const fault = at(info, 'error', 'fault')
        assert.ok(fault)
        const message = textAt(info, 'error', 'localizedMessage') ?? ''
        throw new VimFault(typeOf(fault) ?? 'none', message, fault.children)
      }
      await sleep(taskPollMs)
    }
  }

  async properties(self: Ref, ...paths: readonly string[]): Promise<ReadonlyMap<string, Xml>> {
    const spec = element('specSet', [
      element('propSet', [element('type', self.type), ...paths.map((path) => element('pathSet', path))]),
      element('objectSet', [reference('obj', self)]),
    ])
    const [result] = await this.call(
      'RetrievePropertiesEx',
      [spec, element('options', [])],
      propertyCollector,
    )
    const [object] = childrenOf(result, 'objects')
    return new Map(
      childrenOf(object, 'propSet').flatMap((set) => {
        const value = at(set, 'val')
        return value ? [[textAt(set, 'name') ?? '', value] as const] : []
      }),
    )
  }

  /** All objects of a type. */
  async find(type: string): Promise<readonly Ref[]> {
    const [made] = await this.call(
      'CreateContainerView',
      [
        reference('container', { type: 'Folder', value: 'group-d1' }),
        element('type', type),
        element('recursive', true),
      ],
      { type: 'ViewManager', value: 'ViewManager' },
    )
    const view = refOf(made)
    assert.ok(view)
    const listed = (await this.properties(view, 'view')).get('view')
    return childrenOf(listed, 'ManagedObjectReference').flatMap((one) => refOf(one) ?? [])
  }
}

/** A KeyProviderId. */
export function providerId(name: string, id: string): Xml {
  return element(name, [element('id', id)])
}

/** A KmipServerSpec. */
export function serverSpec(
  provider: string,
  info: Readonly<Record<string, string | number>>,
  password?: string,
): Xml {
  return element('server', [
    providerId('clusterId', provider),
    element(
      'info',
      Object.entries(info).map(([name, value]) => element(name, value)),
    ),
    password === undefined ? undefined : element('password', password),
  ])
}

/** An edit of a machine's disk, with the whole device as it was read. */
export function diskEdit(device: Xml, crypto: Xml): Xml {
  return typed('deviceChange', 'VirtualDeviceConfigSpec', [
    element('operation', 'edit'),
    { ...typed('device', typeOf(device) ?? ''), children: device.children },
    element('backing', [crypto]),
  ])
}

/** From now on the guest of the machine reports this name. vcsim takes it as an extra configuration. */
export async function reportName(client: SoapClient, vm: Ref, name: string): Promise<void> {
  const option = typed('extraConfig', 'OptionValue', [
    element('key', 'SET.guest.hostName'),
    element('value', name, { 'xsi:type': 'xsd:string' }),
  ])
  await client.task('ReconfigVM_Task', [element('spec', [option])], vm)
}
