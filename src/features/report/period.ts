// The period of a report: a quarter, or from one time to another.

import type { Run } from '../../doors/cli/command.ts'
import { UsageError, type World } from '../../doors/cli/world.ts'

export interface PeriodOptions {
  readonly quarter?: string
  readonly from?: string
  readonly to?: string
}

export interface Period {
  /** ISO 8601 in UTC; the end does not belong to it. */
  readonly from: string
  readonly to: string
  /** `2026-Q4`; null: it was given by its ends. */
  readonly quarter: string | null
}

/** A quarter begins and ends at midnight, local time. Nothing that lies in the future is in a report. */
export function periodOf(
  { time, world }: Pick<Run, 'time'> & { readonly world: Pick<World, 'now'> },
  { quarter, from, to }: PeriodOptions,
): Period {
  const now = new Date(world.now())
  if (quarter !== undefined && (from !== undefined || to !== undefined))
    throw new UsageError('give --quarter, or --from and --to, not both')
  if (to !== undefined && from === undefined) throw new UsageError('--to belongs to --from')
  const period =
    from === undefined
      ? quarterOf(quarter ?? lastQuarter(now))
      : {
          from: time('--from', from),
          to: to === undefined ? now.toISOString() : time('--to', to),
          quarter: null,
        }
  const end = period.to > now.toISOString() ? now.toISOString() : period.to
  if (period.from >= end)
    throw new UsageError(`the period from ${period.from} to ${period.to} is empty or has not begun`)
  return { ...period, to: end }
}

function quarterOf(text: string): Period {
  const [, year, number] = /^(\d{4})-Q([1-4])$/i.exec(text) ?? []
  if (year === undefined) throw new UsageError(`--quarter takes a quarter such as 2026-Q4, not ${text}`)
  const month = (Number(number) - 1) * 3
  const [from, to] = [month, month + 3].map((first) => new Date(Number(year), first, 1).toISOString())
  return { from: from ?? '', to: to ?? '', quarter: text.toUpperCase() }
}

function lastQuarter(now: Date): string {
  const over = new Date(now.getFullYear(), Math.floor(now.getMonth() / 3) * 3 - 1, 1)
  return `${over.getFullYear()}-Q${Math.floor(over.getMonth() / 3) + 1}`
}
