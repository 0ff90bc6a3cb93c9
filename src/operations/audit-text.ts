// A client's text for the audit log: one short line of printable characters, so that it cannot look like something else there.

import { limits } from '../limits.ts'

export function auditText(text: string): string {
  const printable = text.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, ' ')
  const characters = [...printable]
  const { auditTextCharactersMax: most } = limits
  return characters.length <= most ? printable : `${characters.slice(0, most - 1).join('')}…`
}
