// Algorithms whose keys a quantum computer cannot break, by KMIP's names (3.0, a draft): ML-KEM (FIPS 203), ML-DSA (FIPS 204) and
// SLH-DSA (FIPS 205). quantum-safe-keys.ts reads their keys, and Node computes with them.

export interface QuantumSafe {
  readonly family: 'ml-kem' | 'ml-dsa' | 'slh-dsa'
  /** RFC 9909 §3, RFC 9881 §2, RFC 9935 §3 */
  readonly identifier: string
  readonly publicBytes: number
  /** The length of the whole private key, not of its seed. */
  readonly privateBytes: number
}

const kem = (last: number, publicBytes: number, privateBytes: number) =>
  ({
    family: 'ml-kem',
    identifier: `2.16.840.1.101.3.4.4.${last}`,
    publicBytes,
    privateBytes,
  }) as const
const signature = (family: 'ml-dsa' | 'slh-dsa', last: number, publicBytes: number, privateBytes: number) =>
  ({ family, identifier: `2.16.840.1.101.3.4.3.${last}`, publicBytes, privateBytes }) as const

export const quantumSafe = {
  ML_KEM_512: kem(1, 800, 1632),
  ML_KEM_768: kem(2, 1184, 2400),
  ML_KEM_1024: kem(3, 1568, 3168),
  ML_DSA_44: signature('ml-dsa', 17, 1312, 2560),
  ML_DSA_65: signature('ml-dsa', 18, 1952, 4032),
  ML_DSA_87: signature('ml-dsa', 19, 2592, 4896),
  SLH_DSA_SHA2_128s: signature('slh-dsa', 20, 32, 64),
  SLH_DSA_SHA2_128f: signature('slh-dsa', 21, 32, 64),
  SLH_DSA_SHA2_192s: signature('slh-dsa', 22, 48, 96),
  SLH_DSA_SHA2_192f: signature('slh-dsa', 23, 48, 96),
  SLH_DSA_SHA2_256s: signature('slh-dsa', 24, 64, 128),
  SLH_DSA_SHA2_256f: signature('slh-dsa', 25, 64, 128),
  SLH_DSA_SHAKE_128s: signature('slh-dsa', 26, 32, 64),
  SLH_DSA_SHAKE_128f: signature('slh-dsa', 27, 32, 64),
  SLH_DSA_SHAKE_192s: signature('slh-dsa', 28, 48, 96),
  SLH_DSA_SHAKE_192f: signature('slh-dsa', 29, 48, 96),
  SLH_DSA_SHAKE_256s: signature('slh-dsa', 30, 64, 128),
  SLH_DSA_SHAKE_256f: signature('slh-dsa', 31, 64, 128),
} as const satisfies Readonly<Record<string, QuantumSafe>>

export type QuantumSafeName = keyof typeof quantumSafe

export function isQuantumSafe(name: string | undefined): name is QuantumSafeName {
  return name !== undefined && Object.hasOwn(quantumSafe, name)
}

const byIdentifier: ReadonlyMap<string, QuantumSafeName> = new Map(
  Object.entries(quantumSafe).map(([name, { identifier }]) => [identifier, name as QuantumSafeName]),
)

export function quantumSafeOf(identifier: string): QuantumSafeName | undefined {
  return byIdentifier.get(identifier)
}

/** Node's name of the key type: `ml-kem-768`, `slh-dsa-sha2-128s`. */
export function nodeType<N extends QuantumSafeName>(name: N): NodeType<N> {
  return name.toLowerCase().replaceAll('_', '-') as NodeType<N>
}

type NodeType<N extends string> = N extends `${infer A}_${infer B}`
  ? `${Lowercase<A>}-${NodeType<B>}`
  : Lowercase<N>

/** Whether generating a key pair or signing may take seconds. */
export function isSlow(name: QuantumSafeName): boolean {
  return quantumSafe[name].family === 'slh-dsa'
}
