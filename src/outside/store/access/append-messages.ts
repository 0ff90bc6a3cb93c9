// The memory that the thread of the access log shares with the thread that serves TLS: one request at a time, and its answer.

/** The thread receives this when it starts. */
export interface AppendThreadData {
  readonly file: number
  readonly shared: SharedArrayBuffer
}

/** The indexes of the 32-bit words. `error` is the system's error number; 0: no error. */
export const word = { state: 0, isTruncation: 1, error: 2 } as const
/** The values of `state`. */
export const state = { answered: 0, waiting: 1 } as const
const wordsEnd = 4 * 4

/** `bytes`: the bytes to append. `size`: how many they are, or the length to cut the file to. */
export function sharedViews(shared: SharedArrayBuffer) {
  return {
    words: new Int32Array(shared, 0, wordsEnd / 4),
    size: new Float64Array(shared, wordsEnd, 1),
    bytes: new Uint8Array(shared, wordsEnd + 8),
  }
}

/** `bytes`: the most that one request can append. */
export function sharedMemory(bytes: number): SharedArrayBuffer {
  return new SharedArrayBuffer(wordsEnd + 8 + bytes)
}
