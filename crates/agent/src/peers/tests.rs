//! Peers on this machine's loopback, with real TLS.

use super::{ask::exchange, *};
use crate::{fuzzed::FuzzedNode, joining::become_authority};
use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;
use weft_model::NodeId;
use weft_state::{env::Env, fingerprint::Fingerprint, journal::file::write_text_durably};
use weft_trust::{
    Authority, JOIN, JoinRefusal, JoinRequest, Member, MemberRequest, NodeKey, Side, Subject, TokenSecret,
    join_client,
};
use weft_verbs::fake::FakeVerbs;

mod pinned;

/// A host with a certificate, that listens.
struct Host {
    dir: TempDir,
    at: SocketAddr,
    peers: Arc<Peers>,
    /// What it knows of its cluster.
    seen: watch::Sender<View>,
    stop: CancellationToken,
}

impl Drop for Host {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// The first host of a cluster, which may let others in.
async fn first() -> Host {
    let dir = tempfile::tempdir().unwrap();
    let mut config = FuzzedNode::of("host1".parse().unwrap()).config();
    dir.path().clone_into(&mut config.data_dir);
    become_authority(&config).unwrap();
    listening(dir, config).await
}

/// A host that was let in by `first`, with a certificate made `ago`.
async fn another(first: &Host, ago: SignedDuration) -> Host {
    let dir = tempfile::tempdir().unwrap();
    let mut config = FuzzedNode::of("host2".parse().unwrap()).config();
    dir.path().clone_into(&mut config.data_dir);
    let (credentials, theirs) = (Credentials::of(dir.path()), Credentials::of(first.dir.path()));
    let authority = theirs.authority().unwrap().unwrap();
    let request = credentials.key().unwrap().request().unwrap();
    let own = authority.issue(&subject(), &request, Timestamp::now() - ago).unwrap();
    credentials.admit(&own, authority.certificate_pem()).unwrap();
    listening(dir, config).await
}

fn subject() -> Subject {
    Subject { name: "host2".parse().unwrap(), id: NodeId::LEAST }
}

/// Of a store that has not answered.
fn nothing_seen() -> watch::Sender<View> {
    weft_state::view::unseen(&weft_store::MemoryStore::new(), &weft_state::env::Env::system(), None)
}

async fn listening(dir: TempDir, config: AgentConfig) -> Host {
    let own = OwnCertificate::load(dir.path()).unwrap();
    answering(dir, config, (Some(own), None)).await
}

/// A host that others know by this, or by that.
async fn answering(
    dir: TempDir,
    config: AgentConfig,
    known_by: (Option<Arc<OwnCertificate>>, Option<Arc<OwnKey>>),
) -> Host {
    let place = watch::Sender::new(Underlay::at(Ipv4Addr::LOCALHOST.into()));
    let config = Arc::new(AgentConfig { peer_port: 0, ..config });
    let seen = nothing_seen();
    let identity = identity(dir.path());
    let watched = (place.subscribe(), seen.subscribe());
    let peers = Peers::new(&config, known_by, &identity, FakeVerbs::new(), watched, Arc::default());
    let listener = peers.listen().await.unwrap();
    let at = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), listener.local_addr().unwrap().port());
    let stop = CancellationToken::new();
    tokio::spawn(Arc::clone(&peers).serve(listener, stop.clone()));
    Host { dir, at, peers, seen, stop }
}

fn identity(dir: &std::path::Path) -> Arc<Identity> {
    Arc::new(Identity::open(dir, &Env::system(), Fingerprint::of_this_machine).unwrap())
}

impl Host {
    /// Its certificate, as it is at the moment.
    fn own(&self) -> &OwnCertificate {
        self.peers.own.as_deref().unwrap()
    }

    fn credentials(&self) -> Credentials {
        Credentials::of(self.dir.path())
    }

    fn subject(&self) -> Subject {
        self.member().subject().unwrap()
    }

    fn member(&self) -> Member {
        self.credentials().member().unwrap().unwrap()
    }
}

fn renewal_of(host: &Host) -> MemberRequest {
    MemberRequest::Renew { certificate_request: host.credentials().key().unwrap().request().unwrap() }
}

