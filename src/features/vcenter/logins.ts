// The logins of vCenters that are stored, each for reading the inventory alone. A password is a sealed secret of this installation: no
// backup has it, and a database that was restored and accepted does not open it, since its MAC key is another one.

import { localSecretPrefix, type Secrets } from '../../core/sealing/secrets.ts'

const macBytes = 32

type LoginSecrets = Pick<Secrets, 'fresh' | 'put' | 'remove' | 'mac' | 'macMatches'>

export class Logins {
  readonly #secrets: LoginSecrets

  constructor(secrets: LoginSecrets) {
    this.#secrets = secrets
  }

  /** Replaces the password of this vCenter. The caller wipes `password`. */
  async put(id: string, password: Uint8Array): Promise<void> {
    const bytes = Buffer.concat([this.#secrets.mac(macFields(id)), password])
    try {
      await this.#secrets.put(secretName(id), bytes)
    } finally {
      bytes.fill(0)
    }
  }

  /** The password, which the caller wipes; undefined: there is none, or it is off since a restore. */
  async open(id: string): Promise<Buffer | undefined> {
    const bytes = await this.#secrets.fresh(secretName(id))
    if (!bytes) return undefined
    try {
      if (!this.#secrets.macMatches(macFields(id), bytes.subarray(0, macBytes))) return undefined
      return Buffer.from(bytes.subarray(macBytes))
    } finally {
      bytes.fill(0)
    }
  }

  /** Whether `open` would find it. */
  async isStored(id: string): Promise<boolean> {
    const password = await this.open(id)
    password?.fill(0)
    return password !== undefined
  }

  /** Does nothing if there is none. */
  async remove(id: string): Promise<void> {
    await this.#secrets.remove([secretName(id)])
  }
}

function secretName(id: string): string {
  return `${localSecretPrefix}vcenter-login/${id}`
}

function macFields(id: string): readonly string[] {
  return ['vcenter-login', id]
}
