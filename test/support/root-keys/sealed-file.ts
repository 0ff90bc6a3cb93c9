// A root key file under a passphrase, as the format lays it out, at the least cost that the format takes: a derivation takes a
// quarter of what a new file's does. For tests where how it was made does not matter. Made from the format's description, not by
// the server: 32 bytes of 7 as the key, 16 of 1 as the salt, 12 of 2 as the nonce.

import { writeFile } from 'node:fs/promises'

export const sealedFilePassphrase = 'correct horse battery staple'
export const sealedFileId = 'ea8693ff5933672d4b3f79af06dcdac5'

/** For its owner alone. */
export function writeSealedFile(file: string): Promise<void> {
  return writeFile(file, text, { mode: 0o600 })
}

const text = `mortise-root-key 1
note: for tests
id: ${sealedFileId}
kdf: scrypt n=32768 r=8 p=1 salt=01010101010101010101010101010101
sealed: 0202020202020202020202025fc0b1637506defc0b35d85b2a3da6f61e832355d4a0588e0fca284c6c534b5ac80916e1d598ac0fed0ba40008a22992
`
