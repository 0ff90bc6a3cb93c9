package main

import (
	"bytes"

	"github.com/gemalto/kmip-go"
	"github.com/gemalto/kmip-go/kmip14"
)

// Rook keeps the passphrase of each OSD, of 128 bytes, as an AES key that it says has 256 bits.
func rookStories(there server) []story {
	passphrase := random(128)
	var id string
	return []story{
		{"Rook registers the passphrase of an OSD", func() {
			request := kmip.RegisterRequestPayload{
				ObjectType: kmip14.ObjectTypeSymmetricKey,
				SymmetricKey: &kmip.SymmetricKey{KeyBlock: kmip.KeyBlock{
					KeyFormatType:          kmip14.KeyFormatTypeOpaque,
					KeyValue:               &kmip.KeyValue{KeyMaterial: passphrase},
					CryptographicLength:    256,
					CryptographicAlgorithm: kmip14.CryptographicAlgorithmAES,
				}},
			}
			request.TemplateAttribute.Append(kmip14.TagCryptographicUsageMask, kmip14.CryptographicUsageMaskExport)
			var answer kmip.RegisterResponsePayload
			must(there.call(kmip14.OperationRegister, request, &answer))
			id = answer.UniqueIdentifier
		}},
		{"Rook fetches it", func() {
			var answer kmip.GetResponsePayload
			must(there.call(kmip14.OperationGet, kmip.GetRequestPayload{UniqueIdentifier: id}, &answer))
			found := answer.SymmetricKey.KeyBlock.KeyValue.KeyMaterial.([]byte)
			check(bytes.Equal(found, passphrase), "another passphrase came back, of %d bytes", len(found))
		}},
		{"Rook removes it", func() {
			var answer kmip.DestroyResponsePayload
			must(there.call(kmip14.OperationDestroy, kmip.DestroyRequestPayload{UniqueIdentifier: id}, &answer))
			check(answer.UniqueIdentifier == id, "another key was destroyed")
			var gone kmip.GetResponsePayload
			refused(there.call(kmip14.OperationGet, kmip.GetRequestPayload{UniqueIdentifier: id}, &gone), "Get of it")
		}},
	}
}
