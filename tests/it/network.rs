//! How AWS is reached: through a proxy, and with whatever credentials and certificate authorities a developer
//! has.

use std::{
    fs,
    path::Path,
    process::Command,
    sync::{Arc, Mutex},
};

use aws_lc_rs::digest;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::json;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};

use crate::support::env::{Env, Run};

/// The response of a service that has no items.
const NOTHING: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-amzn-requestid: r\r\n\
    content-length: 12\r\nconnection: close\r\n\r\n{\"items\":[]}";

/// A network that inspects TLS: its proxy presents a certificate of its own for each host. Beside it is a TLS
/// server.
struct Network {
    issuer: Issuer<'static, KeyPair>,
    /// The authority's certificate, PEM.
    authority: String,
    /// The hosts that the proxy was asked to connect to.
    asked: Mutex<Vec<String>>,
    /// The heads of the requests to them.
    heads: Mutex<Vec<String>>,
}

impl Network {
    fn new() -> Arc<Self> {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = params.self_signed(&key).unwrap().pem();
        Arc::new(Self { issuer: Issuer::new(params, key), authority, asked: Mutex::default(), heads: Mutex::default() })
    }

    /// Listens, as a proxy or not; returns the port.
    async fn listen(self: &Arc<Self>, is_proxy: bool) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let network = self.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let network = network.clone();
                // A client that does not trust the certificate closes the connection.
                tokio::spawn(async move { drop(network.serve(stream, is_proxy).await) });
            }
        });
        port
    }

    async fn serve(&self, mut stream: TcpStream, is_proxy: bool) -> std::io::Result<()> {
        let mut host = "localhost".to_owned();
        if is_proxy {
            let head = read_head(&mut stream).await?;
            let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
            assert!(head.starts_with("CONNECT "), "{head}");
            target.split(':').next().unwrap().clone_into(&mut host);
            self.asked.lock().unwrap().push(target);
            stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
        }
        let mut stream = self.acceptor(&host).accept(stream).await?;
        let head = read_head(&mut stream).await?;
        self.heads.lock().unwrap().push(head);
        stream.write_all(NOTHING.as_bytes()).await?;
        stream.shutdown().await
    }

    fn acceptor(&self, host: &str) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new([host.to_owned()]).unwrap().signed_by(&key, &self.issuer).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder().with_no_client_auth();
        TlsAcceptor::from(Arc::new(config.with_single_cert(vec![certificate.der().clone()], key).unwrap()))
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

async fn read_head(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> std::io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// Runs a program while this task's servers keep running.
async fn output(mut command: Command) -> Run {
    Run::of(tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap())
}

#[tokio::test]
async fn a_proxy_and_certificate_authorities_of_a_network_work_together() {
    let network = Network::new();
    let (proxy, server) = (network.listen(true).await, network.listen(false).await);
    let env = Env::new();
    let bundle = env.home().join("authority.pem");
    fs::write(&bundle, &network.authority).unwrap();
    let list = |args: &[&str]| {
        let mut command =
            env.command(&[&["--region", "us-west-2", "--timeout", "30", "list", "--no-maker"], args].concat());
        command.env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE").env("AWS_SECRET_ACCESS_KEY", "secret");
        command.env("HTTPS_PROXY", format!("http://127.0.0.1:{proxy}"));
        command
    };
    let mut trusting = list(&[]);
    trusting.env("AWS_CA_BUNDLE", &bundle);
    let listed = output(trusting).await;
    assert_eq!(
        (listed.code, listed.stdout.as_str()),
        (0, "There are no gateways in us-west-2.\n"),
        "{}",
        listed.stderr
    );
    let asked = network.asked();
    assert!(asked.contains(&"bedrock-agentcore-control.us-west-2.amazonaws.com:443".to_owned()), "{asked:?}");

    let says_who =
        |name: &str| network.heads.lock().unwrap().drain(..).all(|head| head.contains(&format!(" app/{name}")));
    assert!(says_who("agentcore-gw"), "each call says who makes it");
    let mut named = list(&[]);
    named.env("AWS_CA_BUNDLE", &bundle).env("AWS_SDK_UA_APP_ID", "mine");
    assert_eq!(output(named).await.code, 0);
    assert!(says_who("mine"), "the user's own name goes first");
    network.asked();

    let refused = output(list(&[])).await;
    assert_eq!(refused.code, 1, "nobody trusts that authority otherwise: {}", refused.stdout);
    assert!(!network.asked().is_empty());

    let endpoint = format!("https://localhost:{server}");
    for (no_proxy, through_proxy) in [("", true), ("localhost,other.example", false)] {
        let mut command = list(&["--endpoint-url", &endpoint]);
        command.env("AWS_CA_BUNDLE", &bundle).env("NO_PROXY", no_proxy);
        let listed = output(command).await;
        assert_eq!(listed.code, 0, "{no_proxy}: {}", listed.stderr);
        assert_eq!(!network.asked().is_empty(), through_proxy, "{no_proxy}");
    }

    // The certificate authorities of a profile, if no variable sets any.
    fs::create_dir(env.home().join(".aws")).unwrap();
    let config = format!("[default]\n[profile work]\nca_bundle = {}\n", bundle.display());
    fs::write(env.home().join(".aws/config"), config).unwrap();
    let mut of_profile = list(&[]);
    of_profile.env("AWS_PROFILE", "work");
    let listed = output(of_profile).await;
    assert_eq!(listed.code, 0, "{}", listed.stderr);
    fs::write(&bundle, "nothing").unwrap();
    let mut of_profile = list(&[]);
    of_profile.env("AWS_PROFILE", "work");
    let refused = output(of_profile).await;
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("the profile's ca_bundle is"), "{}", refused.stderr);
}

