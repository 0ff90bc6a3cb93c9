// Makes an age file (age-encryption.org/v1) piece by piece, for recipients outside the server. The library makes the header. This
// file seals the payload, since the library's own stream leaves its buffer of plaintext in memory.

import { createCipheriv, hkdfSync, randomBytes } from 'node:crypto'
import { Encrypter } from 'age-encryption'
import { NoRecipient, type SealedFile } from './sealed-file.ts'

const fileKeyBytes = 16
const nonceBytes = 16
const tagBytes = 16
/** The age format fixes this size. */
const chunkBytes = 64 * 1024

/** `recipient`: `age1...`. Throws NoRecipient. */
function addRecipient(encrypter: Encrypter, recipient: string): void {
  try {
    encrypter.addRecipient(recipient)
  } catch (cause) {
    const message = `${whyNot(recipient)}, as age-keygen prints it`
    throw new NoRecipient(message, { cause })
  }
}

/** Names a recipient only if it begins like one, since any other input may be a secret. */
function whyNot(recipient: string): string {
  if (!/^age1/i.test(recipient)) return 'what was given is not an age recipient: it should begin with age1'
  const [, plugin = 'pq'] = /^age1([a-z-]{2,20})1/i.exec(recipient) ?? []
  return ['pq', 'tag', 'tagpq'].includes(plugin)
    ? `${recipient} is not an age recipient: a letter is missing or wrong; copy it whole`
    : `${recipient} is for the plugin age-plugin-${plugin}, and Mortise runs none: give a recipient without a plugin`
}

/** `recipients`: at least one. Throws NoRecipient for an invalid one. */
export async function createAgeFile(recipients: readonly string[]): Promise<SealedFile> {
  const encrypter = new Encrypter()
  for (const recipient of recipients) addRecipient(encrypter, recipient)
  let fileKey: Uint8Array = Buffer.of()
  encrypter.addRecipient({
    wrapFileKey: (key) => {
      fileKey = Uint8Array.from(key)
      return []
    },
  })
  const empty = await encrypter.encrypt(new Uint8Array())
  if (fileKey.length !== fileKeyBytes) throw new Error('age handed out no file key')
  const header = Buffer.from(empty.subarray(0, empty.length - nonceBytes - tagBytes))
  const nonce = randomBytes(nonceBytes)
  const key = Buffer.from(hkdfSync('sha256', fileKey, nonce, 'payload', 32))
  fileKey.fill(0)
  return new AgeFile(Buffer.concat([header, nonce]), key)
}

class AgeFile implements SealedFile {
  readonly head: Buffer
  readonly #key: Buffer
  /** The plaintext of the next chunk. */
  readonly #plain = Buffer.alloc(chunkBytes)
  #length = 0
  #chunks = 0

  constructor(head: Buffer, key: Buffer) {
    this.head = head
    this.#key = key
  }

  /** Returns the chunks that are full. */
  write(plaintext: Uint8Array): readonly Buffer[] {
    const sealed: Buffer[] = []
    for (let at = 0; at < plaintext.length;) {
      // A full chunk may be the last one, which needs a mark, so it waits for more plaintext or the end.
      if (this.#length === chunkBytes) sealed.push(this.#seal(false))
      const part = plaintext.subarray(at, at + chunkBytes - this.#length)
      this.#plain.set(part, this.#length)
      this.#length += part.length
      at += part.length
    }
    return sealed
  }

  end(): Buffer {
    const last = this.#seal(true)
    this.wipe()
    return last
  }

  wipe(): void {
    this.#plain.fill(0)
    this.#key.fill(0)
  }

  #seal(isLast: boolean): Buffer {
    const nonce = Buffer.alloc(12)
    nonce.writeUIntBE(this.#chunks++, 5, 6)
    nonce[11] = isLast ? 1 : 0
    const cipher = createCipheriv('chacha20-poly1305', this.#key, nonce, { authTagLength: tagBytes })
    const plain = this.#plain.subarray(0, this.#length)
    const sealed = Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()])
    plain.fill(0)
    this.#length = 0
    return sealed
  }
}
