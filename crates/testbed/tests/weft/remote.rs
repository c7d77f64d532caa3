//! The API for other hosts: `--host tcp://ADDRESS:2376`, `weft user add`.

use crate::{
    cluster::{SOON, has_network, sleeper},
    tokens::{init, let_in},
};
use jiff::{SignedDuration, Timestamp};
use weft_testbed::{Host, World, eventually, until};
use weft_trust::{Authority, NodeKey, User};

/// Where the first host is asked.
pub(crate) const AT: &str = "tcp://192.168.77.11:2376";
const URL: &str = "https://192.168.77.11:2376";
const CREDENTIALS: &str = "/var/lib/weft/credentials";

/// Makes a user on one host, whose files go to `directory` of another, as over ssh.
pub(crate) fn add_user(on: &Host, name: &str, to: &Host, directory: &str) {
    to.write("/run/user.tar", &on.run(&["weft", "user", "add", name]));
    to.run(&["sh", "-ec", &format!("mkdir -pm700 {directory}; tar -xC {directory} -f /run/user.tar")]);
}

/// Docker's command with the files of a directory; `weft` finds them, too.
pub(crate) fn with_files(host: &Host, directory: &str, command: &str) -> Result<String, String> {
    let environment = format!("export DOCKER_CERT_PATH={directory} WEFT_CERT_PATH={directory}; ");
    let output = host.output(&["sh", "-c", &format!("{environment}{command}")]);
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(said(&output.stdout)) } else { Err(said(&output.stderr)) }
}

/// What the first host answers `curl` that shows a certificate.
fn asked(host: &Host, [authority, certificate, key]: [&str; 3]) -> Result<String, String> {
    let command = format!("curl -sS -m10 --cacert {authority} --cert {certificate} --key {key} {URL}/_ping");
    with_files(host, "/nonexistent", &command)
}

/// Says something on a TLS port, and returns what is answered.
fn says(host: &Host, port: u16, protocol: &str, [certificate, key]: [&str; 2], line: &str) -> String {
    let command = format!(
        "printf '{line}\\n' | timeout 10 openssl s_client -quiet -connect 192.168.77.11:{port} -alpn {protocol} -cert \
         {certificate} -key {key} 2>&1"
    );
    String::from_utf8_lossy(&host.output(&["sh", "-c", &command]).stdout).into_owned()
}

/// A key of one host, as other programs read it, on another.
pub(crate) fn readable(of: &Host, name: &str, on: &Host) -> String {
    let key = of.run(&["cat", &format!("{CREDENTIALS}/{name}")]);
    let path = format!("/run/{name}.readable");
    let begin = key.find("-----BEGIN PRIVATE KEY").expect("a key");
    on.write(&path, &NodeKey::from_pem(&key[begin..]).and_then(|key| key.pem_for_others()).expect("a key"));
    path
}

