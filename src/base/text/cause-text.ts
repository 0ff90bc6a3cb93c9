// The text of an error for people.

/** The message of the error's cause where it has one: fetch and others put into it why they failed, and into the error that they failed. */
export function causeText(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? error.cause.message : error.message
}
