// The time, for all of src/. The server passes the machine's clock. Tests pass a clock that they set by hand. No logic here.

export interface Clock {
  /** Wall clock, milliseconds since 1970. May jump. */
  now(): number
  /** Milliseconds since some moment of this process. Never jumps. For time-outs and the cache rule. */
  monotonic(): number
  /** Calls `work` once, after this many milliseconds of monotonic time. Does not keep the process running. */
  after(delayMs: number, work: () => void): Timer
  /** Calls `work` repeatedly, this many milliseconds apart. Does not keep the process running. */
  every(intervalMs: number, work: () => void): Timer
  /** Resolves after this many milliseconds, or as soon as `signal` aborts. Does not keep the process running. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>
}

export interface Timer {
  /** Ends the calls of `work`. May be called more than once. */
  cancel(): void
}
