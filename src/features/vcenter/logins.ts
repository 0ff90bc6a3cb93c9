// The logins of vCenters that are stored: one for reading the inventory alone, one for a campaign until its end. A password is a sealed secret of this installation: no
// backup has it, and a database that was restored and accepted does not open it, since its MAC key is another one. The MAC covers what
// the password was stored for: a manager who changes the address of a vCenter, or how it is recognized, cannot have the password sent there.

import { localSecretPrefix } from '../../core/backup/records.ts'
import { EnvelopeError } from '../../core/sealing/envelope.ts'
import type { Secrets } from '../../core/sealing/secrets.ts'
import { isPasswordRefusal } from '../../outside/vsphere-api/errors.ts'
import type { Vcenter } from './vcenters.ts'

const macBytes = 32

/** A password is stored for this alone. */
type Place = Pick<Vcenter, 'id' | 'user' | 'host' | 'port' | 'trust'>

/** A login for one piece of work. */
export interface VcenterLogin {
  readonly user: string
  readonly password: Buffer
  /** Whether it is the stored one. */
  readonly isStored: boolean
}

/** Each purpose has logins of its own. */
type LoginPurpose = 'vcenter-login' | 'vcenter-rekey-login'

type LoginSecrets = Pick<Secrets, 'fresh' | 'put' | 'remove' | 'mac' | 'macMatches'>

export class VcenterLogins {
  readonly #secrets: LoginSecrets

  readonly #purpose: LoginPurpose

  constructor(secrets: LoginSecrets, purpose: LoginPurpose) {
    this.#secrets = secrets
    this.#purpose = purpose
  }

  /** Replaces the password of this vCenter. The caller wipes `password`. */
  async put(place: Place, password: Uint8Array): Promise<void> {
    const bytes = Buffer.concat([this.#secrets.mac(this.#macFields(place)), password])
    try {
      await this.#secrets.put(this.#name(place.id), bytes)
    } finally {
      bytes.fill(0)
    }
  }

  /** The stored login, for `use`; undefined: there is none, or it is off. */
  async stored(place: Place): Promise<VcenterLogin | undefined> {
    const { user } = place
    const password = user === undefined ? undefined : await this.open(place)
    return user !== undefined && password ? { user, password, isStored: true } : undefined
  }

  /**
   * Works with a login, and wipes it. A stored password that vCenter refuses is removed, unless another one has taken its place: vCenter
   * locks an account after a few failures, so a person gives the login again.
   */
  async use<T>(place: Place, login: VcenterLogin, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (login.isStored && isPasswordRefusal(error)) await this.#removeRefused(place, login.password)
      throw error
    } finally {
      login.password.fill(0)
    }
  }

  async #removeRefused(place: Place, refused: Buffer): Promise<void> {
    const now = await this.open(place)
    if (now?.equals(refused) === true) await this.remove(place.id)
    now?.fill(0)
  }

  /**
   * The password, which the caller wipes; undefined: there is none, it was stored for another place, user or installation, or its stored
   * bytes were altered, of which the secrets raise an alarm.
   */
  async open(place: Place): Promise<Buffer | undefined> {
    const bytes = await this.#secrets.fresh(this.#name(place.id)).catch(undefinedIfAltered)
    if (!bytes) return undefined
    try {
      if (!this.#secrets.macMatches(this.#macFields(place), bytes.subarray(0, macBytes))) return undefined
      return Buffer.from(bytes.subarray(macBytes))
    } finally {
      bytes.fill(0)
    }
  }

  /** Whether `open` would find it. */
  async isStored(place: Place): Promise<boolean> {
    const password = await this.open(place)
    password?.fill(0)
    return password !== undefined
  }

  /** Does nothing if there is none. */
  async remove(id: string): Promise<void> {
    await this.#secrets.remove([this.#name(id)])
  }

  #name(id: string): string {
    return `${localSecretPrefix}${this.#purpose}/${id}`
  }

  #macFields({ id, user, host, port, trust }: Place): readonly string[] {
    const recognized = 'fingerprint' in trust ? ['fingerprint', trust.fingerprint] : ['CA', trust.authority]
    return [this.#purpose, id, user ?? '', host, String(port), ...recognized]
  }
}

/** Throws all other errors. */
export function undefinedIfAltered(error: unknown): undefined {
  if (!(error instanceof EnvelopeError)) throw error
}
