// The error of this folder: a person's input is unusable, and the message says what it is and what to enter instead. The message
// is safe to show: it never quotes the input, which may be a private key.

export class PkiError extends Error {
  override readonly name = 'PkiError'
}
