// Checks whether KMIP is spoken behind TLS, and says what is there if not.

import type { Address } from '../../base/kmip-address.ts'
import type { Timeouts } from '../../outside/kmip-client/connection.ts'
import { clientTls } from '../../outside/kmip-client/tls.ts'
import type { Findings } from './doctor-findings.ts'
import { beginningText, overTls, serviceAt, type Service } from './doctor-service.ts'
import { offers, type Shown } from './doctor-tls.ts'

/** Which service answers behind TLS. The client's certificate is shown, if there is one. */
export function serviceBehindTls(
  address: Address,
  shown: Shown,
  { answerMs }: Pick<Timeouts, 'answerMs'>,
): Promise<Service> {
  const tls = clientTls({ ...shown, ...offers.any, trust: { by: 'nothing' } })
  return serviceAt(address, overTls(address, tls), answerMs)
}

/** For a doctor without a client certificate. */
export function tellService(service: Service, findings: Findings): void {
  if (service.kind === 'kmip') return findings.good('kmip', 'answers KMIP')
  if (tellAnother(service, findings)) return
  if (service.kind === 'silent')
    findings.fault(
      'kmip',
      `TLS comes about, and then a message of KMIP gets no answer: ${service.what}`,
      `${wrongPort} Or the key server hangs: look at its log.`,
    )
  else if (service.kind === 'closed')
    findings.warning(
      'kmip',
      `whether KMIP is spoken there cannot be seen without a client certificate: ${service.what}`,
      "Give vCenter's, or one of your own: --cert PEM --key KEY.",
    )
}

/** Reports a service that is not KMIP, whatever certificate it is shown. False: it may be KMIP. */
export function tellAnother(service: Service, findings: Findings): boolean {
  if (service.kind === 'http')
    findings.fault(
      'kmip',
      'a web server (HTTPS) answers there, and no KMIP',
      `${wrongPort} vCenter takes no KMIP over HTTPS, and Mortise's console and admin API have a port of their own (5697).`,
    )
  else if (service.kind === 'other')
    findings.fault(
      'kmip',
      `TLS, but no KMIP: the service there answers ${beginningText(service.begins)}`,
      `${wrongPort} Some servers have KMIP switched on separately.`,
    )
  else return false
  return true
}

const wrongPort = "Correct the port: KMIP is 5696 as a rule (Mortise's: kmip.listen)."
