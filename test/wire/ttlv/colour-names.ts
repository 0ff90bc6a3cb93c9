// A small vocabulary for tests of the text encodings: tags 54xxxx, one enumeration, one mask. And how a text is refused.

import { TtlvError } from '../../../src/wire/ttlv/error.ts'
import type { Names, ValueNames } from '../../../src/wire/ttlv/names.ts'

const tags: Readonly<Record<string, number>> = {
  Thing: 0x540001,
  Box: 0x540002,
  Colour: 0x540003,
  Flags: 0x540004,
  Says: 0x540005,
  Said: 0x540006,
}

function values(codes: Readonly<Record<string, number>>): ValueNames {
  const names = new Map(Object.entries(codes).map(([name, code]) => [code, name]))
  return { codeOf: (name) => codes[name], nameOf: (code) => names.get(code) }
}

const colour = values({ Red: 1, LightRed: 2 })
const flags: ValueNames = { ...values({ One: 1, Two: 2, Four: 4 }), bits: [1, 2, 4] }
const tagNames = new Map(Object.entries(tags).map(([name, tag]) => [tag, name]))

export const colours: Names = {
  tagOf: (name) => tags[name],
  tagName: (tag) => tagNames.get(tag),
  valuesOf: (tag) => (tag === tags['Colour'] ? colour : tag === tags['Flags'] ? flags : undefined),
  pair: {
    name: 0x540005,
    value: 0x540006,
    valuesOf: (text) => (text === 'colour' ? colour : undefined),
  },
}

/** The error that `hex` throws for a text; 'read' if it throws none. */
export function refusal(hex: () => string): string {
  try {
    hex()
  } catch (error) {
    if (error instanceof TtlvError) return `${error.code} ${error.message}`
    throw error
  }
  return 'read'
}
