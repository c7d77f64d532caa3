use super::*;
use weft_docker::engine::{ContainerState, PlaceOnNetwork};
use weft_model::NetworkId;

fn container_id(digit: char) -> ContainerId {
    digit.to_string().repeat(64).parse().unwrap()
}

fn names(texts: &[&str]) -> Vec<EndpointName> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn container(digit: char, name: &str, aliases: &[&str]) -> Container {
    let attachment = PlaceOnNetwork { aliases: names(aliases), ..PlaceOnNetwork::default() };
    Container {
        id: container_id(digit),
        name: name.parse().ok(),
        odd_name: None,
        state: ContainerState::Running,
        attachments: BTreeMap::from([("overlay".to_owned(), attachment)]),
        gave_up: None,
    }
}

fn endpoint(name: &str, container: Option<char>) -> EngineEndpoint {
    EngineEndpoint {
        id: "1".repeat(64).parse().unwrap(),
        network_id: "2".repeat(64).parse::<NetworkId>().unwrap(),
        network: "overlay".parse().unwrap(),
        name: name.parse().unwrap(),
        aliases: Vec::new(),
        links: Vec::new(),
        container: container.map(|digit| container_id(digit).to_string()),
        sandbox: "/run/docker/netns/1".into(),
    }
}

fn member(name: &str, container: Option<char>) -> Member {
    Member {
        endpoint: "1".repeat(64).parse().unwrap(),
        container: container.map(container_id),
        name: name.to_owned(),
        mac: None,
        ipv4: None,
        ipv6: None,
    }
}

fn renamed(
    table: &Table,
    endpoint: &EngineEndpoint,
    member: Option<&Member>,
) -> Option<(char, String, Vec<String>)> {
    let names = table.renamed(endpoint, member)?;
    let aliases = names.aliases.iter().map(ToString::to_string).collect();
    Some((names.container.chars().next().unwrap(), names.name.to_string(), aliases))
}

#[test]
fn a_container_that_has_joined_is_found_by_its_id() {
    let mut table = Table::default();
    table.inspected(&container('c', "nginx_01", &["web", "cccccccccccc", "nginx_01", "web"]));
    let unnamed = endpoint("111111111111", None);
    let web = || vec!["web".to_owned()];
    let wanted = Some(('c', "nginx_01".to_owned(), web()));
    assert_eq!(renamed(&table, &unnamed, Some(&member("nginx_01", Some('c')))), wanted);
    assert_eq!(renamed(&table, &unnamed, None), None, "the engine has not told");
    // Its name changes, and so does that of its endpoint.
    let mut named = endpoint("nginx_01", Some('c'));
    named.aliases = names(&["web"]);
    assert_eq!(renamed(&table, &named, None), None);
    table.inspected(&container('c', "other", &["web"]));
    assert_eq!(renamed(&table, &named, None), Some(('c', "other".to_owned(), web())));
}

#[test]
fn one_that_is_joining_is_found_by_its_name() {
    let mut table = Table::default();
    let joining = member("nginx_01", None);
    assert_eq!(renamed(&table, &endpoint("111111111111", None), Some(&joining)), None);
    table.listed(&[container('c', "nginx_01", &["web"]), container('d', "other", &[])]);
    let wanted = Some(('c', "nginx_01".to_owned(), Vec::new()));
    assert_eq!(
        renamed(&table, &endpoint("111111111111", None), Some(&joining)),
        wanted,
        "its aliases come later"
    );
}

#[test]
fn a_list_has_names_and_no_aliases() {
    let mut table = Table::default();
    table.inspected(&container('c', "nginx_01", &["web"]));
    table.listed(&[container('c', "renamed", &[]), container('d', "new", &[])]);
    assert!(table.knows_aliases_of(&container_id('c')) && !table.knows_aliases_of(&container_id('d')));
    let wanted = Some(('c', "renamed".to_owned(), vec!["web".to_owned()]));
    assert_eq!(renamed(&table, &endpoint("nginx_01", Some('c')), None), wanted);
    // Until it was inspected, what an endpoint has of aliases stays.
    let mut old = endpoint("new", Some('d'));
    old.aliases = names(&["kept"]);
    assert_eq!(renamed(&table, &old, None), None);
    table.listed(&[]);
    assert_eq!(table, Table::default());
}

#[test]
fn a_name_too_long_to_be_resolved_leaves_the_provisional_one() {
    let mut table = Table::default();
    let long = "x".repeat(64);
    table.inspected(&container('c', &long, &["web"]));
    let wanted = Some(('c', "111111111111".to_owned(), vec!["web".to_owned()]));
    assert_eq!(renamed(&table, &endpoint("111111111111", None), Some(&member(&long, Some('c')))), wanted);
    assert!(table.shared().is_empty(), "the door cannot use it");
}

#[test]
fn what_nobody_can_ask_for_is_said() {
    let mut odd = container('c', "nginx_01", &[]);
    let attachment = odd.attachments.get_mut("overlay").unwrap();
    attachment.odd_aliases = vec!["a b".to_owned()];
    attachment.links = vec!["db:database".parse().unwrap()];
    let mut table = Table::default();
    table.inspected(&odd);
    table.listed(&[odd]);
    let said = table.odd(|network| network.as_str() == "overlay");
    assert!(matches!(&said[..], [one] if one.contains("nginx_01") && one.contains("\"a b\"")), "{said:?}");
    assert!(table.odd(|_| false).is_empty(), "networks of others are none of our business");
    let names = table.renamed(&endpoint("nginx_01", Some('c')), None).unwrap();
    assert_eq!(names.links, ["db:database".parse().unwrap()]);
}
