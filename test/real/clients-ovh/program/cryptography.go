package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"time"

	"github.com/ovh/kmip-go"
	"github.com/ovh/kmip-go/kmipclient"
	"github.com/ovh/kmip-go/payloads"
)

var text = []byte("Hello World!")

func cryptographyParts() []part {
	return []part{
		{"AES-CBC", 2, blockChained},
		{"AES-GCM, with parameters in the request and of the key", 4, authenticated},
		{"a key is found and encrypts in one batch", 4, encryptsByName},
		{"RSA with OAEP and with PKCS #1", 2, rsaEncrypts},
		{"signatures are made and verified", 2, signs},
		{"Go's crypto.Signer over the client", 4, signers},
		{"a used-up key does not encrypt", 4, usedUp},
	}
}

func random(count int) []byte {
	made := make([]byte, count)
	rand.Read(made)
	return made
}

func blockChained(at at) {
	id, iv := at.activeKey(), random(16)
	parameters := kmip.CryptographicParameters{
		CryptographicAlgorithm: kmip.CryptographicAlgorithmAES,
		BlockCipherMode:        kmip.BlockCipherModeCBC,
		PaddingMethod:          kmip.PaddingMethodPKCS5,
	}
	sealed := at.Encrypt(id).WithCryptographicParameters(parameters).WithIvCounterNonce(iv).Data(text).MustExec()
	check(len(sealed.Data) == 16 && !bytes.Equal(sealed.Data, text), "the text is not encrypted")
	opened := at.Decrypt(id).WithCryptographicParameters(parameters).WithIvCounterNonce(iv).Data(sealed.Data).MustExec()
	check(bytes.Equal(opened.Data, text), "decrypted to %q", opened.Data)
}

func authenticated(at at) {
	more := []byte("toto")
	id, iv := at.activeKey(), random(12)
	sealed := at.Encrypt(id).WithCryptographicParameters(kmip.AES_GCM).WithIvCounterNonce(iv).WithAAD(more).Data(text).MustExec()
	open := func(tag []byte) (*payloads.DecryptResponsePayload, error) {
		return at.Decrypt(id).WithCryptographicParameters(kmip.AES_GCM).WithIvCounterNonce(iv).
			WithAAD(more).WithAuthTag(tag).Data(sealed.Data).Exec()
	}
	opened, err := open(sealed.AuthenticatedEncryptionTag)
	must(err)
	check(bytes.Equal(opened.Data, text), "decrypted to %q", opened.Data)
	_, err = open(random(16))
	refused(err, "a wrong tag")

	own := kmip.AES_GCM
	own.RandomIV = pointer(true)
	keyed := at.Create().AES(256, encrypts).
		WithAttribute(kmip.AttributeNameCryptographicParameters, own).MustExec().UniqueIdentifier
	at.Activate(keyed).MustExec()
	sealed = at.Encrypt(keyed).WithAAD(more).Data(text).MustExec()
	opened = at.Decrypt(keyed).WithIvCounterNonce(sealed.IVCounterNonce).WithAAD(more).
		WithAuthTag(sealed.AuthenticatedEncryptionTag).Data(sealed.Data).MustExec()
	check(bytes.Equal(opened.Data, text), "decrypted to %q", opened.Data)
}

func encryptsByName(at at) {
	id := at.newKey("batch")
	at.Activate(id).MustExec()
	iv := random(12)
	answers := at.Locate().WithName(at.name("batch")).
		Then(func(client *kmipclient.Client) kmipclient.PayloadBuilder {
			return client.Encrypt("").WithCryptographicParameters(kmip.AES_GCM).WithIvCounterNonce(iv).Data(text)
		}).
		MustExec(kmipclient.OnBatchErr(kmip.BatchErrorContinuationOptionStop)).MustUnwrap()
	sealed := answers[1].(*payloads.EncryptResponsePayload)
	check(sealed.UniqueIdentifier == id, "another key encrypted")
	// docs/clients.md: the answer repeats no vector that the request gave.
	opened := at.Decrypt(id).WithCryptographicParameters(kmip.AES_GCM).WithIvCounterNonce(iv).
		WithAuthTag(sealed.AuthenticatedEncryptionTag).Data(sealed.Data).MustExec()
	check(bytes.Equal(opened.Data, text), "decrypted to %q", opened.Data)
}

// docs/clients.md: no client sets State; an Activation Date that is past makes the pair active.
func (at at) activePair(pair kmipclient.ExecCreateKeyPairAttr) *payloads.CreateKeyPairResponsePayload {
	return pair.Common().WithAttribute(kmip.AttributeNameActivationDate, time.Now().Add(-time.Minute)).MustExec()
}

