// The time as the server has it, which is that of everything it tells. The clock of the reader's machine may be a day off.

let aheadMs = 0

/** `date`: of an answer of the server (RFC 9110 §6.6.1), to the second. */
export function noteServerTime(date: string | null, hereMs = Date.now()): void {
  const thereMs = Date.parse(date ?? '')
  if (!Number.isNaN(thereMs)) aheadMs = thereMs - hereMs
}

export function serverNowMs(hereMs = Date.now()): number {
  return hereMs + aheadMs
}
