// The only error that this folder throws for bytes from outside.

/**
 * The kinds of fault that lead to different answers:
 * - `malformed`: not TTLV (lengths, padding, item types, values that their type does not allow)
 * - `too-large`, `too-deep`, `too-many`: TTLV, but beyond a limit
 * - `wrong-tag`, `wrong-type`, `unknown-value`: an item that the schema does not allow in this place
 * - `unknown-field`, `repeated-field`, `missing-field`: a structure whose items differ from the schema
 */
export type TtlvErrorCode =
  | 'malformed'
  | 'too-large'
  | 'too-deep'
  | 'too-many'
  | 'wrong-tag'
  | 'wrong-type'
  | 'unknown-value'
  | 'unknown-field'
  | 'repeated-field'
  | 'missing-field'

/** The message never repeats a value from the input, so it can be logged and sent. */
export class TtlvError extends Error {
  override readonly name = 'TtlvError'
  readonly code: TtlvErrorCode
  /** The names of the fields, outermost first, joined by dots. Empty if no schema is known. */
  readonly path: string
  /** Where the item begins, in bytes from the start of the input. */
  readonly offset: number

  constructor(code: TtlvErrorCode, what: string, place: { readonly path: string; readonly offset: number }) {
    super(place.path === '' ? what : `${place.path}: ${what}`)
    this.code = code
    this.path = place.path
    this.offset = place.offset
  }
}
