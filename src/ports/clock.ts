// Time as the rooms see it. The server passes the machine's clock, tests one that they turn by hand. No logic here.

export interface Clock {
  /** Wall clock, milliseconds since 1970. May jump. */
  now(): number
  /** Milliseconds since some moment of this process. Never jumps; for time-outs and the cache rule. */
  monotonic(): number
}
