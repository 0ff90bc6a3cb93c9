// The part of koffi that Mortise uses. Stated here, because koffi is optional: types are checked also where it could not be installed.

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
