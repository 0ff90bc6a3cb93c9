// Writes distinguished names, with the ASN.1 library. Reading them (subject.ts) does not need that library.

import { AttributeTypeAndValue, AttributeValue, Name, RelativeDistinguishedName } from '@peculiar/asn1-x509'
import { attributeTypes, type SubjectAttribute } from './subject.ts'

/** A name that has only a common name. */
export function nameWithCommonName(commonName: string): Name {
  return nameOfParts([{ type: 'CN', value: commonName }])
}

/** A name with one attribute in each part. Types are short names from the table, or dotted object identifiers. */
export function nameOfParts(parts: readonly SubjectAttribute[]): Name {
  return new Name(
    parts.map(({ type, value }) => {
      const kind = stringKindOf[type] ?? 'utf8String'
      return new RelativeDistinguishedName([
        new AttributeTypeAndValue({
          type: attributeTypes[type] ?? type,
          value: new AttributeValue({ [kind]: value }),
        }),
      ])
    }),
  )
}

/** RFC 5280 appendix A.1: the attributes that are not a DirectoryString. */
const stringKindOf: Readonly<Record<string, 'printableString' | 'ia5String'>> = {
  C: 'printableString',
  serialNumber: 'printableString',
  '2.5.4.46': 'printableString',
  DC: 'ia5String',
  emailAddress: 'ia5String',
}
