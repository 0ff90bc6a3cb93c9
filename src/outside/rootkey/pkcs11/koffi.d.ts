// The types of the part of koffi that Mortise uses. koffi is optional, and `npm run check:types` must pass where it is not installed.

declare module 'koffi' {
  interface Koffi {
    load(path: string): {
      func(
        name: string,
        result: string,
        args: readonly string[],
      ): (...args: readonly bigint[]) => number | bigint
    }
    proto(name: null, result: string, args: readonly string[]): object
    /** The function at this address. Its `async` runs it on another thread. */
    decode(
      address: bigint,
      proto: object,
    ): {
      async(...args: readonly [...bigint[], (error: Error | null, value: number | bigint) => void]): void
    }
    address(buffer: Buffer): bigint
    /** Memory that is not Node's. */
    view(address: bigint, length: number): ArrayBuffer
  }
  const koffi: Koffi
  export default koffi
}
