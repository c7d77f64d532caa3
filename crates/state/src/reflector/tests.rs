use super::*;
use crate::{admission::AdmissionDeps, fingerprint::Fingerprint, journal::Identity, view::unseen};
use async_trait::async_trait;
use futures::stream::BoxStream;
use jiff::Timestamp;
use rand::{SeedableRng, rngs::StdRng};
use tempfile::TempDir;
use weft_store::{CommitError, Condition, Listing, Mark, MemoryStore, SessionId, StoreEntry, Txn};

/// A store that shows something old, or nothing to a client that may not read it.
#[derive(Clone)]
struct Dim {
    truth: MemoryStore,
    shown: Arc<Mutex<Option<Listing>>>,
    forbidden: Arc<Mutex<bool>>,
}

impl Dim {
    fn refused(&self) -> Result<(), StoreError> {
        let reason = "Permission denied".to_owned();
        let error = StoreError::Refused { store: self.describe(), doing: "get", reason };
        if *self.forbidden.lock().unwrap() { Err(error) } else { Ok(()) }
    }
}

#[async_trait]
impl Store for Dim {
    fn describe(&self) -> String {
        self.truth.describe()
    }
    async fn list(&self, prefix: &str) -> Result<Listing, StoreError> {
        if *self.forbidden.lock().unwrap() {
            return Ok(Listing { entries: Vec::new(), revision: Revision(1000) });
        }
        self.truth.list(prefix).await
    }
    async fn view(&self, prefix: &str, seen: Option<Revision>) -> Result<Listing, StoreError> {
        let shown = self.shown.lock().unwrap().clone();
        match shown.filter(|_| seen.is_some()) {
            Some(listing) => Ok(listing),
            None => self.list(prefix).await,
        }
    }
    async fn get(&self, key: &str) -> Result<Option<StoreEntry>, StoreError> {
        self.refused()?;
        self.truth.get(key).await
    }
    async fn mark(&self, prefix: &str) -> Result<Mark, StoreError> {
        self.refused()?;
        self.truth.mark(prefix).await
    }
    fn watch(&self, prefix: &str, revision: Revision) -> BoxStream<'static, Result<Update, StoreError>> {
        self.truth.watch(prefix, revision)
    }
    async fn commit(&self, txn: Txn) -> Result<(), CommitError> {
        self.truth.commit(txn).await
    }
    async fn open_session(&self, ttl: Duration) -> Result<SessionId, StoreError> {
        self.truth.open_session(ttl).await
    }
    async fn renew_session(&self, session: &SessionId) -> Result<bool, StoreError> {
        self.truth.renew_session(session).await
    }
    async fn close_session(&self, session: &SessionId) -> Result<(), StoreError> {
        self.truth.close_session(session).await
    }
}

struct Bench {
    store: Dim,
    view: watch::Receiver<View>,
    _directory: TempDir,
}

/// A view of a store with a lineage, and what that store had before.
async fn bench(rebuild: bool) -> (Bench, Listing) {
    let store = Dim { truth: MemoryStore::new(), shown: Arc::default(), forbidden: Arc::default() };
    let keyspace = Keyspace::new("weft");
    let put = async |key: Key, value: &str| {
        store.truth.commit(Txn::new().put(keyspace.path(&key), value, Condition::Always)).await.unwrap();
    };
    put(Key::Node("host1".parse().unwrap()), include_str!("../../../model/tests/golden/node.json")).await;
    let before = store.truth.list("weft/v1/").await.unwrap();
    put(Key::Lineage, include_str!("../../../model/tests/golden/epoch.json")).await;
    let directory = tempfile::tempdir().unwrap();
    let env = Arc::new(Env::new(Timestamp::now, StdRng::seed_from_u64(1)));
    let (memory, _) = Memory::open(directory.path(), &store.describe(), &keyspace).unwrap();
    let journal = Arc::new(Journal::open(directory.path()).unwrap());
    let identity = Identity::open(directory.path(), &env, |_| Fingerprint::default()).unwrap();
    let node = "host2".parse().unwrap();
    let admission = Admission::open(&AdmissionDeps {
        data_dir: directory.path(),
        store: &store,
        keyspace: &keyspace,
        node: &node,
        env: &env,
        identity: &Arc::new(identity),
        journal: &journal,
        memory: &memory,
        in_engine: BTreeSet::new(),
    });
    let keeper = Reflector {
        view: unseen(&store, &env, None),
        admission: Arc::new(admission.unwrap()),
        store: Arc::new(store.clone()),
        keyspace,
        env,
        node,
        journal,
        memory: Arc::new(memory),
        warned: Mutex::default(),
        nothing: Cluster::default(),
        rebuild,
    };
    let view = keeper.view.subscribe();
    tokio::spawn(keeper.run());
    let mut bench = Bench { store, view, _directory: directory };
    bench.until("it is seen", |view| view.error.is_none()).await;
    (bench, before)
}

impl Bench {
    async fn until(&mut self, what: &str, is: impl Fn(&View) -> bool) {
        let late = tokio::time::timeout(Duration::from_secs(60), self.view.wait_for(is)).await.is_err();
        if late {
            panic!("{what}: {:?}", self.view.borrow().error);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_old_answer_is_no_loss() {
    let (mut bench, before) = bench(true).await;
    *bench.store.shown.lock().unwrap() = Some(before);
    bench.store.truth.faults().break_watches();
    bench.until("the watch is broken", |view| view.error.is_some()).await;
    bench.until("all is well", |view| view.error.is_none()).await;
    let cluster = bench.view.borrow().cluster.clone().unwrap();
    assert!(cluster.lineage.is_some(), "what was seen is seen again");
}

#[tokio::test(start_paused = true)]
async fn what_must_not_be_read_is_no_loss() {
    for rebuild in [true, false] {
        let (mut bench, _) = bench(rebuild).await;
        *bench.store.forbidden.lock().unwrap() = true;
        bench.store.truth.faults().break_watches();
        bench
            .until("it is refused", |view| {
                assert_ne!(view.error.as_deref(), Some(LOST));
                view.error.as_ref().is_some_and(|error| error.contains("Permission denied"))
            })
            .await;
        let cluster = bench.view.borrow().cluster.clone().unwrap();
        assert!(cluster.lineage.is_some(), "what was known is still gone by");
        *bench.store.forbidden.lock().unwrap() = false;
        bench.until("all is well", |view| view.error.is_none()).await;
    }
}
