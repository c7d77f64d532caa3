//! TLS with both ends' certificates, on a real etcd and a real Consul.

use crate::{consul::ready, servers::Server};
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use std::{fs, path::PathBuf, time::Duration};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};
use weft_store::{Condition, StoreError, StoreOptions, StoreUrl, Txn, connect};

/// An authority, and certificates of it for a server on 127.0.0.1 and for a client.
struct Certificates {
    directory: TempDir,
}

impl Certificates {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        fs::write(directory.path().join("ca.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
        let authority = Issuer::new(params, key);
        for name in ["server", "client"] {
            let key = KeyPair::generate().unwrap();
            let mut params = CertificateParams::new(vec!["127.0.0.1".into(), "localhost".into()]).unwrap();
            // Servers call themselves: etcd's gateway is a client of its own server.
            params.extended_key_usages =
                vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
            let certificate = params.signed_by(&key, &authority).unwrap();
            fs::write(directory.path().join(format!("{name}.pem")), certificate.pem()).unwrap();
            fs::write(directory.path().join(format!("{name}.key")), key.serialize_pem()).unwrap();
        }
        Self { directory }
    }

    fn path(&self, name: &str) -> String {
        self.directory.path().join(name).display().to_string()
    }

    /// The options a user would give.
    fn options(&self, with_client: bool) -> StoreOptions {
        let mut options = vec![format!("kv.cacertfile={}", self.path("ca.pem"))];
        if with_client {
            options.push(format!("kv.certfile={}", self.path("client.pem")));
            options.push(format!("kv.keyfile={}", self.path("client.key")));
        }
        StoreOptions::parse(options).unwrap()
    }
}

async fn only_certificates_open(url: &str, certificates: &Certificates) {
    let url: StoreUrl = url.parse().unwrap();
    let open = |options: &StoreOptions| connect(&url, options, None, &PathBuf::new()).unwrap().store;
    let store = open(&certificates.options(true));
    ready(&*store).await;
    store.commit(Txn::new().put("k", "v", Condition::Absent)).await.unwrap();
    assert_eq!(store.get("k").await.unwrap().unwrap().value, b"v");

    for options in [certificates.options(false), Certificates::new().options(true), StoreOptions::default()] {
        let error = open(&options).get("k").await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable { .. } | StoreError::Refused { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn etcd_with_certificates() {
    let certificates = Certificates::new();
    let (ca, cert, key) =
        (certificates.path("ca.pem"), certificates.path("server.pem"), certificates.path("server.key"));
    let arguments =
        ["--client-cert-auth", "--trusted-ca-file", &ca, "--cert-file", &cert, "--key-file", &key];
    let Some(server) = Server::etcd(&arguments) else { return };
    only_certificates_open(&format!("etcd+tls://127.0.0.1:{}", server.port), &certificates).await;
}

#[tokio::test]
async fn certificates_that_are_replaced_are_taken_up() {
    let (good, wrong) = (Certificates::new(), Certificates::new());
    let (ca, cert, key) = (good.path("ca.pem"), good.path("server.pem"), good.path("server.key"));
    let arguments =
        ["--client-cert-auth", "--trusted-ca-file", &ca, "--cert-file", &cert, "--key-file", &key];
    let Some(server) = Server::etcd(&arguments) else { return };
    let url: StoreUrl = format!("etcd+tls://127.0.0.1:{}", server.port).parse().unwrap();
    let open = |certificates: &Certificates| {
        connect(&url, &certificates.options(true), None, &PathBuf::new()).unwrap().store
    };
    ready(&*open(&good)).await;
    let store = open(&wrong);
    let error = store.get("k").await.unwrap_err();
    assert!(error.to_string().contains("kv.cacertfile"), "{error}");
    // One after the other, so that certificate and key do not fit together for a while.
    for name in ["ca.pem", "client.pem", "client.key"] {
        assert!(store.get("k").await.is_err(), "without {name}");
        fs::copy(good.path(name), wrong.path(name)).unwrap();
        sleep(Duration::from_millis(1500)).await;
    }
    let deadline = Instant::now() + Duration::from_secs(5);
    while let Err(error) = store.get("k").await {
        assert!(Instant::now() < deadline, "{error}");
        sleep(Duration::from_millis(100)).await;
    }
    // Half a key is none.
    let whole = fs::read(good.path("client.key")).unwrap();
    fs::write(wrong.path("client.key"), &whole[..whole.len() / 2]).unwrap();
    sleep(Duration::from_secs(3)).await;
    assert_eq!(store.get("k").await.unwrap(), None);
}

#[tokio::test]
async fn consul_with_certificates() {
    let certificates = Certificates::new();
    let setting = |name: &str, file: &str| format!("-hcl={name} = \"{}\"", certificates.path(file));
    let port = crate::servers::free_port();
    let settings = [
        setting("ca_file", "ca.pem"),
        setting("cert_file", "server.pem"),
        setting("key_file", "server.key"),
        "-hcl=verify_incoming_https = true".into(),
        format!("-hcl=ports {{ https = {port} }}"),
    ];
    let settings: Vec<_> = settings.iter().map(String::as_str).collect();
    let Some(_server) = Server::consul(&settings) else { return };
    only_certificates_open(&format!("consul+tls://127.0.0.1:{port}"), &certificates).await;
}
