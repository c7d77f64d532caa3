//! For which names and addresses a member gets a certificate to answer the API with.

use weft_trust::{ApiNames, Subject};
use weft_verbs::NodeView;

/// For the name that it has by its own certificate, and for the address that its record says, if that is its alone.
///
/// # Errors
/// Why not, for the member.
pub(super) fn api_names(asker: &Subject, nodes: &[NodeView]) -> Result<ApiNames, String> {
    let own = nodes.iter().find(|node| node.name == asker.name && node.node.id == asker.id);
    let address = own.ok_or("it does not know where that host is")?.node.advertise;
    let has_it = |node: &&NodeView| node.node.id != asker.id && node.node.advertise == address;
    if let Some(other) = nodes.iter().find(has_it) {
        return Err(format!("{address} is the address of {}, too", other.name));
    }
    Ok(ApiNames::of(asker.name.as_str(), [address]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use weft_verbs::{ReadVerbs, fake::FakeVerbs};

    fn node(name: &str, last: u8) -> (Subject, NodeView) {
        let [mut node] = FakeVerbs::new().nodes().try_into().unwrap();
        node.name = name.parse().unwrap();
        node.node.advertise = [192, 0, 2, last].into();
        (Subject { name: node.name.clone(), id: node.node.id }, node)
    }

    #[test]
    fn a_member_answers_under_its_own_name_and_address_alone() {
        let ((one, first), (two, second), (three, third)) =
            (node("host1", 1), node("host2", 2), node("host3", 1));
        let names = api_names(&two, &[first.clone(), second.clone()]).unwrap();
        assert_eq!(names, ApiNames::of("host2", [second.node.advertise]));
        // Whichever of them it is that lies.
        let all = [first, second, third];
        assert!(api_names(&one, &all).unwrap_err().contains("address of host3"));
        assert!(api_names(&three, &all).unwrap_err().contains("address of host1"));
        // Under a name that another installation has meanwhile.
        assert!(api_names(&Subject { name: one.name, id: two.id }, &all).is_err());
    }
}
