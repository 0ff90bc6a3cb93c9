// Elliptic curves by KMIP's names: object identifiers (SEC 2, RFC 5480, RFC 5639, RFC 8410, X9.62) and sizes in bits.

interface Curve {
  readonly identifier: string
  /** The size of the field, which KMIP uses as the Cryptographic Length. */
  readonly bits: number
}

const certicom = '1.3.132.0'
const primes = '1.2.840.10045.3.1'
const binaries = '1.2.840.10045.3.0'
const brainpool = '1.3.36.3.3.2.8.1.1'

function curve(arc: string, last: number, bits: number): Curve {
  return { identifier: `${arc}.${last}`, bits }
}

/** By the names of the enumeration Recommended Curve. */
export const curves = {
  P_192: curve(primes, 1, 192),
  P_224: curve(certicom, 33, 224),
  P_256: curve(primes, 7, 256),
  P_384: curve(certicom, 34, 384),
  P_521: curve(certicom, 35, 521),
  K_163: curve(certicom, 1, 163),
  K_233: curve(certicom, 26, 233),
  K_283: curve(certicom, 16, 283),
  K_409: curve(certicom, 36, 409),
  K_571: curve(certicom, 38, 571),
  B_163: curve(certicom, 15, 163),
  B_233: curve(certicom, 27, 233),
  B_283: curve(certicom, 17, 283),
  B_409: curve(certicom, 37, 409),
  B_571: curve(certicom, 39, 571),
  SECP112R1: curve(certicom, 6, 112),
  SECP112R2: curve(certicom, 7, 112),
  SECP128R1: curve(certicom, 28, 128),
  SECP128R2: curve(certicom, 29, 128),
  SECP160K1: curve(certicom, 9, 160),
  SECP160R1: curve(certicom, 8, 160),
  SECP160R2: curve(certicom, 30, 160),
  SECP192K1: curve(certicom, 31, 192),
  SECP224K1: curve(certicom, 32, 224),
  SECP256K1: curve(certicom, 10, 256),
  SECT113R1: curve(certicom, 4, 113),
  SECT113R2: curve(certicom, 5, 113),
  SECT131R1: curve(certicom, 22, 131),
  SECT131R2: curve(certicom, 23, 131),
  SECT163R1: curve(certicom, 2, 163),
  SECT193R1: curve(certicom, 24, 193),
  SECT193R2: curve(certicom, 25, 193),
  SECT239K1: curve(certicom, 3, 239),
  ANSIX9P192V2: curve(primes, 2, 192),
  ANSIX9P192V3: curve(primes, 3, 192),
  ANSIX9P239V1: curve(primes, 4, 239),
  ANSIX9P239V2: curve(primes, 5, 239),
  ANSIX9P239V3: curve(primes, 6, 239),
  ANSIX9C2PNB163V1: curve(binaries, 1, 163),
  ANSIX9C2PNB163V2: curve(binaries, 2, 163),
  ANSIX9C2PNB163V3: curve(binaries, 3, 163),
  ANSIX9C2PNB176V1: curve(binaries, 4, 176),
  ANSIX9C2TNB191V1: curve(binaries, 5, 191),
  ANSIX9C2TNB191V2: curve(binaries, 6, 191),
  ANSIX9C2TNB191V3: curve(binaries, 7, 191),
  ANSIX9C2PNB208W1: curve(binaries, 10, 208),
  ANSIX9C2TNB239V1: curve(binaries, 11, 239),
  ANSIX9C2TNB239V2: curve(binaries, 12, 239),
  ANSIX9C2TNB239V3: curve(binaries, 13, 239),
  ANSIX9C2PNB272W1: curve(binaries, 16, 272),
  ANSIX9C2PNB304W1: curve(binaries, 17, 304),
  ANSIX9C2TNB359V1: curve(binaries, 18, 359),
  ANSIX9C2PNB368W1: curve(binaries, 19, 368),
  ANSIX9C2TNB431R1: curve(binaries, 20, 431),
  BRAINPOOLP160R1: curve(brainpool, 1, 160),
  BRAINPOOLP160T1: curve(brainpool, 2, 160),
  BRAINPOOLP192R1: curve(brainpool, 3, 192),
  BRAINPOOLP192T1: curve(brainpool, 4, 192),
  BRAINPOOLP224R1: curve(brainpool, 5, 224),
  BRAINPOOLP224T1: curve(brainpool, 6, 224),
  BRAINPOOLP256R1: curve(brainpool, 7, 256),
  BRAINPOOLP256T1: curve(brainpool, 8, 256),
  BRAINPOOLP320R1: curve(brainpool, 9, 320),
  BRAINPOOLP320T1: curve(brainpool, 10, 320),
  BRAINPOOLP384R1: curve(brainpool, 11, 384),
  BRAINPOOLP384T1: curve(brainpool, 12, 384),
  BRAINPOOLP512R1: curve(brainpool, 13, 512),
  BRAINPOOLP512T1: curve(brainpool, 14, 512),
} as const satisfies Readonly<Record<string, Curve>>

export type CurveName = keyof typeof curves

export function isCurve(name: string): name is CurveName {
  return Object.hasOwn(curves, name)
}

const byIdentifier: ReadonlyMap<string, CurveName> = new Map(
  Object.entries(curves).map(([name, { identifier }]) => [identifier, name as CurveName]),
)

export function curveOf(identifier: string): CurveName | undefined {
  return byIdentifier.get(identifier)
}

/** Curves whose keys are byte strings (RFC 8410). `keyBytes`: the length of each half. */
export const byteCurves = {
  Ed25519: { identifier: '1.3.101.112', bits: 256, keyBytes: 32 },
  Ed448: { identifier: '1.3.101.113', bits: 456, keyBytes: 57 },
  X25519: { identifier: '1.3.101.110', bits: 256, keyBytes: 32 },
  X448: { identifier: '1.3.101.111', bits: 448, keyBytes: 56 },
} as const

export type ByteCurveName = keyof typeof byteCurves

export function byteCurveOf(identifier: string): ByteCurveName | undefined {
  const entry = Object.entries(byteCurves).find(([, known]) => known.identifier === identifier)
  return entry?.[0] as ByteCurveName | undefined
}
