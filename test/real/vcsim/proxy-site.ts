// A vCenter, a Mortise server, and a key provider that is the way between them, for the tests of the proxy.

import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { clientRoutes } from '../../../src/features/clients/routes.ts'
import { keyRoutes } from '../../../src/features/keys/routes.ts'
import { startInProcess, type RunningServer } from '../../support/server/running.ts'
import { diskEdit, providerId, serverSpec, SoapClient } from '../../support/vcenter/client.ts'
import { VimFault, type Ref } from '../../support/vcenter/soap.ts'
import { startVcenter, type Vcenter } from '../../support/vcenter/vcenter.ts'
import { keyIdElement, type KeyId } from '../../support/vcenter/vcsim-client.ts'
import type { VcsimOptions } from '../../support/vcenter/vcsim.ts'
import { at, childrenOf, element, textAt, typed, typeOf, type Xml } from '../../support/vcenter/xml.ts'

export class ProxySite {
  readonly vcenter: Vcenter
  readonly mortise: RunningServer
  client: SoapClient

  private constructor(vcenter: Vcenter, mortise: RunningServer, client: SoapClient) {
    this.vcenter = vcenter
    this.mortise = mortise
    this.client = client
  }

  /** Undefined where there is no vcsim: the test is skipped then. */
  static async start(t: TestContext, options: VcsimOptions = {}): Promise<ProxySite | undefined> {
    const vcenter = await startVcenter(t, options)
    if (!vcenter) return undefined
    const mortise = await startInProcess()
    t.after(() => mortise[Symbol.asyncDispose]())
    return new ProxySite(vcenter, mortise, await SoapClient.logIn(vcenter))
  }

  /** Sessions have ended. */
  async logInAgain(): Promise<void> {
    this.client = await SoapClient.logIn(this.vcenter)
  }

  /** Registers the Mortise server with a provider. */
  async register(provider = 'P', more: Readonly<Record<string, string | number>> = {}): Promise<void> {
    const info = { name: 'mortise', address: '127.0.0.1', port: this.mortise.port, ...more }
    await this.client.call('RegisterKmipServer', [serverSpec(provider, info)])
  }

  /** The certificate that vCenter reads from the server. */
  async serverCertificate(provider = 'P'): Promise<string> {
    const server = element('server', [
      element('name', 'mortise'),
      element('address', '127.0.0.1'),
      element('port', this.mortise.port),
    ])
    const [info] = await this.client.call('RetrieveKmipServerCert', [
      providerId('keyProvider', provider),
      server,
    ])
    return textAt(info, 'certificate') ?? ''
  }

  async trustServer(provider = 'P', pem?: string): Promise<void> {
    await this.certificateCall(
      'UploadKmipServerCert',
      pem ?? (await this.serverCertificate(provider)),
      provider,
    )
  }

  /** Calls a method about a provider's certificate. Returns the text that it returns. */
  async certificateCall(method: string, certificate?: string, provider = 'P'): Promise<string> {
    const [value] = await this.client.call(method, [
      providerId('cluster', provider),
      certificate === undefined ? undefined : element('certificate', certificate),
    ])
    return value?.text ?? ''
  }

  async trustClient(pem: string, name = 'vcenter'): Promise<void> {
    const body = { by: 'certificate' as const, name, certificate: pem, allow: ['vsphere'] }
    await this.mortise.admin.call(clientRoutes.trustClient, { instance: 'default', body })
  }

  /** A provider with which each side trusts the other. */
  async connect(provider = 'P'): Promise<void> {
    await this.register(provider)
    await this.trustServer(provider)
    await this.trustClient(await this.certificateCall('RetrieveClientCert', undefined, provider), provider)
  }

  /** CryptoManagerKmipClusterStatus of the only provider. */
  async status(): Promise<Xml> {
    const result = await this.client.task('RetrieveKmipServersStatus_Task')
    const [status, ...others] = childrenOf(result, 'CryptoManagerKmipClusterStatus')
    assert.ok(status)
    assert.equal(others.length, 0)
    return status
  }

  /** Each side's trust, and the colour, as the status says them of the only server. */
  async trustStatus(): Promise<Readonly<Record<string, string | undefined>>> {
    const server = at(await this.status(), 'servers')
    return {
      status: textAt(server, 'status'),
      client: textAt(server, 'clientTrustServer'),
      server: textAt(server, 'serverTrustClient'),
    }
  }

  /** CryptoKeyResult. */
  async generate(provider = 'P'): Promise<Xml> {
    const [result] = await this.client.call('GenerateKey', [providerId('keyProvider', provider)])
    assert.ok(result)
    return result
  }

  /** The identifier of a new key. */
  async newKey(provider = 'P'): Promise<string> {
    const result = await this.generate(provider)
    assert.equal(textAt(result, 'success'), 'true', textAt(result, 'reason'))
    return textAt(result, 'keyId', 'keyId') ?? ''
  }

  /** The state of each key in Mortise, by identifier. */
  async keys(): Promise<ReadonlyMap<string, string>> {
    const { keys } = await this.mortise.admin.call(keyRoutes.listKeys, { instance: 'default' })
    return new Map(keys.map(({ id, state }) => [id, state]))
  }

  /** The disks of a machine, as devices. */
  async disks(vm: Ref): Promise<readonly Xml[]> {
    const path = 'config.hardware.device'
    const devices = (await this.client.properties(vm, path)).get(path)
    return childrenOf(devices, 'VirtualDevice').filter((device) => typeOf(device) === 'VirtualDisk')
  }

  async firstVm(): Promise<Ref> {
    const [vm] = await this.client.find('VirtualMachine')
    assert.ok(vm)
    return vm
  }
}

/** Rejects with a fault of this type. */
export async function rejectsWith(type: string, work: Promise<unknown>): Promise<void> {
  await assert.rejects(work, (error) => {
    assert.ok(error instanceof VimFault, String(error))
    assert.equal(error.type, type, error.message)
    return true
  })
}

export type CryptoKind = 'CryptoSpecEncrypt' | 'CryptoSpecShallowRecrypt' | 'CryptoSpecDeepRecrypt'

interface CryptoPlaces {
  readonly home?: boolean
  readonly disks?: boolean
}

/** Encrypts or rekeys a machine's home and all its disks, or one of the two. */
export async function encrypt(
  site: Pick<ProxySite, 'client' | 'disks'>,
  vm: Ref,
  kind: CryptoKind,
  key: KeyId,
  places: CryptoPlaces = {},
): Promise<void> {
  await site.client.task('ReconfigVM_Task', await cryptoSpec(site, vm, kind, key, places), vm)
}

export async function cryptoSpec(
  site: Pick<ProxySite, 'client' | 'disks'>,
  vm: Ref,
  kind: CryptoKind,
  key: KeyId,
  { home = true, disks = true }: CryptoPlaces = {},
): Promise<readonly Xml[]> {
  const field = kind === 'CryptoSpecEncrypt' ? 'cryptoKeyId' : 'newKeyId'
  const crypto = typed('crypto', kind, [keyIdElement(field, key)])
  const edits = (await site.disks(vm)).map((device) => diskEdit(device, crypto))
  return [element('spec', [...(disks ? edits : []), home ? crypto : undefined])]
}
