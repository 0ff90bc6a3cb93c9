// The memory that the thread of the access log shares with the thread that serves TLS: one request at a time, and its answer.
// No logic here.

/** Given to the thread when it starts. */
export interface AppendThreadData {
  readonly file: number
  readonly shared: SharedArrayBuffer
}

/** The places of the 32-bit words. `error` is the system's number, and 0 where there was none. */
export const word = { state: 0, isTruncation: 1, error: 2 } as const
/** The values of `state`: whose move it is. */
export const state = { answered: 0, asked: 1 } as const
const wordsEnd = 4 * 4

/** The bytes to append, or the length to cut the file to. */
export function sharedViews(shared: SharedArrayBuffer) {
  return {
    words: new Int32Array(shared, 0, wordsEnd / 4),
    size: new Float64Array(shared, wordsEnd, 1),
    bytes: new Uint8Array(shared, wordsEnd + 8),
  }
}

/** `bytes`: how many fit into one request. */
export function sharedMemory(bytes: number): SharedArrayBuffer {
  return new SharedArrayBuffer(wordsEnd + 8 + bytes)
}
