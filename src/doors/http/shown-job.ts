// A job that a request began, as the admin API shows it, and why it failed.

import { z } from 'zod'
import { errorCodes, type Refusal } from '../../base/refusal.ts'
import type { Job } from './jobs.ts'

/** The schema of why something failed; `description` says what is left then. null: it did not fail. */
export function failure(description: string) {
  return z
    .object({ code: z.enum(errorCodes), message: z.string(), hint: z.string().nullable() })
    .nullable()
    .meta({ description })
}

export function shownFailure(refusal: Refusal | null) {
  return refusal && { code: refusal.code, message: refusal.message, hint: refusal.hint ?? null }
}

/** Everything but its report, which each kind of job shows in its own way. */
export function shownJob<Progress extends object>({
  id,
  progress,
  ended,
}: Job<{ readonly progress: Progress }, unknown>) {
  return {
    id,
    state: ended?.state ?? ('running' as const),
    ...progress,
    error: shownFailure(ended?.state === 'failed' ? ended.refusal : null),
  }
}
