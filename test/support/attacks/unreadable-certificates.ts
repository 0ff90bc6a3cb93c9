// A stranger shows certificates that nobody can read, each with a fingerprint of its own: names of thousands of parts or
// hundreds of levels, dates that are none, keys of no kind. They must not hide anybody else on the list of pending clients.

import { setTimeout as wait } from 'node:timers/promises'
import { unreadableCertificates } from '../certificates/hostile-certificates.ts'
import { showCertificate } from './show-certificate.ts'
import type { Attack } from './target.ts'

const pauseMs = 50

export const showUnreadable: Attack = async ({ kmip }, signal) => {
  while (!signal.aborted) {
    for (const { tls } of unreadableCertificates().values()) await showCertificate(kmip, tls, { signal })
    await wait(pauseMs, undefined, { signal }).catch(() => undefined)
  }
}
