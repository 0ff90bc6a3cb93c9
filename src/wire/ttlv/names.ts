// The names that the text encodings (XML, JSON) write in place of numbers. Passed in, because this room knows no KMIP:
// wire/kmip/text-names.ts makes them of the tables of tags, enumerations and masks.

export interface Names {
  /** The number of a tag. Undefined: there is no such tag. */
  tagOf(name: string): number | undefined
  /** The name of a tag. Undefined: it is written as a number. */
  tagName(tag: number): string | undefined
  /** The names of the values of an item with this tag. Undefined: its values are numbers only. */
  valuesOf(tag: number): ValueNames | undefined
  /**
   * In a structure, the text of an item with the tag `name` decides which values an item with the tag `value` after it may
   * have.
   */
  readonly pair: {
    readonly name: number
    readonly value: number
    valuesOf(text: string): ValueNames | undefined
  }
}

/** The values of an enumeration, or the bits of a mask. */
export interface ValueNames {
  codeOf(name: string): number | undefined
  nameOf(code: number): string | undefined
  /** Only masks have these: every named bit, lowest first. */
  readonly bits?: readonly number[]
}
