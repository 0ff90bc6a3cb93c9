// Tasks of vCenter: what a method with a name in `_Task` begins. A task goes on when its session ends, or when Mortise no longer waits.

import { VsphereError } from './errors.ts'
import type { VsphereSession } from './session.ts'
import { faultError } from './soap.ts'
import { elementAt, elementsOf, lacking, ref, textAt, type Ref } from './values.ts'
import { xml, type XmlElement } from './xml.ts'

/** The pause before the second look at a task. It doubles with each look. */
const firstPauseMs = 100
const pauseMsMax = 2_000
/** A single look at a task is a small call. */
const lookMs = 30_000

export interface TaskWait {
  /** The method that began the task, for messages. */
  readonly method: string
  /** Milliseconds that the task may take from now on. */
  readonly withinMs: number
  /** Ends the waiting, not the task: it rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined
}

/**
 * The result of a task that has succeeded; undefined if it has none. Rejects with VsphereError: with the fault of a task that failed, with
 * kind `answer` if the task has not ended in time.
 */
export async function taskResult(
  session: VsphereSession,
  task: Ref,
  { method, withinMs, signal }: TaskWait,
): Promise<XmlElement | undefined> {
  const { clock } = session.connection
  const endMs = clock.monotonic() + withinMs
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, pauseMsMax)) {
    const info = await taskInfo(session, task, signal)
    const state = textAt(info, 'state')
    if (state === 'success') return elementAt(info, 'result')
    if (state === 'error') throw localizedFaultError(method, elementAt(info, 'error'))
    if (state !== 'queued' && state !== 'running') throw lacking(['info', 'state'])
    const leftMs = endMs - clock.monotonic()
    if (leftMs <= 0)
      throw new VsphereError(
        'answer',
        `vCenter has not ended the task of ${method} within ${withinMs / 1000} s`,
      )
    await clock.sleep(Math.min(pauseMs, leftMs), signal)
    signal?.throwIfAborted()
  }
}

/** TaskInfo. */
async function taskInfo(
  session: VsphereSession,
  task: Ref,
  signal: AbortSignal | undefined,
): Promise<XmlElement> {
  const specSet = xml('specSet', [
    xml('propSet', [xml('type', task.type), xml('pathSet', 'info')]),
    xml('objectSet', [ref('obj', task)]),
  ])
  const { propertyCollector } = session.content
  const args = [specSet, xml('options', [])]
  const limits = { answerMs: lookMs, signal }
  const [answer] = await session.call(propertyCollector, 'RetrievePropertiesEx', args, limits)
  const object = elementAt(answer, 'objects')
  const missing = elementAt(object, 'missingSet', 'fault')
  if (missing) throw localizedFaultError('RetrievePropertiesEx', missing)
  const property = elementsOf(object, 'propSet').find((one) => textAt(one, 'name') === 'info')
  const info = elementAt(property, 'val')
  if (!info) throw lacking(['info'])
  return info
}

/** The error for a LocalizedMethodFault. */
export function localizedFaultError(method: string, error: XmlElement | undefined): VsphereError {
  return faultError(method, elementAt(error, 'fault'), textAt(error, 'localizedMessage') ?? '')
}