func rsaEncrypts(at at) {
	pair := at.activePair(at.CreateKeyPair().RSA(2048, kmip.CryptographicUsageDecrypt, kmip.CryptographicUsageEncrypt))
	for _, parameters := range []kmip.CryptographicParameters{
		{
			CryptographicAlgorithm: kmip.CryptographicAlgorithmRSA,
			PaddingMethod:          kmip.PaddingMethodOAEP,
			HashingAlgorithm:       kmip.HashingAlgorithmSHA_256,
		},
		{CryptographicAlgorithm: kmip.CryptographicAlgorithmRSA, PaddingMethod: kmip.PaddingMethodPKCS1V1_5},
	} {
		sealed := at.Encrypt(pair.PublicKeyUniqueIdentifier).WithCryptographicParameters(parameters).Data(text).MustExec()
		opened := at.Decrypt(pair.PrivateKeyUniqueIdentifier).WithCryptographicParameters(parameters).Data(sealed.Data).MustExec()
		check(bytes.Equal(opened.Data, text), "padding %v: decrypted to %q", parameters.PaddingMethod, opened.Data)
	}
}

func (at at) rsaPair() *payloads.CreateKeyPairResponsePayload {
	return at.activePair(at.CreateKeyPair().RSA(2048, kmip.CryptographicUsageSign, kmip.CryptographicUsageVerify))
}

func (at at) ellipticPair() *payloads.CreateKeyPairResponsePayload {
	return at.activePair(at.CreateKeyPair().ECDSA(kmip.RecommendedCurveP_256, kmip.CryptographicUsageSign, kmip.CryptographicUsageVerify))
}

func signs(at at) {
	rsa, elliptic := at.rsaPair(), at.ellipticPair()
	for _, one := range []struct {
		pair      *payloads.CreateKeyPairResponsePayload
		algorithm kmip.DigitalSignatureAlgorithm
		hash      kmip.HashingAlgorithm
	}{
		{rsa, kmip.DigitalSignatureAlgorithmSHA_256WithRSAEncryption, 0},
		{rsa, kmip.DigitalSignatureAlgorithmRSASSA_PSS, kmip.HashingAlgorithmSHA_256},
		{elliptic, kmip.DigitalSignatureAlgorithmECDSAWithSHA256, 0},
	} {
		parameters := kmip.CryptographicParameters{DigitalSignatureAlgorithm: one.algorithm, HashingAlgorithm: one.hash}
		made := at.Sign(one.pair.PrivateKeyUniqueIdentifier).WithCryptographicParameters(parameters).Data(text).MustExec()
		verify := func(data []byte) kmip.ValidityIndicator {
			return at.SignatureVerify(one.pair.PublicKeyUniqueIdentifier).WithCryptographicParameters(parameters).
				Data(data).Signature(made.SignatureData).MustExec().ValidityIndicator
		}
		check(verify(text) == kmip.ValidityIndicatorValid, "algorithm %v: not valid", one.algorithm)
		check(verify([]byte("other")) == kmip.ValidityIndicatorInvalid, "algorithm %v: valid for another text", one.algorithm)
	}
}

func signers(at at) {
	digest := sha256.Sum256(text)
	sign := func(private, public string, options crypto.SignerOpts) (crypto.PublicKey, []byte) {
		signer, err := at.Signer(context.Background(), private, public)
		must(err)
		signature, err := signer.Sign(rand.Reader, digest[:], options)
		must(err)
		return signer.Public(), signature
	}
	pair := at.rsaPair()
	key, signature := sign(pair.PrivateKeyUniqueIdentifier, "", crypto.SHA256)
	must(rsa.VerifyPKCS1v15(key.(*rsa.PublicKey), crypto.SHA256, digest[:], signature))
	key, signature = sign("", pair.PublicKeyUniqueIdentifier, &rsa.PSSOptions{Hash: crypto.SHA256})
	must(rsa.VerifyPSS(key.(*rsa.PublicKey), crypto.SHA256, digest[:], signature, nil))
	pair = at.ellipticPair()
	key, signature = sign(pair.PrivateKeyUniqueIdentifier, pair.PublicKeyUniqueIdentifier, crypto.SHA256)
	check(ecdsa.VerifyASN1(key.(*ecdsa.PublicKey), digest[:], signature), "the elliptic signature is not valid")
}

func usedUp(at at) {
	id := at.Create().AES(256, encrypts).WithUsageLimit(1, kmip.UsageLimitsUnitByte).MustExec().UniqueIdentifier
	at.Activate(id).MustExec()
	_, err := at.Encrypt(id).WithCryptographicParameters(kmip.AES_GCM).WithIvCounterNonce(random(12)).Data(text).Exec()
	refused(err, "more bytes than the limit")
}
