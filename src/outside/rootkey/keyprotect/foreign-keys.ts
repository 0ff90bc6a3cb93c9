// Standard keys that another service stored beside a root key, as IBM's KMIP for VMware did: listed, read, and tried with
// the root key. It only reads: no call here creates, changes or deletes anything at the service.

import { RootKeyError, type StandardKeyEntry } from '../../../core/ports/root-key.ts'
import { notUnderstood } from './error.ts'
import { openKeyProtect, type Where } from './open.ts'
import type { KeyProtectSession } from './session.ts'
import { KeyProtectStandardKeys } from './standard-keys.ts'
import { formatKeyProtectUri, parseKeyProtectUri, type KeyProtectUri } from './uri.ts'

/** One ciphertext that the root key is to unwrap. */
export interface ForeignForm {
  /** In base64, as the service returned it from a wrap. */
  readonly ciphertext: string
  readonly aad: readonly string[]
}

/** Throws RootKeyError, also if the key that the URI names does not exist or is a standard key. */
export async function openForeignKeys(uri: string, where: Where): Promise<ForeignKeys> {
  const rootKey = await openKeyProtect(uri, where)
  const { extractable } = await rootKey.metadata()
  if (extractable)
    throw new RootKeyError(
      'root-key',
      `${uri} is a standard key. Name the root key: mortise root-key list shows those that there are`,
    )
  const target = parseKeyProtectUri(rootKey.uri)
  return new ForeignKeys(where.sessions.session(target, where.instanceId), { ...target, key: rootKey.id })
}

export class ForeignKeys {
  /** The GUID of the service instance. */
  readonly serviceInstance: string
  /** The root key's URI, with its id. */
  readonly rootKey: string
  readonly #session: KeyProtectSession
  readonly #target: KeyProtectUri & { readonly key: string }
  readonly #standardKeys: KeyProtectStandardKeys

  constructor(session: KeyProtectSession, target: KeyProtectUri & { readonly key: string }) {
    this.#session = session
    this.#target = target
    this.#standardKeys = new KeyProtectStandardKeys(session, target)
    this.serviceInstance = target.instance
    this.rootKey = formatKeyProtectUri({ ...target, keyRing: undefined })
  }

  /** All standard keys whose name has this prefix and that are not deleted, in pages. Throws RootKeyError. */
  list(namePrefix: string): AsyncIterable<readonly StandardKeyEntry[]> {
    return this.#standardKeys.list(namePrefix, { deleted: false })
  }

  /** The payload of a standard key, which the caller wipes. RootKeyError('wrapped-form') if the key or its payload does not exist. */
  read(id: string): Promise<Uint8Array> {
    return this.#standardKeys.read(id)
  }

  /** The secret, which the caller wipes. undefined: the root key did not wrap this ciphertext with this aad. Throws RootKeyError. */
  async unwrap({ ciphertext, aad }: ForeignForm): Promise<Buffer | undefined> {
    const { key, keyRing } = this.#target
    const content = { ciphertext, ...(aad.length > 0 && { aad }) }
    const body = Buffer.from(JSON.stringify(content))
    try {
      const { secret } = await this.#session.call('unwrap', { key, keyRing, body })
      if (!secret || secret.length === 0) throw notUnderstood(this.#target, 'unwrap')
      return secret
    } catch (error) {
      if (error instanceof RootKeyError && error.reach === 'wrapped-form') return undefined
      throw error
    } finally {
      body.fill(0)
    }
  }
}
