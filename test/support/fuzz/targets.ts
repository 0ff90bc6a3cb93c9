// Everything that the fuzzer attacks.

import { httpTarget, proxyTarget, textTarget, ttlvTarget } from './decoders.ts'
import type { Target } from './engine.ts'
import { handlerTarget } from './handler.ts'
import { adminTarget, certificateTarget, keyProtectTarget } from './parsers.ts'
import { soapTarget } from './soap.ts'

export function fuzzTargets(): readonly Target[] {
  return [
    ttlvTarget,
    textTarget('xml'),
    textTarget('json'),
    httpTarget,
    proxyTarget,
    handlerTarget(),
    certificateTarget,
    adminTarget,
    keyProtectTarget,
    soapTarget,
  ]
}
