// Which machines use a key or an instance, as text, and the flag of commands that close it.

import { useText } from '../../base/text/inventory-age.ts'

/** The machines that use a key or an instance, as the admin API shows them. */
export interface ShownUsedBy {
  readonly machines: number
  readonly first: readonly { readonly kind: string; readonly name: string }[]
  readonly asOf: string
  readonly old: boolean
}

/** `in use by 3 machines as of 2 days ago (...)`. */
export function usedByText({ machines, first, asOf }: ShownUsedBy, nowMs: number): string {
  return useText({ machines, first, takenMs: Date.parse(asOf) }, nowMs)
}

/** For a column: the first machine, and how many more. */
export function shortUse(usedBy: ShownUsedBy | null): string {
  const [first] = usedBy?.first ?? []
  if (!usedBy || !first) return ''
  const name = first.kind === 'vm' ? first.name : `${first.kind} ${first.name}`
  return `${name}${usedBy.machines > 1 ? ` +${String(usedBy.machines - 1)}` : ''}${usedBy.old ? ' (old)' : ''}`
}

export const inUseFlag = [
  '--in-use <n>',
  'go on although n machines use it, as the imported inventory says',
] as const

export function sentence(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1)
}
