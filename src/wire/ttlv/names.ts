// The names that the text encodings (XML, JSON) write instead of numbers. The caller passes them in, because this room knows no
// KMIP: wire/kmip/text-names.ts makes them from the tables of tags, enumerations and masks.

export interface Names {
  /** The number of a tag. Undefined: there is no such tag. */
  tagOf(name: string): number | undefined
  /** The name of a tag. Undefined: the tag is written as a number. */
  tagName(tag: number): string | undefined
  /** The names of an item's values, by its tag. Undefined: its values are numbers only. */
  valuesOf(tag: number): ValueNames | undefined
  /**
   * Within a structure, the text of the item with the tag `name` decides which values a later item with the tag `value` may have.
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
  /** Every named bit, lowest first. Only masks have these. */
  readonly bits?: readonly number[]
}
