// What IBM's KMIP for VMware may have left in Key Protect: an old KMIP server with keys, and a Key Protect fake that holds
// them as standard keys, wrapped in whatever way a test asks for.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createKey, getKey } from '../../src/outside/kmip-client/calls.ts'
import { connectKmip } from '../../src/outside/kmip-client/client.ts'
import { KeyProtectFake } from '../support/key-protect/fake.ts'
import { startEmbedded, type ClientFiles, type EmbeddedServer } from '../support/server/server.ts'

export interface LeftKey {
  readonly id: string
  readonly material: Buffer
}

export class LeftKeys implements AsyncDisposable {
  readonly fake: KeyProtectFake
  readonly old: EmbeddedServer
  readonly client: ClientFiles
  readonly folder: string
  readonly rootKey: string
  readonly keys: readonly LeftKey[]

  private constructor(parts: Pick<LeftKeys, 'fake' | 'old' | 'client' | 'folder' | 'rootKey' | 'keys'>) {
    this.fake = parts.fake
    this.old = parts.old
    this.client = parts.client
    this.folder = parts.folder
    this.rootKey = parts.rootKey
    this.keys = parts.keys
  }

  /** `count`: how many keys the old server makes. */
  static async start(count: number): Promise<LeftKeys> {
    const folder = mkdtempSync(path.join(tmpdir(), 'mortise-left-keys-'))
    const fake = await KeyProtectFake.start()
    const old = await startEmbedded()
    const client = await old.issue('mover')
    const { apiKey } = await fake.serviceId({ roles: ['ReaderPlus'] })
    writeFileSync(path.join(folder, 'api.key'), apiKey)
    const keys: LeftKey[] = []
    await using kmip = connectKmip({
      addresses: [old.kmip],
      ...client.tls,
      trust: { by: 'authority', pem: client.tls.ca },
    })
    for (let made = 0; made < count; made++) {
      const id = await createKey(kmip)
      keys.push({ id, material: (await getKey(kmip, id)).material })
    }
    return new LeftKeys({ fake, old, client, folder, rootKey: await fake.rootKey(), keys })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.old[Symbol.asyncDispose]()
    await this.fake.stop()
    rmSync(this.folder, { recursive: true, force: true })
  }

  get env(): Readonly<Record<string, string>> {
    return { MORTISE_IBM_IAM_URL: this.fake.about.iamUrl, MORTISE_IBM_CA_FILE: this.fake.about.caFile }
  }

  nth(index: number): LeftKey {
    return this.keys[index] ?? assert.fail('no key')
  }

  /** The ciphertext that wrap answers, in base64. */
  async wrapped(plaintext: Buffer, aad: readonly string[] = []): Promise<string> {
    const asked = { plaintext: plaintext.toString('base64'), ...(aad.length > 0 && { aad }) }
    const { body } = await this.fake.admin('POST', `/keys/${this.rootKey}/actions/wrap`, asked)
    return (body as { readonly ciphertext: string }).ciphertext
  }

  /** A standard key under the name that the identifier has there. */
  async store(id: string, payload: Buffer): Promise<void> {
    const resource = {
      type: 'application/vnd.ibm.kms.key+json',
      name: `vmware_kmip-${id}`,
      extractable: true,
      payload: payload.toString('base64'),
    }
    await this.fake.admin('POST', '/keys', { metadata: {}, resources: [resource] })
  }

  /** The payload is the ciphertext, without associated data. */
  async storeText(id: string, material: Buffer): Promise<void> {
    await this.store(id, Buffer.from(await this.wrapped(material)))
  }

  /** The payload's base64 is the ciphertext, with the identifier as associated data. */
  async storeBytes(id: string, material: Buffer): Promise<void> {
    await this.store(id, Buffer.from(await this.wrapped(material, [id]), 'base64'))
  }

  /** JSON with a field, with the service instance as associated data. */
  async storeJson(id: string, material: Buffer): Promise<void> {
    const ciphertext = await this.wrapped(material, [this.fake.about.instance])
    await this.store(id, Buffer.from(JSON.stringify({ version: 1, ciphertext })))
  }

  /** The flags that name the root key. */
  at(rootKey = this.rootKey): string[] {
    return ['--root-key', this.fake.uri(rootKey), '--api-key-file', path.join(this.folder, 'api.key')]
  }

  /** The flags that name the old server. */
  live(): string[] {
    const as = ['--cert', this.client.certFile, '--key', this.client.keyFile, '--ca', this.client.caFile]
    return ['--kmip', `127.0.0.1:${this.old.kmip.port}`, ...as]
  }

  showsNoKey(text: string): void {
    for (const { material } of this.keys)
      for (const form of ['hex', 'base64'] as const)
        assert.ok(!text.includes(material.toString(form)), 'it shows no key')
  }
}
