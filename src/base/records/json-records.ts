// Cuts text into JSON objects as the text arrives. The text is an array of objects, objects one after the other, or one object a
// line.

import { inventoryRecordCharactersMax } from '../bounds.ts'
import { InventoryFileError } from './file-error.ts'

export interface JsonRecord {
  /** The line on which it begins, from 1. */
  readonly line: number
  readonly fields: Readonly<Record<string, unknown>>
}

/** Throws InventoryFileError. */
export async function* jsonRecords(text: AsyncIterable<string>): AsyncGenerator<JsonRecord> {
  const cutter = new ObjectCutter()
  for await (const part of text)
    for (const { line, json } of cutter.take(part)) yield { line, fields: fieldsOf(json, line) }
  cutter.end()
}

function fieldsOf(json: string, line: number): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(json) as Readonly<Record<string, unknown>>
  } catch (error) {
    throw new InventoryFileError(
      line,
      `the object that begins there is not JSON: ${error instanceof Error ? error.message : ''}`,
    )
  }
}

/** Finds the objects by strings, escapes and the depth of brackets. JSON.parse reads each object. */
class ObjectCutter {
  #line = 1
  #begun = 1
  /** Open lists around the objects. */
  #lists = 0
  #depth = 0
  #inString = false
  #escaped = false
  #object = ''

  /** The caller calls it at the end of the text. */
  end(): void {
    if (this.#depth > 0)
      throw new InventoryFileError(this.#begun, 'the file ends in the middle of the object that begins there')
    if (this.#lists > 0)
      throw new InventoryFileError(this.#line, 'the file ends there before its list does: it was cut off')
  }

  *take(part: string): Generator<{ readonly line: number; readonly json: string }> {
    let from = this.#depth > 0 ? 0 : -1
    for (let at = 0; at < part.length; at++) {
      const character = part[at] ?? ''
      if (character === '\n') this.#line++
      if (this.#depth === 0) {
        if (character === '{') {
          ;[this.#depth, this.#begun, from] = [1, this.#line, at]
        } else if (character === '[') this.#lists++
        else if (character === ']') this.#lists--
        else if (!/[\s,]/.test(character)) throw this.#notAnObject(part.slice(at, at + 20))
        continue
      }
      if (!this.#step(character)) continue
      yield { line: this.#begun, json: this.#object + part.slice(from, at + 1) }
      ;[this.#object, from] = ['', -1]
    }
    if (from !== -1) this.#object += part.slice(from)
    if (this.#object.length > inventoryRecordCharactersMax)
      throw new InventoryFileError(
        this.#begun,
        `the object that begins there has more than ${String(inventoryRecordCharactersMax)} characters`,
        'The file should be a list of objects, one for each key of a machine.',
      )
  }

  /** True at the bracket that closes the object. */
  #step(character: string): boolean {
    if (this.#inString) {
      if (this.#escaped) this.#escaped = false
      else if (character === '\\') this.#escaped = true
      else if (character === '"') this.#inString = false
      return false
    }
    if (character === '"') this.#inString = true
    else if (character === '{' || character === '[') this.#depth++
    else if (character === '}' || character === ']') this.#depth--
    return this.#depth === 0
  }

  #notAnObject(character: string): InventoryFileError {
    return new InventoryFileError(
      this.#line,
      `expected an object, and found: ${character}`,
      'The file should be a list of objects, one for each key of a machine.',
    )
  }
}
