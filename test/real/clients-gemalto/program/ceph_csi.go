package main

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"

	"github.com/gemalto/kmip-go"
	"github.com/gemalto/kmip-go/kmip14"
)

// The payload of Encrypt and Decrypt, which the module lacks: ceph-csi has a structure of its own, for requests and answers.
type cryptography struct {
	UniqueIdentifier        string
	CryptographicParameters *kmip.CryptographicParameters
	Data                    []byte
	IVCounterNonce          []byte `ttlv:",omitempty"`
}

var chained = &kmip.CryptographicParameters{
	PaddingMethod:          kmip14.PaddingMethodPKCS5,
	CryptographicAlgorithm: kmip14.CryptographicAlgorithmAES,
	BlockCipherMode:        kmip14.BlockCipherModeCBC,
}

// ceph-csi has the server encrypt the passphrase of each volume, and keeps the result beside the volume.
func cephCsiStories(there server, id string) []story {
	passphrase, nonce := []byte("passphrase of a volume, which is a text"), random(16)
	var sealed cryptography
	return []story{
		{"ceph-csi encrypts the passphrase of a volume", func() {
			must(there.call(kmip14.OperationEncrypt, cryptography{id, chained, passphrase, nonce}, &sealed))
			check(len(sealed.Data) == 48 && !bytes.Contains(sealed.Data, passphrase[:16]), "it is not encrypted: %q", sealed.Data)
		}},
		{"ceph-csi decrypts it", func() {
			var opened cryptography
			must(there.call(kmip14.OperationDecrypt, cryptography{id, chained, sealed.Data, nonce}, &opened))
			check(bytes.Equal(opened.Data, passphrase), "decrypted to %q", opened.Data)
		}},
		{"ceph-csi may not fetch the key", func() {
			var answer kmip.GetResponsePayload
			refused(there.call(kmip14.OperationGet, kmip.GetRequestPayload{UniqueIdentifier: id}, &answer), "Get")
		}},
	}
}

// With USE_CRYPTO_RPC "false" ceph-csi fetches the key and encrypts by itself.
func cephCsiFetchStories(there server, id string) []story {
	return []story{
		{"ceph-csi fetches the key and encrypts with it", func() {
			var answer kmip.GetResponsePayload
			must(there.call(kmip14.OperationGet, kmip.GetRequestPayload{UniqueIdentifier: id}, &answer))
			block, err := aes.NewCipher(answer.SymmetricKey.KeyBlock.KeyValue.KeyMaterial.([]byte))
			must(err)
			sealer, err := cipher.NewGCM(block)
			must(err)
			nonce := random(sealer.NonceSize())
			opened, err := sealer.Open(nil, nonce, sealer.Seal(nil, nonce, []byte("passphrase"), nil), nil)
			must(err)
			check(string(opened) == "passphrase", "decrypted to %q", opened)
		}},
		{"ceph-csi may not have the server encrypt then", func() {
			var sealed cryptography
			refused(there.call(kmip14.OperationEncrypt, cryptography{id, chained, []byte("text"), random(16)}, &sealed), "Encrypt")
		}},
	}
}