#[test]
fn docker_and_weft_ask_from_another_host() {
    let Some(world) = World::up(2) else { return };
    let [one, away] = [world.host(1), world.host(2)];
    let agent = init(one, &["--host", "tcp://0.0.0.0:2376"]);
    add_user(one, "alice", away, "/run/alice");
    let docker = |rest: &str| with_files(away, "/run/alice", &format!("docker -H {AT} --tlsverify {rest}"));
    let weft = |rest: &str| with_files(away, "/run/alice", &format!("weft -H {AT} {rest}"));
    until("it is answered", SOON, || docker("network ls").is_ok());
    docker("network create -d overlay --subnet 10.5.0.0/16 --label tier=web web").unwrap();
    assert!(has_network(one, "web"));
    assert!(docker("network ls").unwrap().contains("web"));
    let subnet = docker("network inspect --format '{{(index .IPAM.Config 0).Subnet}}' web").unwrap();
    assert_eq!(subnet.trim(), "10.5.0.0/16");
    sleeper(one, "web", "box", &[]);
    assert!(weft("endpoint ls").unwrap().contains("box"));
    docker("network create -d overlay more").unwrap();
    docker("network connect more box").unwrap();
    docker("network disconnect more box").unwrap();
    docker("network rm more").unwrap();
    assert!(docker("network rm web").unwrap_err().contains("box"));
    assert!(weft("node ls").unwrap().contains("host1") && weft("status").unwrap().contains("host1"));
    assert!(weft("network ls").unwrap().contains("web"));
    // By whatever name it has a certificate for, and no other.
    for (name, is_it) in [("host1", true), ("host2", false)] {
        let resolved = format!(
            "curl -sS -m10 --cacert ca.pem --cert cert.pem --key key.pem --connect-to {name}:2376:192.168.77.11:2376 https://{name}:2376/_ping"
        );
        let answer = with_files(away, "/run/alice", &format!("cd /run/alice; {resolved}"));
        assert_eq!(answer.is_ok(), is_it, "{name}: {answer:?}");
    }
    assert!(agent.log().contains("asked through the remote API") && agent.log().contains("alice"));
    assert!(!agent.log().contains("PRIVATE KEY"));

    // What starts processes, or ends hosts, is done there.
    for local in [
        "ps",
        "run --net web true",
        "exec box true",
        "stop box",
        "rm -f box",
        "logs box",
        "leave",
        "node rm host1",
        "attach --netns /proc/1/ns/net --net web --name x",
    ] {
        let refused = weft(local).unwrap_err();
        assert!(refused.contains("not through the remote API"), "{local}: {refused}");
    }
    for path in ["processes", "processes/box", "processes/box/logs", "debug", "leave", "users/alice/x"] {
        let ask = format!(
            "curl -sS -m10 -w '%{{http_code}}' --cacert ca.pem --cert cert.pem --key key.pem {URL}/weft/v1/{path}"
        );
        let answer = with_files(away, "/run/alice", &format!("cd /run/alice; {ask}")).unwrap();
        assert!(answer.ends_with("403"), "{path}: {answer}");
    }
    for here in ["debug bundle", "setup docker", "doctor", "user ls"] {
        let refused = weft(here).unwrap_err();
        assert!(refused.contains("is about this host"), "{here}: {refused}");
    }
    one.run(&["weft", "exec", "box", "--", "true"]);
    // An agent of another host that does not answer is no reason to take this one out.
    let closed = with_files(away, "/run/alice", "weft -H tcp://192.168.77.11:2377 leave").unwrap_err();
    assert!(closed.contains("TCP port 2377 open"), "{closed}");
}

#[test]
fn who_is_no_user_is_not_answered() {
    let Some(world) = World::up(3) else { return };
    let [one, two, three] = [world.host(1), world.host(2), world.host(3)];
    let _first = init(one, &["--host", "tcp://0.0.0.0:2376"]);
    let _second = let_in(one, two);
    add_user(one, "alice", two, "/run/alice");
    let user = ["/run/alice/ca.pem", "/run/alice/cert.pem", "/run/alice/key.pem"];
    eventually(SOON, || asked(two, user));

    let none = with_files(two, "/", &format!("curl -sS -m10 --cacert {} {URL}/_ping", user[0])).unwrap_err();
    assert!(none.contains("certificate required"), "{none}");
    let clear = two.output(&["curl", "-sS", "-m10", "http://192.168.77.11:2376/_ping"]);
    assert!(!clear.status.success());
    // A node's, one of another cluster, and one that was good once.
    let node = [format!("{CREDENTIALS}/node.pem"), readable(two, "node.key", two)];
    let api = [format!("{CREDENTIALS}/api.pem"), readable(one, "api.pem", two)];
    two.write(&api[0], &one.run(&["cat", &api[0]]));
    let [ca, key] = ["ca.pem", "ca.key"].map(|name| one.run(&["cat", &format!("{CREDENTIALS}/{name}")]));
    let authority = Authority::from_pem(&ca, &key).expect("the host's authority");
    let (expired, of_it) = (NodeKey::generate().expect("a key"), NodeKey::request);
    let alice = User { name: "alice".parse().expect("a name"), id: "1".repeat(64).parse().expect("an id") };
    let (long_ago, life) =
        (Timestamp::now() - SignedDuration::from_hours(72), SignedDuration::from_hours(24));
    let certificate = authority.issue_user(&alice, &of_it(&expired).expect("a request"), (long_ago, life));
    two.write("/run/expired.pem", &certificate.expect("a certificate"));
    two.write("/run/expired.key", &expired.pem_for_others().expect("a key"));
    let _other = init(three, &[]);
    add_user(three, "alice", two, "/run/other");
    for shown in [
        [&*node[0], &node[1]],
        [&*api[0], &api[1]],
        ["/run/expired.pem", "/run/expired.key"],
        ["/run/other/cert.pem", "/run/other/key.pem"],
    ] {
        let refused = asked(two, [user[0], shown[0], shown[1]]).unwrap_err();
        assert!(refused.contains("alert"), "{shown:?}: {refused}");
    }

    // A user is no member, where members alone are answered.
    let renew = r#"{"renew":{"certificate_request":""}}"#;
    let store = "GET /v1/kv/weft/v1/?keys HTTP/1.1\\r\\nHost: w\\r\\nConnection: close\\r\\n\\r";
    let (of_user, of_node) = ([user[1], user[2]], [&*node[0], &*node[1]]);
    for (port, protocol, line, answer) in
        [(7946, "weft-members/1", renew, "refused"), (8500, "http/1.1", store, "weft/v1/nodes")]
    {
        let member = says(two, port, protocol, of_node, line);
        assert!(member.contains(answer), "{port}: {member}");
        let refused = says(two, port, protocol, of_user, line);
        assert!(refused.contains("alert") && !refused.contains(answer), "{port}: {refused}");
    }
}

