// Time as the rooms see it. The server passes the machine's clock, tests one that they turn by hand. No logic here.

export interface Clock {
  /** Wall clock, milliseconds since 1970. May jump. */
  now(): number
  /** Milliseconds since some moment of this process. Never jumps; for time-outs and the cache rule. */
  monotonic(): number
  /** Calls `work` once, after so many milliseconds of monotonic time. Does not keep the process running. */
  after(delayMs: number, work: () => void): Timer
  /** Calls `work` again and again, so many milliseconds apart. Does not keep the process running. */
  every(intervalMs: number, work: () => void): Timer
  /** Resolves after so many milliseconds, or as soon as `signal` aborts. Does not keep the process running. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>
}

export interface Timer {
  /** `work` is not called again. May be called more than once. */
  cancel(): void
}
