// The error of this folder: a person gave something unusable, and the message tells that person what it is and what to
// give instead. Safe to show: the message never quotes the input, which may have been a private key.

export class PkiError extends Error {
  override readonly name = 'PkiError'
}