#[tokio::test]
async fn who_has_the_authoritys_key_renews_a_members_certificate() {
    let one = first().await;
    let two = another(&one, SignedDuration::from_hours(200 * 24)).await;
    let MemberReply::Renewed(new) =
        ask(&two.member(), &one.subject(), one.at, &renewal_of(&two)).await.unwrap()
    else {
        panic!("another answer")
    };
    let authority = two.credentials().authority_certificates().unwrap().unwrap();
    let renewed = Member::new(two.credentials().key().unwrap(), &new, &authority).unwrap();
    assert!(renewed.validity().unwrap().1 > two.member().validity().unwrap().1);
    // It is good, and has the name that the old one had: what a request says counts for nothing.
    ask(&renewed, &one.subject(), one.at, &renewal_of(&two)).await.unwrap();

    let refused =
        ask(&one.member(), &two.subject(), two.at, &renewal_of(&one)).await.unwrap_err().to_string();
    assert!(refused.contains("does not have the authority's key"), "{refused}");
}

#[tokio::test]
async fn a_host_that_was_revoked_is_told_nothing() {
    let one = first().await;
    let two = another(&one, SignedDuration::ZERO).await;
    let asks = || async { ask(&two.member(), &one.subject(), one.at, &renewal_of(&two)).await };
    assert!(matches!(asks().await, Ok(MemberReply::Renewed(_))));
    one.own().barred.set([two.subject().id].into());
    // In the handshake.
    assert!(asks().await.is_err());
}

#[tokio::test]
async fn a_host_with_the_key_renews_its_own_certificate_when_it_is_time() {
    let one = first().await;
    let until = || one.member().validity().unwrap().1;
    let before = until();
    let in_days = |days: i64| Timestamp::now() + SignedDuration::from_hours(days * 24);
    one.peers.renew_if_due(in_days(100)).await.unwrap();
    assert_eq!(until(), before, "it is not time");
    // As it was made ten days ago.
    let authority = one.credentials().authority().unwrap().unwrap();
    let request = one.credentials().key().unwrap().request().unwrap();
    let old = authority.issue(&one.subject(), &request, in_days(-10)).unwrap();
    one.credentials().renew(&old).unwrap();
    let before = until();
    one.peers.renew_if_due(in_days(200)).await.unwrap();
    assert!(until() > before);
}

/// A member that could be made to take what is no good would be lost.
#[tokio::test]
async fn a_certificate_that_is_not_good_is_not_taken() {
    let one = first().await;
    let now = Timestamp::now();
    let before = std::fs::read(&one.credentials().files()[1]).unwrap();
    let authority = one.credentials().authority().unwrap().unwrap();
    let request = one.credentials().key().unwrap().request().unwrap();
    let another_key = NodeKey::generate().unwrap().request().unwrap();
    let other = Authority::found(now).unwrap();
    for bad in [
        "garbage".to_owned(),
        authority.issue(&subject(), &request, now).unwrap(),
        authority.issue(&one.subject(), &another_key, now).unwrap(),
        authority.issue(&one.subject(), &request, now - SignedDuration::from_hours(400 * 24)).unwrap(),
        other.issue(&one.subject(), &request, now).unwrap(),
    ] {
        assert!(one.own().replace(&bad).is_err(), "{bad}");
    }
    assert_eq!(std::fs::read(&one.credentials().files()[1]).unwrap(), before);
    one.own().replace(&authority.issue(&one.subject(), &request, now).unwrap()).unwrap();
}

/// Another member has its address: an attacker, or the next user of that address.
#[tokio::test]
async fn a_member_at_anothers_address_is_told_nothing() {
    let one = first().await;
    let two = another(&one, SignedDuration::ZERO).await;
    let three = Subject { name: "host3".parse().unwrap(), id: NodeId::LEAST };
    let told = crate::joining::promote(one.dir.path(), &three, two.at).await.unwrap_err().to_string();
    assert!(told.contains("is not host3, but host2"), "{told}");
    assert!(two.credentials().authority().unwrap().is_none());
}

#[tokio::test]
async fn a_certificate_is_renewed_for_the_key_that_it_is_for() {
    let one = first().await;
    let two = another(&one, SignedDuration::ZERO).await;
    let request =
        MemberRequest::Renew { certificate_request: NodeKey::generate().unwrap().request().unwrap() };
    let refused = ask(&two.member(), &one.subject(), one.at, &request).await.unwrap_err().to_string();
    assert!(refused.contains("another key"), "{refused}");
}

