// The frames of the access log (access-log.ts). A frame holds the records of one turn of the event loop, as the file stores them.
//
//   frame   length of the body (4 bytes) | sequence (8 bytes) | HMAC-SHA256 of sequence and body (32 bytes) | body (JSON)
//
// Reading ends at the first frame that is cut off or does not verify. A killed process or a full disk may leave such a frame.

import { createHmac, timingSafeEqual, type KeyObject } from 'node:crypto'
import { fstatSync, readSync } from 'node:fs'
import { movedRecords } from './move-access.ts'

/** One change moves whole frames until they have at least this number of records. Other changes wait while it runs. */
export const accessMoveRecords = 500

const macBytes = 32
const headBytes = 4 + 8 + macBytes

/** Records that were handed to the operating system together. */
export interface Frame {
  readonly sequence: number
  /** JSON, as stored in the file. The access log hands it to the store's writer unchanged; move-access.ts parses it there. */
  readonly records: string
  readonly count: number
  /**
   * A caller asked for durability 'disk' for a record of this frame, so the file keeps the frame until the database has the records
   * on its disk. The file does not store this flag: frames read from it have it set.
   */
  readonly onDisk: boolean
}

export function countOf(frames: readonly Frame[]): number {
  return frames.reduce((sum, { count }) => sum + count, 0)
}

/** Splits the frames, in order, into parts. A part ends with the frame that brings it to accessMoveRecords records or more. */
export function frameGroups(frames: readonly Frame[]): readonly (readonly Frame[])[] {
  const parts: Frame[][] = []
  let room = 0
  for (const frame of frames) {
    if (room <= 0) {
      parts.push([])
      room = accessMoveRecords
    }
    parts.at(-1)?.push(frame)
    room -= frame.count
  }
  return parts
}

export function encodeFrame({ sequence, records }: Frame, key: KeyObject): Buffer {
  const bodyBytes = Buffer.byteLength(records)
  const frame = Buffer.allocUnsafe(headBytes + bodyBytes)
  frame.writeUInt32BE(bodyBytes, 0)
  frame.writeBigUInt64BE(BigInt(sequence), 4)
  frame.write(records, headBytes)
  macOf(frame.subarray(4, 12), frame.subarray(headBytes), key).copy(frame, 12)
  return frame
}

function macOf(sequence: Buffer, body: Buffer, key: KeyObject): Buffer {
  return createHmac('sha256', key).update(sequence).update(body).digest()
}

/** `unreadBytes`: the number of bytes after the last frame that is complete and verifies. */
export function readFrames(file: number, key: KeyObject): { frames: readonly Frame[]; unreadBytes: number } {
  const bytes = Buffer.alloc(fstatSync(file).size)
  for (let at = 0; at < bytes.length;) {
    const read = readSync(file, bytes, at, bytes.length - at, at)
    if (read === 0) break
    at += read
  }
  const frames: Frame[] = []
  let at = 0
  while (bytes.length - at >= headBytes) {
    const body = bytes.subarray(at + headBytes, at + headBytes + bytes.readUInt32BE(at))
    const sequence = bytes.subarray(at + 4, at + 12)
    const mac = bytes.subarray(at + 12, at + headBytes)
    if (body.length < bytes.readUInt32BE(at) || !timingSafeEqual(mac, macOf(sequence, body, key))) break
    const records = body.toString('utf8')
    const count = movedRecords(records).length
    frames.push({ sequence: Number(sequence.readBigUInt64BE()), records, count, onDisk: true })
    at += headBytes + body.length
  }
  return { frames, unreadBytes: bytes.length - at }
}