#[test]
fn a_user_that_was_removed_is_refused_on_every_host() {
    let Some(world) = World::up(3) else { return };
    let [one, two, away] = [world.host(1), world.host(2), world.host(3)];
    let mut first = init(one, &["--host", "tcp://0.0.0.0:2376"]);
    let mut second = let_in(one, two);
    // It has no authority's key: the first host makes its certificate for it.
    second.stop();
    let mut second = two.agent(&["--host", "tcp://0.0.0.0"]);
    for (name, directory) in [("alice", "/run/alice"), ("alice", "/run/again"), ("bob", "/run/bob")] {
        add_user(one, name, away, directory);
    }
    let answered = |directory: &str, number: u8| {
        with_files(
            away,
            directory,
            &format!("docker -H tcp://192.168.77.1{number}:2376 --tlsverify network ls"),
        )
    };
    let everywhere =
        ["/run/alice", "/run/again", "/run/bob"].map(|directory| [(directory, 1), (directory, 2)]);
    for (directory, number) in everywhere.concat() {
        until("they are answered", SOON, || answered(directory, number).is_ok());
    }
    assert_eq!(one.run(&["weft", "user", "ls"]).matches("alice").count(), 2);
    assert_eq!(one.json(&["weft", "user", "ls", "--format", "json"]).as_array().map(Vec::len), Some(3));
    two.refused(&["weft", "user", "add", "carol", "--directory", "/run/carol"]);
    assert!(
        !two.output(&["test", "-e", "/run/carol"]).status.success(),
        "nothing is left of what was refused"
    );
    let cannot = two.refused(&["weft", "user", "add", "carol"]);
    assert!(cannot.contains("weft node promote host2"), "{cannot}");

    one.run(&["weft", "user", "rm", "alice"]);
    for number in [1, 2] {
        for directory in ["/run/alice", "/run/again"] {
            until("they are refused", SOON, || answered(directory, number).is_err());
        }
        answered("/run/bob", number).expect("bob is answered");
    }
    assert_eq!(one.run(&["weft", "user", "ls", "-q"]).lines().count(), 1);
    let gone = one.refused(&["weft", "user", "rm", "alice"]);
    assert!(gone.contains("weft user ls"), "{gone}");

    // With what it has it goes on, when nobody makes it another.
    first.kill9();
    second.restart();
    until("it answers by itself", SOON, || answered("/run/bob", 2).is_ok());
    assert!(answered("/run/alice", 2).is_err(), "it remembers who was removed");
}

