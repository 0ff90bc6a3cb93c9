// Checks path, query and body of a request by their schemas, and says in words what is wrong.

import type { z } from 'zod'
import { counted } from '../../base/text/counted.ts'
import { Refusal } from '../../base/refusal.ts'

/** How much a refusal names of what is wrong with a request. */
const adminFaultsNamedMax = 5
const adminFaultNameCharactersMax = 100

/** `place`: path, query or body. Throws Refusal 'bad-request'. */
export function valid(place: string, schema: z.ZodType, value: unknown): unknown {
  const read = schema.safeParse(value)
  if (read.success) return read.data
  const { issues } = read.error
  const most = adminFaultsNamedMax
  const named = issues.slice(0, most).flatMap((issue) => faultsOf(place, issue))
  const count = issues.reduce((sum, issue) => sum + countOf(issue), 0)
  const texts = named.slice(0, most)
  if (count > texts.length) texts.push(`and ${counted(count - texts.length, 'more fault')}`)
  throw new Refusal('bad-request', texts.join('; '), 'See /api/openapi.json.')
}

/** One for each field that is not known; never more than are named. */
function faultsOf(place: string, issue: z.core.$ZodIssue): readonly string[] {
  const where = [place, ...issue.path].map(String).map(short).join('.')
  if (issue.code !== 'unrecognized_keys') return [`${where}: ${inWords(issue)}`]
  const keys = issue.keys.slice(0, adminFaultsNamedMax)
  return keys.map((key) => `${where}: there is no field ${JSON.stringify(short(key))}`)
}

function countOf(issue: z.core.$ZodIssue): number {
  return issue.code === 'unrecognized_keys' ? issue.keys.length : 1
}

function short(name: string): string {
  const most = adminFaultNameCharactersMax
  return name.length > most ? `${name.slice(0, most)}…` : name
}

/** Zod says "expected string to have >=1 characters". */
function inWords(issue: z.core.$ZodIssue): string {
  if (issue.code === 'too_small' && issue.origin === 'string')
    return issue.minimum === 1 ? 'it is empty' : `it has less than ${issue.minimum} characters`
  if (issue.code === 'too_big' && issue.origin === 'string')
    return `it has more than ${issue.maximum} characters`
  const isNumber = 'origin' in issue && (issue.origin === 'number' || issue.origin === 'int')
  if (issue.code === 'too_small' && isNumber) return `it is less than ${issue.minimum}`
  if (issue.code === 'too_big' && isNumber) return `it is more than ${issue.maximum}`
  return issue.message
}
