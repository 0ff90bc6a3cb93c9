// The hours of a day in which a campaign begins work on machines, by the clock of a named time zone.

export interface RekeyWindow {
  /** `22:00` */
  readonly from: string
  /** `05:00`; not after it. With an earlier time than `from` it is on the next day. */
  readonly to: string
  /** A name of the IANA time zone database, `Europe/Berlin`. */
  readonly timeZone: string
}

/** Whether the runtime knows the name. */
export function isTimeZone(name: string): boolean {
  try {
    return clockOf(name).resolvedOptions().timeZone !== ''
  } catch (error) {
    if (error instanceof RangeError) return false
    throw error
  }
}

/** Whether work may begin at this time. `undefined`: there is no window. */
export function isOpen(window: RekeyWindow | undefined, nowMs: number): boolean {
  if (!window) return true
  const now = clockOf(window.timeZone).format(nowMs)
  const { from, to } = window
  return from < to ? from <= now && now < to : from <= now || now < to
}

/** Writes `22:05`. */
function clockOf(timeZone: string): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat('en-GB', { timeZone, hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })
}