/// The local AWS is on this machine, so proxy settings do not apply.
#[test]
fn the_local_aws_is_reached_past_a_proxy() {
    let env = Env::new();
    let mut list = env.command(&["--local", "list"]);
    let listed =
        Run::of(list.env("HTTP_PROXY", "http://127.0.0.1:1").env("ALL_PROXY", "http://127.0.0.1:1").output().unwrap());
    assert_eq!(listed.code, 0, "{}", listed.stderr);
}

/// `aws login` creates a session that the profile names; its credentials are in a file named by the session's
/// hash.
#[test]
fn a_profile_of_aws_login_works() {
    let env = Env::new();
    let local = env.ok(&["local", "env", "-o", "json"]).json();
    let of = |name: &str| local[name].as_str().unwrap().to_owned();
    let session = "arn:aws:iam::000000000000:user/somebody";
    let cache = env.home().join(".aws/login/cache");
    fs::create_dir_all(&cache).unwrap();
    fs::write(env.home().join(".aws/config"), format!("[profile dev]\nlogin_session = {session}\n")).unwrap();
    let hash = digest::digest(&digest::SHA256, session.as_bytes());
    let name: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let token = json!({
        "accessToken": {
            "accessKeyId": of("AWS_ACCESS_KEY_ID"), "secretAccessKey": of("AWS_SECRET_ACCESS_KEY"),
            "sessionToken": "token", "accountId": "000000000000", "expiresAt": "2099-01-01T00:00:00Z",
        },
        "tokenType": "aws_sigv4", "refreshToken": "r", "idToken": "i", "clientId": "arn:aws:signin:::devtools/same-device",
        "dpopKey": "-----BEGIN EC PRIVATE KEY-----\n-----END EC PRIVATE KEY-----\n",
    });
    fs::write(cache.join(format!("{name}.json")), token.to_string()).unwrap();
    let endpoint = of("AWS_ENDPOINT_URL");
    let args = ["--profile", "dev", "--region", "us-west-2", "--endpoint-url", &endpoint, "list"];
    let listed = env.ok(&args);
    assert_eq!(listed.stdout, "There are no gateways in us-west-2 of account 000000000000.\n");
    fs::remove_dir_all(&cache).unwrap();
    let refused = env.run(&args);
    assert_eq!(refused.code, 4, "{}", refused.stderr);
    assert!(refused.stderr.contains("the profile `dev` gives none that work") || refused.stderr.contains("login"));
}

#[test]
fn with_the_accounts_number_in_a_variable_sts_need_not_be_there() {
    let env = Env::new();
    let create = |account: Option<&str>| {
        let mut command = env.aws_tool(Path::new(env!("CARGO_BIN_EXE_agentcore-gw")));
        command.args(["create", "g", "--authorizer", "iam", "--no-observability", "-o", "json"]);
        command.env("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:1");
        if let Some(account) = account {
            command.env("AWS_ACCOUNT_ID", account);
        }
        Run::of(command.output().unwrap())
    };
    let refused = create(None);
    assert_eq!(refused.code, 1, "{}", refused.stderr);
    assert!(refused.json()["error"]["hint"].as_str().unwrap().contains("AWS_ACCOUNT_ID"), "{}", refused.stdout);
    let created = create(Some("000000000000"));
    assert_eq!(created.code, 0, "{}{}", created.stdout, created.stderr);
    let created = created.json();
    assert_eq!((&created["account"], &created["caller"]), (&json!("000000000000"), &json!(null)));
}
