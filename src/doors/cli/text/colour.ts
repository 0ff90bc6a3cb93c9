// Severities in colour, on standard output alone: Node.js decides whether it shows colours (a terminal, NO_COLOR, FORCE_COLOR).

import { Writable } from 'node:stream'
import { styleText } from 'node:util'
import type { World } from '../world.ts'

const styles = {
  critical: ['red', 'bold'],
  fault: ['red', 'bold'],
  bad: ['red', 'bold'],
  warning: 'yellow',
  unknown: 'yellow',
  notice: 'cyan',
  note: 'cyan',
  good: 'green',
} as const satisfies Readonly<Record<string, Parameters<typeof styleText>[0]>>

/** The text in the colour of a severity. */
export function coloured(stdout: World['stdout'], severity: keyof typeof styles, text: string): string {
  return stdout instanceof Writable ? styleText(styles[severity], text, { stream: stdout }) : text
}
