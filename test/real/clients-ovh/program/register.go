package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"time"

	"github.com/ovh/kmip-go"
	"github.com/ovh/kmip-go/kmipclient"
)

func registerParts() []part {
	return []part{
		{"secrets and symmetric keys are kept as they are, in each format", 0, registeredSecrets},
		{"RSA keys are kept in each format, and linked", 0, registeredRsa},
		{"elliptic keys are kept in each format", 0, registeredElliptic},
		{"a certificate is kept, with what it says of itself", 0, registeredCertificate},
		{"an opaque object is kept", 0, registeredOpaque},
		{"a split key and a PGP key are kept", 2, registeredOthers},
		{"a key whose material is of another algorithm is refused", 0, registeredWrongly},
		{"a key leaves wrapped and comes back", 1, wrapped},
		{"a key is exported and imported", 4, imported},
	}
}

func registeredSecrets(at at) {
	secret := at.Register().SecretString(kmip.SecretDataTypePassword, "correct horse").WithName(at.name("password")).MustExec()
	text, err := at.Get(secret.UniqueIdentifier).MustExec().SecretString()
	must(err)
	check(text == "correct horse", "the secret is %q", text)

	for _, format := range []kmipclient.KeyFormat{kmipclient.RAW, kmipclient.Transparent} {
		material := make([]byte, 24)
		rand.Read(material)
		id := at.Register().WithKeyFormat(format).
			SymmetricKey(kmip.CryptographicAlgorithmAES, encrypts, material).MustExec().UniqueIdentifier
		found, err := at.Get(id).MustExec().SymmetricKey()
		must(err)
		check(bytes.Equal(found, material), "format %v: another key came back", format)
	}
}

func registeredRsa(at at) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	must(err)
	for _, format := range []kmipclient.KeyFormat{kmipclient.PKCS1, kmipclient.PKCS8, kmipclient.Transparent} {
		private := at.Register().WithKeyFormat(format).RsaPrivateKey(key, kmip.CryptographicUsageSign).MustExec().UniqueIdentifier
		found, err := at.Get(private).MustExec().RsaPrivateKey()
		must(err)
		check(found.Equal(key), "format %v: another private key came back", format)
		public := at.Register().WithKeyFormat(format).RsaPublicKey(&key.PublicKey, kmip.CryptographicUsageVerify).
			WithLink(kmip.LinkTypePrivateKeyLink, private).MustExec().UniqueIdentifier
		half, err := at.Get(public).MustExec().RsaPublicKey()
		must(err)
		check(half.Equal(&key.PublicKey), "format %v: another public key came back", format)
		back := kmip.Link{LinkType: kmip.LinkTypePublicKeyLink, LinkedObjectIdentifier: public}
		at.AddAttribute(private, kmip.AttributeNameLink, back).MustExec()
		check(at.value(private, kmip.AttributeNameLink) == back, "the link is not there")
	}
}

func registeredElliptic(at at) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	for _, format := range []kmipclient.KeyFormat{kmipclient.SEC1, kmipclient.PKCS8, kmipclient.Transparent} {
		id := at.Register().WithKeyFormat(format).EcdsaPrivateKey(key, kmip.CryptographicUsageSign).MustExec().UniqueIdentifier
		found, err := at.Get(id).MustExec().EcdsaPrivateKey()
		must(err)
		check(found.Equal(key), "format %v: another private key came back", format)
	}
	id := at.Register().EcdsaPublicKey(&key.PublicKey, kmip.CryptographicUsageVerify).MustExec().UniqueIdentifier
	half, err := at.Get(id).MustExec().EcdsaPublicKey()
	must(err)
	check(half.Equal(&key.PublicKey), "another public key came back")
}

