// A vCenter whose machines are encrypted with keys of a server, and the server's commands about new keys for them.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import type { CommandResult, TestServer } from '../../support/server/server.ts'
import { providerId, SoapClient } from '../../support/vcenter/client.ts'
import type { Ref } from '../../support/vcenter/soap.ts'
import type { Vcenter } from '../../support/vcenter/vcenter.ts'
import { childrenOf, textAt, typeOf, type Xml } from '../../support/vcenter/xml.ts'
import { encrypt } from './proxy-site.ts'

export const provider = 'mortise-default'
export const copied = { MORTISE_BACKUP_AFTER: '/bin/true' }

type Cli = Pick<TestServer, 'cli' | 'json' | 'data'>

interface ShownRekey {
  readonly state: string
  readonly reason: string | null
  readonly trouble: { readonly message: string } | null
  readonly counts: Readonly<Record<string, number>>
  readonly waits: boolean
}

interface ShownMachine {
  readonly name: string
  readonly id: string
  readonly kind: string
  readonly state: string
  readonly oldKeys: readonly string[]
  readonly newKey: string | null
  readonly reason: string | null
}

/** A vCenter whose machines are encrypted with keys of the server. */
export class RekeySite {
  readonly vcenter: Vcenter
  client: SoapClient
  server: Cli

  constructor(vcenter: Vcenter, client: SoapClient, server: Cli) {
    this.vcenter = vcenter
    this.client = client
    this.server = server
  }

  get login(): readonly string[] {
    return ['--user', this.vcenter.username, '--password-file', path.join(this.server.data, 'password')]
  }

  async connect(): Promise<void> {
    const { vcenter, server } = this
    writeFileSync(path.join(server.data, 'password'), `${vcenter.password}\n`)
    const host = `${vcenter.host}:${vcenter.port}`
    await server.json('vcenter', 'add', host, '--name', 'vc', '--fingerprint', vcenter.shown.sha256)
    const connected = await server.cli('vcenter', 'connect', 'vc', ...this.login, '--default')
    assert.equal(connected.code, 0, connected.stderr)
  }

  async newKey(from = provider): Promise<string> {
    const [result] = await this.client.call('GenerateKey', [providerId('keyProvider', from)])
    return textAt(result, 'keyId', 'keyId') ?? ''
  }

  async encryptAll(): Promise<void> {
    for (const vm of await this.client.find('VirtualMachine'))
      await encrypt(this, vm, 'CryptoSpecEncrypt', { keyId: await this.newKey(), providerId: provider })
  }

  async disks(vm: Ref): Promise<readonly Xml[]> {
    const devices = (await this.client.properties(vm, 'config.hardware.device')).get('config.hardware.device')
    return childrenOf(devices, 'VirtualDevice').filter((device) => typeOf(device) === 'VirtualDisk')
  }

  /** The keys of a machine's home and disks, each once. */
  async keysOf(vm: Ref): Promise<readonly string[]> {
    const home = textAt((await this.client.properties(vm, 'config.keyId')).get('config.keyId'), 'keyId')
    const disks = (await this.disks(vm)).map((disk) => textAt(disk, 'backing', 'keyId', 'keyId'))
    return [...new Set([home, ...disks].filter((key) => key !== undefined))]
  }

  rekey(...words: readonly string[]): Promise<CommandResult> {
    return this.server.cli('vcenter', 'rekey', 'vc', '--machines', ...words, ...this.login)
  }

  shown(): Promise<ShownRekey> {
    return this.server.json('vcenter', 'rekey-show', 'vc') as Promise<ShownRekey>
  }

  machines(): Promise<readonly ShownMachine[]> {
    return this.server.json('vcenter', 'rekey-report', 'vc') as Promise<readonly ShownMachine[]>
  }

  /** Vcsim has what the report says, and every old key is still there. */
  async assertDone(): Promise<void> {
    for (const { id, state, newKey, oldKeys } of await this.machines()) {
      assert.equal(state, 'done')
      assert.ok(newKey !== null && !oldKeys.includes(newKey))
      assert.deepEqual(await this.keysOf({ type: 'VirtualMachine', value: id }), [newKey])
      for (const key of oldKeys)
        assert.match((await this.server.cli('key', 'show', key)).stdout, /Active/, `the old key ${key}`)
    }
  }
}
