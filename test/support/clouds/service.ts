// What a fake of a service of root keys is: it answers requests and obeys commands of tests. The listener around it makes things
// go wrong on the way.

export interface CloudRequest {
  readonly method: string
  /** With its query. */
  readonly url: URL
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: Buffer
}

export interface CloudReply {
  readonly status: number
  readonly body: unknown
  readonly headers?: Readonly<Record<string, string>>
}

export interface FakeService {
  /** By which faults name the call; `*` is all but `login`. */
  nameOf(request: CloudRequest): string
  answer(request: CloudRequest, nowMs: number): CloudReply
  /** What the service itself answers with this status when it is in trouble. */
  trouble(status: number): CloudReply
  /** Carries out a command of a test, which stands for an administrator of the service. */
  command(name: string, body: Readonly<Record<string, unknown>>, nowMs: number): unknown
}