#[tokio::test]
async fn nobody_can_renew_and_it_is_said_when_it_is_urgent() {
    let one = first().await;
    let two = another(&one, SignedDuration::ZERO).await;
    let in_days = |days: i64| Timestamp::now() + SignedDuration::from_hours(days * 24);
    // Its only peer, as its view has it, is itself.
    two.peers.renew_if_due(in_days(200)).await.unwrap();
    let urgent = two.peers.renew_if_due(in_days(340)).await.unwrap_err();
    assert!(urgent.contains("authority's key"), "{urgent}");
}

/// A view of a signed cluster with `host` in it, whose record it signed.
fn with_record_of(host: &Host, id: NodeId) -> View {
    use weft_model::{Key, Keyspace, Node, Record};
    use weft_store::{Listing, Revision, StoreEntry};
    let golden = include_bytes!("../../../model/tests/golden/node.json");
    let mut node = Node { id, ..Node::from_json(golden).unwrap() };
    let (member, name) = (host.member(), host.subject().name);
    node.signed = Some(member.sign(&name, &node, 1).unwrap());
    let authorities = Arc::new(member.authorities().clone());
    let (keyspace, modified) = (Keyspace::new("weft"), Revision(1));
    let entry =
        StoreEntry { key: keyspace.path(&Key::Node(name)), value: node.to_json(), modified, session: None };
    let known = weft_state::cluster::Cluster::default().trusting(Some(&authorities));
    let listing = Listing { entries: vec![entry], revision: modified };
    let cluster = weft_state::cluster::Cluster::read_after(&keyspace, &listing, &known);
    let mut view = nothing_seen().borrow().clone();
    view.cluster = Some(Arc::new(cluster));
    view
}

#[tokio::test]
async fn who_is_not_in_a_signed_cluster_has_nothing_renewed() {
    let one = first().await;
    let [two, impostor] =
        [another(&one, SignedDuration::ZERO).await, another(&one, SignedDuration::ZERO).await];
    one.seen.send_replace(with_record_of(&two, two.subject().id));
    let asks = |host: &Host| {
        let (member, request) = (host.member(), renewal_of(host));
        let one = &one;
        async move { ask(&member, &one.subject(), one.at, &request).await }
    };
    assert!(matches!(asks(&two).await, Ok(MemberReply::Renewed(_))));
    // It has a certificate of that name and id, for another key.
    let refused = asks(&impostor).await.unwrap_err().to_string();
    assert!(refused.contains("join with a token"), "{refused}");
    // It was taken out.
    one.seen.send_replace(with_record_of(&one, one.subject().id));
    let refused = asks(&two).await.unwrap_err().to_string();
    assert!(refused.contains("join with a token"), "{refused}");
}

#[tokio::test]
async fn a_promoted_host_has_the_key_and_nobody_elses() {
    let one = first().await;
    let two = another(&one, SignedDuration::ZERO).await;
    let other = Authority::found(Timestamp::now()).unwrap();
    let wrong = MemberRequest::Promote { authority_key: other.key_pem() };
    assert!(ask(&one.member(), &two.subject(), two.at, &wrong).await.is_err());
    assert!(two.credentials().authority().unwrap().is_none());
    crate::joining::promote(one.dir.path(), &two.subject(), two.at).await.unwrap();
    let [ours, theirs] = [&one, &two].map(|host| host.credentials().authority().unwrap().unwrap().id());
    assert_eq!(ours, theirs);
    // It renews, now.
    ask(&one.member(), &two.subject(), two.at, &renewal_of(&one)).await.unwrap();
}

#[tokio::test]
async fn another_clusters_member_is_answered_nothing() {
    let [one, other] = [first().await, first().await];
    assert!(ask(&other.member(), &one.subject(), one.at, &renewal_of(&other)).await.is_err());
}

/// It knows the authority, and says that it is a member, but shows no certificate.
#[tokio::test]
async fn who_shows_no_certificate_may_ask_to_join_and_nothing_else() {
    let one = first().await;
    let authority = one.credentials().authority().unwrap().unwrap();
    let mut config = join_client(authority.id()).unwrap();
    config.alpn_protocols = vec![MEMBERS.to_vec()];
    let mut stream = connected(config, one.at).await.unwrap();
    let request =
        MemberRequest::Renew { certificate_request: NodeKey::generate().unwrap().request().unwrap() };
    assert!(exchange::<MemberReply>(&mut stream, &request).await.is_err());
}

