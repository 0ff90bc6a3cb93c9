// The fields that the operations on data have in common (KMIP 1.4 §4.29 to §4.37).

import type { DataRequest } from '../keys/use/use-key.ts'
import { Fault } from '../../wire/kmip/fault.ts'
import type { Request } from '../../wire/kmip/operations.ts'

type DataFields = Pick<Request<'MAC'>, 'Data' | 'CorrelationValue' | 'InitIndicator' | 'FinalIndicator'> & {
  readonly CryptographicParameters?: Request<'MAC'>['CryptographicParameters']
}

/** Throws Fault InvalidMessage for a request without data that is not part of a stream. */
export function dataRequest(request: DataFields): DataRequest {
  const { CorrelationValue, InitIndicator, FinalIndicator, CryptographicParameters } = request
  const data = bytesOf(request.Data)
  if (data === undefined && isWhole(request)) throw new Fault('InvalidMessage', 'the request has no Data')
  const part = { correlationValue: CorrelationValue, init: InitIndicator, final: FinalIndicator }
  return { ...part, parameters: CryptographicParameters, data }
}

function isWhole({ CorrelationValue, InitIndicator = false, FinalIndicator = false }: DataFields): boolean {
  return CorrelationValue === undefined && InitIndicator === FinalIndicator
}

/** 2.x may refer to the result of an earlier item instead. */
export function bytesOf(data: Request<'MAC'>['Data']): Uint8Array | undefined {
  if (data === undefined || data instanceof Uint8Array) return data
  throw new Fault('FeatureNotSupported', 'Data must be a byte string here')
}

/** Partial results omit empty Data; a whole result always has its Data. */
export function dataOf(request: DataFields, data: Uint8Array | undefined): Uint8Array | undefined {
  return isWhole(request) || (data?.length ?? 0) > 0 ? data : undefined
}

/** For a signature: the data, or its digest instead. A digest comes whole. */
export function digestedOrData(
  request: DataFields & Pick<Request<'Sign'>, 'DigestedData'>,
): DataRequest & { readonly digested: boolean } {
  const { DigestedData } = request
  if (DigestedData === undefined) return { ...dataRequest(request), digested: false }
  if (request.Data !== undefined || request.CorrelationValue !== undefined)
    throw new Fault('InvalidField', 'Digested Data takes the place of Data, and comes in one request')
  return { ...dataRequest({ ...request, Data: DigestedData }), digested: true }
}

/** Undefined while more parts follow. */
export function validityName(valid: boolean | undefined): 'Valid' | 'Invalid' | undefined {
  return valid === undefined ? undefined : valid ? 'Valid' : 'Invalid'
}