#[test]
fn an_agent_that_cannot_answer_there_says_why() {
    let Some(world) = World::up(1) else { return };
    let host = world.host(1);
    let agent =
        |options: &[&str]| host.refused(&[&["weft", "agent", "--cluster-advertise=eth0"], options].concat());
    let clear = agent(&["--host", "tcp://0.0.0.0:2375"]);
    assert!(clear.contains("2375 is that of Docker's API without TLS"), "{clear}");
    let none = agent(&["--host", "tcp://0.0.0.0:2376"]);
    assert!(none.contains("weft init") && none.contains("--tlscert"), "{none}");
    let name = agent(&["--host", "tcp://host1:2376"]);
    assert!(name.contains("no address of this host"), "{name}");
    host.write("/etc/weft/weft.toml", "host = \"tcp://0.0.0.0:2375\"\n");
    let file = agent(&[]);
    assert!(file.contains("2375") && file.contains("weft.toml"), "{file}");
    host.run(&["rm", "/etc/weft/weft.toml"]);
    drop(init(host, &[]));
    // As it looks from outside.
    host.run(&["sh", "-ec", "ln -s $(command -v openssl) /usr/local/bin/dockerd"]);
    let dockerd = host.spawn(&["/usr/local/bin/dockerd", "s_server", "-accept", "2376", "-nocert"]);
    until("it listens", SOON, || host.run(&["ss", "-Hlnt"]).contains(":2376"));
    let taken = agent(&["--host", "tcp://0.0.0.0:2376"]);
    assert!(taken.contains("dockerd (pid ") && taken.contains("another port"), "{taken}");
    drop(dockerd);
    let open = agent(&["--host", "tcp://0.0.0.0:2376", "--tlscert=/etc/hostname", "--tlskey=/etc/hostname"]);
    assert!(open.contains("everybody on this host can read"), "{open}");
    let half = agent(&["--host", "tcp://0.0.0.0:2376", "--tlscert=/etc/hostname"]);
    assert!(half.contains("belong together"), "{half}");
}

/// As Docker's own documentation has it done, with keys of another kind, in a cluster that has no certificates.
#[test]
fn certificates_of_ones_own_are_taken() {
    let Some(world) = World::up(1) else { return };
    let host = world.host(1);
    let script = "mkdir -p /run/own; cd /run/own; umask 077
        openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=own -keyout ca-key.pem -out ca.pem 2>/dev/null
        for who in server client; do
            openssl req -newkey rsa:2048 -nodes -subj /CN=$who -keyout $who-key.pem -out $who.csr 2>/dev/null
        done
        printf 'subjectAltName=IP:192.168.77.11\\nextendedKeyUsage=serverAuth\\n' >server.ext
        printf 'extendedKeyUsage=clientAuth\\n' >client.ext
        for who in server client; do
            openssl x509 -req -days 2 -in $who.csr -CA ca.pem -CAkey ca-key.pem -CAcreateserial -extfile $who.ext -out $who.pem 2>/dev/null
        done
        cp client.pem cert.pem; cp client-key.pem key.pem";
    host.run(&["sh", "-ec", script]);
    let own =
        ["--tlscacert=/run/own/ca.pem", "--tlscert=/run/own/server.pem", "--tlskey=/run/own/server-key.pem"];
    let _agent = host.agent(
        &[&["--cluster-advertise=eth0", "--host", "tcp://0.0.0.0:2376", "--tlsverify"], &own[..]].concat(),
    );
    let docker =
        |directory: &str| with_files(host, directory, &format!("docker -H {AT} --tlsverify network ls"));
    until("it is answered", SOON, || docker("/run/own").is_ok());
    // By the server's, which is not good for that.
    host.run(&["sh", "-ec", "mkdir /run/wrong; cd /run/wrong; cp ../own/ca.pem ca.pem; cp ../own/server.pem cert.pem; cp ../own/server-key.pem key.pem"]);
    let wrong = docker("/run/wrong").unwrap_err();
    assert!(wrong.contains("tls:"), "{wrong}");
}