/// What a host that wants to join is answered to a line.
async fn told(host: &Host, line: impl FnOnce(&[u8; 32]) -> serde_json::Value) -> Option<JoinReply> {
    let authority = host.credentials().authority().unwrap().unwrap();
    let mut stream = connected(join_client(authority.id()).unwrap(), host.at).await.ok()?;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(JOIN));
    let binding = binding(stream.get_ref().1).unwrap();
    exchange(&mut stream, &line(&binding)).await.ok()
}

#[tokio::test]
async fn a_proof_for_one_connection_is_no_good_on_another() {
    let one = first().await;
    let secret = TokenSecret::random(&mut rand::rng());
    let later = Timestamp::now() + SignedDuration::from_hours(1);
    one.credentials().remember(secret, later, Timestamp::now()).unwrap();
    let certificate_request = NodeKey::generate().unwrap().request().unwrap();
    let request = |binding: &[u8; 32]| {
        let proof = secret.proof(Side::Guest, binding, &certificate_request);
        let (name, id) = ("host2".parse().unwrap(), NodeId::LEAST);
        let request = JoinRequest {
            token: secret.id(),
            proof,
            certificate_request: certificate_request.clone(),
            name,
            id,
            cluster: None,
            trial: false,
        };
        serde_json::to_value(request).unwrap()
    };
    let replayed = told(&one, |_| request(&[0; 32])).await;
    assert_eq!(replayed, Some(JoinReply::Refused(JoinRefusal::Unknown)));
    // The store of this host is its own alone, so that nobody gets further; the token is not used up by that.
    let cannot = told(&one, request).await;
    assert!(matches!(cannot, Some(JoinReply::Refused(JoinRefusal::Cannot(_)))), "{cannot:?}");
}

#[tokio::test]
async fn nonsense_is_answered_five_times() {
    let one = first().await;
    for _ in 0..5 {
        let reply = told(&one, |_| "x".repeat(2 * MAX_REQUEST).into()).await;
        assert!(matches!(reply, Some(JoinReply::Refused(JoinRefusal::Misunderstood(_)))), "{reply:?}");
    }
    assert_eq!(told(&one, |_| "again".into()).await, Some(JoinReply::Refused(JoinRefusal::TooMany)));
    // What members ask goes on.
    let two = another(&one, SignedDuration::ZERO).await;
    ask(&two.member(), &one.subject(), one.at, &renewal_of(&two)).await.unwrap();
}

#[tokio::test]
async fn a_host_without_a_certificate_and_one_whose_port_is_taken_answer_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = FuzzedNode::of("host1".parse().unwrap()).config();
    dir.path().clone_into(&mut config.data_dir);
    let place = watch::Sender::new(Underlay::at(Ipv4Addr::LOCALHOST.into()));
    let id = identity(dir.path());
    let listen = async |config: &AgentConfig| {
        let Some(own) = OwnCertificate::load(&config.data_dir) else { return false };
        let peers = Peers::new(
            &Arc::new(config.clone()),
            (Some(own), None),
            &id,
            FakeVerbs::new(),
            (place.subscribe(), nothing_seen().subscribe()),
            Arc::default(),
        );
        peers.listen().await.is_ok()
    };
    config.peer_port = 0;
    assert!(!listen(&config).await);
    become_authority(&config).unwrap();
    assert!(listen(&config).await);
    let other = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).await.unwrap();
    config.peer_port = other.local_addr().unwrap().port();
    assert!(!listen(&config).await);
    config.peer_port = 0;
    write_text_durably(&dir.path().join("credentials/node.pem"), "half a certifi").unwrap();
    assert!(!listen(&config).await);
}

#[test]
fn a_certificate_is_renewed_in_the_second_half_of_its_life() {
    let at = |hour: i64| Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hour);
    let due = |now| weft_trust::is_due((at(0), at(100)), at(now));
    // One that begins later was made by a clock that was ahead.
    assert!(due(-5) && !due(0) && !due(50) && due(51) && due(1000));
}