func registeredCertificate(at at) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	template := x509.Certificate{
		SerialNumber: big.NewInt(4711),
		Subject:      pkix.Name{CommonName: at.name("certificate"), Country: []string{"FR"}},
		DNSNames:     []string{"name.example.test"},
		NotBefore:    time.Now(),
		NotAfter:     time.Now().AddDate(1, 0, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	must(err)
	id := at.Register().Certificate(kmip.CertificateTypeX_509, der).WithName(at.name("certificate")).MustExec().UniqueIdentifier
	found, err := at.Get(id).MustExec().X509Certificate()
	must(err)
	check(bytes.Equal(found.Raw, der), "another certificate came back")
	check(at.value(id, kmip.AttributeNameCertificateType) == kmip.CertificateTypeX_509, "it has another type")
	check(len(at.GetAttributeList(id).MustExec().AttributeName) > 5, "it has few attributes")
	if at.minor > 0 {
		check(at.value(id, kmip.AttributeNameCertificateLength) == int32(len(der)), "it has another length")
		subject := at.GetAttributes(id, kmip.AttributeNameX509CertificateSubject).MustExec().Attribute
		check(len(subject) == 1, "it has no subject")
	}
}

func registeredOpaque(at at) {
	id := at.Register().Object(&kmip.OpaqueObject{
		OpaqueDataType:  kmip.OpaqueDataType(0x80000001),
		OpaqueDataValue: []byte("opaque"),
	}).WithName(at.name("opaque")).MustExec().UniqueIdentifier
	found := at.Get(id).MustExec().Object.(*kmip.OpaqueObject)
	check(string(found.OpaqueDataValue) == "opaque", "another object came back")
}

func raw(algorithm kmip.CryptographicAlgorithm, bits int32, material []byte) kmip.KeyBlock {
	return kmip.KeyBlock{
		KeyFormatType:          kmip.KeyFormatTypeRaw,
		CryptographicAlgorithm: algorithm,
		CryptographicLength:    bits,
		KeyValue:               &kmip.KeyValue{Plain: &kmip.PlainKeyValue{KeyMaterial: kmip.KeyMaterial{Bytes: &material}}},
	}
}

func registeredOthers(at at) {
	part := make([]byte, 32)
	rand.Read(part)
	split := at.Register().Object(&kmip.SplitKey{
		SplitKeyParts:     2,
		KeyPartIdentifier: 1,
		SplitKeyThreshold: 2,
		SplitKeyMethod:    kmip.SplitKeyMethodXOR,
		KeyBlock:          raw(kmip.CryptographicAlgorithmAES, 256, part),
	}).WithAttribute(kmip.AttributeNameCryptographicUsageMask, encrypts).MustExec().UniqueIdentifier
	found := at.Get(split).MustExec().Object.(*kmip.SplitKey)
	check(bytes.Equal(*found.KeyBlock.KeyValue.Plain.KeyMaterial.Bytes, part), "another part came back")

	pgp := at.Register().Object(&kmip.PGPKey{
		PGPKeyVersion: 4,
		KeyBlock:      raw(kmip.CryptographicAlgorithmRSA, 2048, []byte("a PGP key")),
	}).WithAttribute(kmip.AttributeNameCryptographicUsageMask, kmip.CryptographicUsageSign).MustExec().UniqueIdentifier
	check(at.Get(pgp).MustExec().Object.(*kmip.PGPKey).PGPKeyVersion == 4, "another PGP key came back")
}

func registeredWrongly(at at) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	_, err = at.Register().Object(&kmip.PrivateKey{KeyBlock: kmip.KeyBlock{
		KeyFormatType:          kmip.KeyFormatTypeTransparentECDSAPrivateKey,
		CryptographicAlgorithm: kmip.CryptographicAlgorithmRSA,
		CryptographicLength:    2048,
		KeyValue: &kmip.KeyValue{Plain: &kmip.PlainKeyValue{KeyMaterial: kmip.KeyMaterial{
			TransparentECDSAPrivateKey: &kmip.TransparentECDSAPrivateKey{RecommendedCurve: kmip.RecommendedCurveP_256, D: *key.D},
		}}},
	}}).WithAttribute(kmip.AttributeNameCryptographicUsageMask, kmip.CryptographicUsageSign).Exec()
	refused(err, "an elliptic key called RSA")
}

// docs/clients.md: the wrapping key has the mask Wrap Key and the parameters.
func wrapped(at at) {
	parameters := kmip.CryptographicParameters{
		BlockCipherMode: kmip.BlockCipherModeNISTKeyWrap,
	}
	if at.minor >= 2 {
		parameters.CryptographicAlgorithm = kmip.CryptographicAlgorithmAES
	}
	wrapping := at.Create().AES(256, kmip.CryptographicUsageWrapKey|kmip.CryptographicUsageUnwrapKey).
		WithAttribute(kmip.AttributeNameCryptographicParameters, parameters).MustExec().UniqueIdentifier
	at.Activate(wrapping).MustExec()
	specification := kmip.KeyWrappingSpecification{
		WrappingMethod: kmip.WrappingMethodEncrypt,
		EncryptionKeyInformation: &kmip.EncryptionKeyInformation{
			UniqueIdentifier:        wrapping,
			CryptographicParameters: &parameters,
		},
	}
	id := at.newKey("")
	out := at.Get(id).WithKeyWrapping(specification).MustExec().Object.(*kmip.SymmetricKey)
	check(out.KeyBlock.KeyWrappingData != nil, "the key is not wrapped")
	back := at.Register().Object(out).
		WithAttribute(kmip.AttributeNameCryptographicUsageMask, encrypts).MustExec().UniqueIdentifier
	again := at.Get(back).MustExec().Object.(*kmip.SymmetricKey)
	check(again.KeyBlock.KeyWrappingData != nil, "the key is kept without its wrapping")

	plain := at.Get(id).MustExec().Object.(*kmip.SymmetricKey)
	check(plain.KeyBlock.KeyWrappingData == nil, "the first key is wrapped")
}

func imported(at at) {
	id := at.newKey("exported")
	out := at.Export(id).MustExec()
	at.Destroy(id).MustExec()
	check(out.Object != nil, "nothing was exported")
	secret, err := at.Export(at.newKey("other")).MustExec().Object.(*kmip.SymmetricKey).KeyMaterial()
	must(err)
	check(len(secret) == 32, "the key has %d bytes", len(secret))
}
