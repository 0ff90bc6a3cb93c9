// The error of this room: something that a person gave cannot be used, and the message tells that person what it
// is and what to give instead. Safe to show: it never quotes what was pasted, which may have been a private key.

export class PkiError extends Error {
  override readonly name = 'PkiError'
}
