use super::*;

const ID: &str = "5f0c1e2d3a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5";

#[test]
fn a_process_without_a_record_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let id = weft_model::ProcessId::random(&mut rand::rng());
    std::fs::create_dir_all(dir.path().join(format!("processes/{id}"))).unwrap();
    std::fs::write(dir.path().join(format!("processes/{id}.json")), "").unwrap();
    let processes = ProcessTable::open(dir.path()).unwrap();
    assert_eq!(processes.strays().unwrap(), [id]);
    // A directory that cannot be read must not count as empty: what runs in our namespaces would be ended.
    std::fs::rename(dir.path().join("processes"), dir.path().join("away")).unwrap();
    let error = processes.strays().unwrap_err().to_string();
    assert!(error.starts_with("cannot read /"), "{error}");
}

/// What an agent finds that is started in the place of another version.
#[test]
fn what_another_version_wrote_can_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("processes");
    std::fs::create_dir(&path).unwrap();
    std::fs::write(path.join(format!("{ID}.json")), include_str!("golden.json")).unwrap();
    let known = ProcessTable::open(dir.path()).unwrap().find("nginx_01").unwrap();
    assert_eq!(known.id.to_string(), ID);
    assert_eq!(known.ports[0].to_string(), "8080:80/tcp");
}
