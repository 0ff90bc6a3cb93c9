//! What Krill's signer does with NLnet Labs' kmip-protocol: one connection, KMIP 1.2.
//!
//! usage: program HOST PORT CERTIFICATE KEY CA

#[path = "../stories.rs"]
mod stories;

use kmip_protocol::client::{tls, Client, ClientCertificate, ConnectionSettings, Error};
use kmip_protocol::types::common::{KeyMaterial, Operation};
use kmip_protocol::types::response::ManagedObject;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Public};
use openssl::rsa::Rsa;
use openssl::sign::Verifier;
use std::cell::OnceCell;
use std::fs::read;
use std::time::Duration;

/// Krill refuses a server whose Query lacks one of them.
const REQUIRED: [Operation; 7] = [
    Operation::CreateKeyPair,
    Operation::Activate,
    Operation::Sign,
    Operation::Revoke,
    Operation::Destroy,
    Operation::Get,
    Operation::ModifyAttribute,
];

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let client = tls::openssl::connect(&settings(&words)).expect("the client connects");
    let pair: OnceCell<(String, String)> = OnceCell::new();
    let public: OnceCell<PKey<Public>> = OnceCell::new();
    let own = || pair.get().unwrap().0.as_str();
    let open = || pair.get().unwrap().1.as_str();
    let text = |length: usize| (0..length).map(|at| at as u8).collect::<Vec<u8>>();

    stories::tell_all(vec![
        (
            "Krill finds the operations that it requires",
            Box::new(|| {
                let answer = client.query().unwrap();
                let operations = answer.operations.expect("operations");
                for operation in REQUIRED {
                    assert!(operations.contains(&operation), "Query lacks {operation:?}");
                }
                assert!(
                    operations.contains(&Operation::RNGRetrieve),
                    "Query lacks RNG Retrieve"
                );
                assert!(
                    answer
                        .vendor_identification
                        .is_some_and(|vendor| !vendor.is_empty()),
                    "no vendor"
                );
            }),
        ),
        (
            "Krill takes random bytes",
            Box::new(|| {
                let (one, other) = (random(&client), random(&client));
                assert!(one.len() == 20 && one != other, "{one:?} and {other:?}");
            }),
        ),
        (
            "Krill makes a pair of RSA-2048",
            Box::new(|| {
                let made = client.create_rsa_key_pair(
                    2048,
                    "krill_new_key_priv".into(),
                    "krill_new_key_pub".into(),
                );
                pair.set(made.unwrap()).unwrap();
                assert!(own() != open(), "both halves have one identifier");
            }),
        ),
        (
            "Krill fetches the public half, a PKCS #1 RSAPublicKey",
            Box::new(|| {
                let bytes = public_bytes(client.get_key(open()).unwrap().cryptographic_object);
                let key = Rsa::public_key_from_der_pkcs1(&bytes).unwrap();
                assert!(key.n().num_bits() == 2048, "{} bits", key.n().num_bits());
                assert!(public.set(PKey::from_rsa(key).unwrap()).is_ok());
            }),
        ),
        (
            "Krill names both halves after the key identifier",
            Box::new(|| {
                client
                    .rename_key(open(), "krill-public-key-1".into())
                    .unwrap();
                client
                    .rename_key(own(), "krill-private-key-1".into())
                    .unwrap();
            }),
        ),
        (
            "the private half signs only when it is active",
            Box::new(|| {
                assert!(
                    client.sign(own(), &text(300)).is_err(),
                    "a key that is Pre-Active signed"
                );
                client.activate_key(own()).unwrap();
            }),
        ),
        (
            "Krill signs, with PKCS #1 v1.5 and SHA-256",
            Box::new(|| {
                for length in [1, 300, 8000] {
                    let signature = client.sign(own(), &text(length)).unwrap().signature_data;
                    assert!(
                        verifies(public.get().unwrap(), &text(length), &signature),
                        "the signature of {length} bytes is wrong"
                    );
                    assert!(
                        !verifies(public.get().unwrap(), &text(length + 1), &signature),
                        "it verifies another text"
                    );
                }
            }),
        ),
        (
            "Krill may not locate keys",
            Box::new(|| {
                let locate = kmip_protocol::types::request::RequestPayload::Locate(vec![]);
                assert!(client.do_request(locate).is_err(), "Locate was not refused");
            }),
        ),
        (
            "Krill destroys the public half, and revokes and destroys the private half",
            Box::new(|| {
                client.destroy_key(open()).unwrap();
                client.revoke_key(own()).unwrap();
                client.destroy_key(own()).unwrap();
            }),
        ),
        (
            "a pair that is gone does not sign, and is not found",
            Box::new(|| {
                assert!(
                    client.sign(own(), &text(300)).is_err(),
                    "a destroyed key signed"
                );
                for id in [open(), "no-such-key"] {
                    let unknown = client.get_key(id);
                    assert!(
                        matches!(unknown, Err(Error::ItemNotFound(_))),
                        "{unknown:?}"
                    );
                }
            }),
        ),
        (
            "Krill connects again, and makes the next pair",
            Box::new(|| {
                let next = tls::openssl::connect(&settings(&words)).unwrap();
                let made = next.create_rsa_key_pair(
                    2048,
                    "krill_new_key_priv".into(),
                    "krill_new_key_pub".into(),
                );
                let (own, open) = made.unwrap();
                next.activate_key(&own).unwrap();
                assert!(
                    public_bytes(next.get_key(&open).unwrap().cryptographic_object).len() > 256
                );
            }),
        ),
    ]);
}

/// Krill's own limits: 5 s to connect, 5 s to write and read, 64 KiB for an answer.
fn settings(words: &[String]) -> ConnectionSettings {
    ConnectionSettings {
        host: words[0].clone(),
        port: words[1].parse().unwrap(),
        username: None,
        password: None,
        insecure: false,
        client_cert: Some(ClientCertificate::SeparatePem {
            cert_bytes: read(&words[2]).unwrap(),
            key_bytes: Some(read(&words[3]).unwrap()),
        }),
        server_cert: None,
        ca_cert: Some(read(&words[4]).unwrap()),
        connect_timeout: Some(Duration::from_secs(5)),
        read_timeout: Some(Duration::from_secs(5)),
        write_timeout: Some(Duration::from_secs(5)),
        max_response_bytes: Some(64 * 1024),
    }
}

fn random<T: std::io::Read + std::io::Write>(client: &Client<T>) -> Vec<u8> {
    client.rng_retrieve(20).unwrap().data
}

fn public_bytes(object: ManagedObject) -> Vec<u8> {
    let ManagedObject::PublicKey(key) = object else {
        panic!("{object:?} is no public key")
    };
    match key.key_block.key_value.key_material {
        KeyMaterial::Bytes(bytes) => bytes,
        other => panic!("{other:?} are no bytes"),
    }
}

fn verifies(key: &PKey<Public>, text: &[u8], signature: &[u8]) -> bool {
    let mut verifier = Verifier::new(MessageDigest::sha256(), key).unwrap();
    verifier.verify_oneshot(signature, text).unwrap_or(false)
}
