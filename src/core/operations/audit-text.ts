// A client's text for the audit log: one short line of printable characters, so that it cannot imitate other parts of the log.

import { auditTextCharactersMax } from '../../base/bounds.ts'

export function auditText(text: string): string {
  const printable = text.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, ' ')
  const most = auditTextCharactersMax
  // A cut must not split a surrogate pair.
  return printable.length <= most ? printable : `${printable.slice(0, most - 1).replace(/\p{Cs}$/u, '')}…`
}
