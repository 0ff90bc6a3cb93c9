// The old service beside the fake: a KMIP server as IBM's KMIP for VMware was. Its keys are standard keys at the fake, wrapped by the
// fake's root key. It is for rehearsals of `adopt probe` and `adopt kmip`. IBM does not document the form of these standard keys, so this
// one is made up, and so is the certificate of its client, which it does not check.

import { randomBytes, randomUUID } from 'node:crypto'
import { existsSync, writeFileSync } from 'node:fs'
import { privateKeyPem } from '../../../src/core/pki/issue.ts'
import { makeCertificate } from '../certificates/certificates.ts'
import { holding, keyOf, known } from '../old-kmip-server/keys.ts'
import { openOldKmipServer } from '../old-kmip-server/fake.ts'
import { makeKey } from './keys.ts'
import { newServiceId, type Key, type State } from './state.ts'
import { newest, unwrap, wrap } from './wrapping.ts'

interface Surroundings {
  readonly state: State
  readonly instance: string
  readonly inFolder: (name: string) => string
}

const keysMade = 4
const prefix = 'vmware_kmip-'

export class KmipForVmware {
  readonly certFile: string
  readonly keyFile: string
  /** The API key of a service ID that may read standard keys. */
  readonly apiKeyFile: string
  /** HOST:PORT; empty before `listen`. */
  address = ''
  readonly #state: State
  readonly #instance: string

  private constructor({ state, instance, inFolder }: Surroundings) {
    this.#state = state
    this.#instance = instance
    this.certFile = inFolder('vcenter.pem')
    this.keyFile = inFolder('vcenter.key')
    this.apiKeyFile = inFolder('reader-plus-api-key')
  }

  static async open(
    surroundings: Surroundings,
    tls: { readonly cert: string; readonly key: string },
    port: number,
  ): Promise<KmipForVmware> {
    const service = new KmipForVmware(surroundings)
    await service.#prepare()
    const ids = service.#keys().map(({ name }) => name.slice(prefix.length))
    const { host, port: listens } = await openOldKmipServer(
      {
        ...holding(ids),
        Get: ({ UniqueIdentifier }) => {
          const id = known(ids, UniqueIdentifier)
          return keyOf(id, { KeyValue: { KeyMaterial: service.#materialOf(`${prefix}${id}`) } })
        },
      },
      { tls, port },
    )
    service.address = `${host}:${listens}`
    return service
  }

  /** Wraps all keys again with other associated data; how many. */
  rewrap(associatedData: readonly string[]): number {
    const keys = this.#keys().map((key) => ({ key, material: this.#materialOf(key.name) }))
    this.#state.contents.kmipForVmwareAad = [...associatedData]
    for (const { key, material } of keys) newest(key).material = this.#payload(material)
    return keys.length
  }

  /** What a folder that was made without this service lacks. */
  async #prepare(): Promise<void> {
    const { contents } = this.#state
    if (!existsSync(this.apiKeyFile)) {
      const { certificate, privateKey } = await makeCertificate({ key: 'ec', ownKey: true, toDays: 3650 })
      const reader = newServiceId([{ instance: this.#instance, roles: ['ReaderPlus'] }])
      contents.serviceIds.push(reader)
      writeFileSync(this.certFile, certificate.pem)
      writeFileSync(this.keyFile, privateKeyPem(privateKey), { mode: 0o600 })
      writeFileSync(this.apiKeyFile, `${reader.apiKey}\n`, { mode: 0o600 })
    }
    if (this.#keys().length === 0)
      for (let made = 0; made < keysMade; made++)
        makeKey(this.#state, this.#instance, {
          name: `${prefix}${randomUUID()}`,
          payload: this.#payload(randomBytes(32)),
        })
    this.#state.saveNow()
  }

  #keys(): readonly Key[] {
    return this.#state
      .keys(this.#instance)
      .filter(({ name, state }) => name.startsWith(prefix) && state === 1)
  }

  #rootKey(): Key {
    const key = this.#state.key(this.#instance, 'mortise')
    if (!key) throw new Error('the root key mortise is gone')
    return key
  }

  get #associatedData(): readonly string[] {
    return this.#state.contents.kmipForVmwareAad ?? []
  }

  /** The ciphertext as text, which the fake holds in base64, as it holds every payload. */
  #payload(material: Buffer): string {
    const { ciphertext } = wrap(this.#rootKey(), material, this.#associatedData)
    return Buffer.from(ciphertext).toString('base64')
  }

  #materialOf(name: string): Buffer {
    const key = this.#keys().find((one) => one.name === name)
    if (!key) throw new Error(`the standard key ${name} is gone`)
    const ciphertext = Buffer.from(newest(key).material, 'base64').toString()
    return unwrap(this.#rootKey(), ciphertext, this.#associatedData).plaintext
  }
}
