// The URI of a root key in AWS KMS: aws-kms: and the ARN of a key or an alias.
//
//     aws-kms:arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab
//     aws-kms:arn:aws:kms:eu-central-1:111122223333:alias/mortise

import { RootKeyError } from '../../../core/ports/root-key.ts'

export interface AwsKmsUri {
  readonly arn: string
  readonly region: string
  /** Names the key through an alias, which may point to another key later. */
  readonly isAlias: boolean
  /** The endpoint's host in the region's partition; undefined where only the configuration can name it. */
  readonly host: string | undefined
}

/** Throws RootKeyError('root-key') with what to write instead. */
export function parseAwsKmsUri(uri: string): AwsKmsUri {
  const [, arn, partition, region, kind] = form.exec(uri) ?? []
  if (arn === undefined || region === undefined)
    throw new RootKeyError(
      'root-key',
      `${uri} is not the URI of a root key in AWS KMS. Write aws-kms: and the ARN of the key or of an alias, such as ` +
        'aws-kms:arn:aws:kms:eu-central-1:111122223333:alias/mortise; aws kms describe-key shows the ARN',
    )
  const suffix = suffixes[partition ?? '']
  return { arn, region, isAlias: kind === 'alias', host: suffix && `kms.${region}.${suffix}` }
}

/** Nothing in a region can end the name of the host that it becomes part of. */
const form =
  /^aws-kms:(arn:(aws[a-z-]*):kms:([a-z]{2,4}(?:-[a-z]+)+-\d{1,2}):\d{12}:(key|alias)\/[\w/-]{1,250})$/i

const suffixes: Readonly<Record<string, string>> = {
  aws: 'amazonaws.com',
  'aws-us-gov': 'amazonaws.com',
  'aws-cn': 'amazonaws.com.cn',
}
