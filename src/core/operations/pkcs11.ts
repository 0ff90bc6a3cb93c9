// PKCS#11 (KMIP 2.1 §6.1.37): a client calls a function of a PKCS#11 library at the server. Mortise has the functions that begin,
// end and describe the use of the library. It has no slots, and every other function returns that it is not supported. Clients
// use keys by KMIP's own operations.

import { Fault } from '../../wire/kmip/fault.ts'
import type { Request, Response } from '../../wire/kmip/operations.ts'
import { atLeast } from '../../wire/kmip/version.ts'
import {
  pkcs11Function,
  pkcs11ReturnCodes,
  type Pkcs11Function,
  type Pkcs11ReturnCode,
} from '../../wire/kmip/pkcs11.ts'
import type { Context, Handler } from './handler.ts'

interface Returned {
  readonly code: Pkcs11ReturnCode
  readonly output?: Uint8Array
  /** The Correlation Value of a new use. */
  readonly correlationValue?: Uint8Array | undefined
}

type Call = (context: Context, correlationValue: Uint8Array | undefined) => Returned

export const pkcs11: Handler<'PKCS_11'> = async (context, request) => {
  if (request.PKCS_11Interface !== undefined && request.PKCS_11Interface !== onlyInterface)
    throw new Fault('PKCS_11InvalidInterface', `this server has the interface "${onlyInterface}" alone`)
  const name = pkcs11Function(request.PKCS_11Function)
  if (name === undefined)
    throw new Fault('PKCS_11InvalidFunction', 'PKCS#11 3.0 has no function of that number')
  context.transaction.enter('client.pkcs11', { function: name })
  const returned = (calls[name] ?? notSupported)(context, request.CorrelationValue)
  // The published case of 3.0 wants it in each answer, that of 2.1 only in the first.
  const repeated = atLeast(context.version, '3.0') ? request.CorrelationValue : undefined
  return answerOf(request, { correlationValue: repeated, ...returned })
}

/** PKCS#11 3.0 gives its own interface this name. */
const onlyInterface = 'PKCS 11'

const calls: { readonly [N in Pkcs11Function]?: Call } = {
  C_Initialize: ({ transaction, pkcs11Uses }, value) => {
    if (value && pkcs11Uses.renew(transaction.party, value)) return { code: 'CRYPTOKI_ALREADY_INITIALIZED' }
    const correlationValue = pkcs11Uses.begin(transaction.party)
    if (!correlationValue) return { code: 'HOST_MEMORY' }
    transaction.counted(() => pkcs11Uses.end(correlationValue))
    return { code: 'OK', correlationValue }
  },
  C_GetInfo: (context, value) => {
    const output = libraryInfo(context.server.version)
    return renew(context, value) ? { code: 'OK', output } : notInitialized
  },
  C_Finalize: (context, value) => {
    if (!value || !renew(context, value)) return notInitialized
    const { transaction, pkcs11Uses } = context
    pkcs11Uses.end(value)
    transaction.counted(() => pkcs11Uses.restore(transaction.party, value))
    return { code: 'OK' }
  },
}

const notInitialized: Returned = { code: 'CRYPTOKI_NOT_INITIALIZED' }

/** Before C_Initialize a client may call no other function (PKCS#11 3.0 §5.4). */
function notSupported(context: Context, value: Uint8Array | undefined): Returned {
  return renew(context, value) ? { code: 'FUNCTION_NOT_SUPPORTED' } : notInitialized
}

function renew({ transaction, pkcs11Uses }: Context, value: Uint8Array | undefined): boolean {
  return value !== undefined && pkcs11Uses.renew(transaction.party, value)
}

function answerOf(
  { PKCS_11Interface, PKCS_11Function }: Request<'PKCS_11'>,
  { code, output, correlationValue }: Returned,
): Response<'PKCS_11'> {
  return {
    ...(PKCS_11Interface !== undefined && { PKCS_11Interface }),
    PKCS_11Function,
    ...(correlationValue && { CorrelationValue: correlationValue }),
    ...(output && { PKCS_11OutputParameters: output }),
    PKCS_11ReturnCode: pkcs11ReturnCodes[code],
  }
}

/** CK_INFO: the version of PKCS#11, the manufacturer, flags (none are defined), the description, the version of the library. */
function libraryInfo(version: string): Buffer {
  const [major = 0, minor = 0] = version.split('.').map((part) => Number.parseInt(part, 10))
  return Buffer.concat([
    Buffer.of(3, 0),
    padded('Mortise'),
    Buffer.alloc(8),
    padded('Mortise KMIP server'),
    Buffer.of(major & 0xff, minor & 0xff),
  ])
}

function padded(text: string): Buffer {
  return Buffer.from(text.padEnd(32, ' '))
}
