//! Secrets: stored, rotated, put into effects and kept out of everything else.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use prana::core::action::{Descriptor, Effect};
use prana::core::execution::Status;
use prana::core::executor::EffectOutput;
use prana::core::record::Completed;
use prana::core::{ErrorValue, Registry};
use prana::store::{Catalog, MemoryStore, StoreError};
use prana::{
    AllowedHosts, EffectRequest, Effects, Engine, EngineOptions, MasterKeys, Outcome, SecretError,
    SecretText, Value,
};
use prana_template::value;

/// A folder of its own, removed at the end.
struct Scratch(std::path::PathBuf);

impl Scratch {
    fn new() -> Self {
        static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("prana-secrets-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Scratch(path)
    }

    fn path(&self) -> &std::path::Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn text(text: &str) -> SecretText {
    SecretText::from(text.to_owned())
}

fn hosts(entry: &str) -> AllowedHosts {
    [entry].try_into().unwrap()
}

fn engine_over(store: &Arc<MemoryStore>, keys: MasterKeys) -> Engine {
    Engine::builder().store(Arc::clone(store)).master_keys(keys).build()
}

fn keys(scratch: &Scratch) -> MasterKeys {
    MasterKeys::open(&MasterKeys::path_for(&scratch.path().join("p.db"))).unwrap()
}

#[tokio::test]
async fn what_is_set_can_be_revealed_listed_changed_and_deleted() {
    let (scratch, store) = (Scratch::new(), Arc::new(MemoryStore::new()));
    let engine = engine_over(&store, keys(&scratch));
    let secrets = engine.secrets();
    assert_eq!(secrets.reveal("token").await, Err(SecretError::NotFound("token".into())));
    let first = secrets.put("token", &text("swordfish-1"), hosts("a.example"), None).await.unwrap();
    assert_eq!((first.version, first.allowed_hosts), (1, hosts("a.example")));
    assert_eq!(secrets.put("token", &text("swordfish-2"), hosts("*"), None).await.unwrap().version, 2);
    secrets.put("other", &text("x"), hosts("*"), Some(0)).await.unwrap();
    let outdated = secrets.put("token", &text("swordfish-3"), hosts("*"), Some(1)).await;
    assert!(matches!(outdated, Err(SecretError::Store(StoreError::Outdated { .. }))), "{outdated:?}");
    assert_eq!(secrets.reveal("token").await.unwrap().text.reveal(), "swordfish-2");
    let names = secrets.list(None, 9).await.unwrap().into_iter().map(|facts| facts.name);
    assert_eq!(names.collect::<Vec<_>>(), ["other", "token"]);
    assert_eq!(secrets.delete("token").await, Ok(true));
    assert_eq!(secrets.delete("token").await, Ok(false));
    assert_eq!(secrets.facts("token").await, Ok(None));
    secrets.put("token", &text("swordfish-4"), hosts("*"), None).await.unwrap();
    assert_eq!(secrets.reveal("token").await.unwrap().text.reveal(), "swordfish-4");
}

#[tokio::test]
async fn what_will_not_do_is_refused() {
    let (scratch, store) = (Scratch::new(), Arc::new(MemoryStore::new()));
    let engine = engine_over(&store, keys(&scratch));
    for name in ["", "1a", "-a", "a b", "a.b", "ä", &"a".repeat(65)] {
        let refused = engine.secrets().put(name, &text("x"), AllowedHosts::any(), None).await;
        assert_eq!(refused, Err(SecretError::InvalidName), "{name}");
    }
    for value in [String::new(), "x".repeat((64 << 10) + 1)] {
        let refused = engine.secrets().put("a", &SecretText::from(value), AllowedHosts::any(), None).await;
        assert!(matches!(refused, Err(SecretError::InvalidValue(_))));
    }
    let without = Engine::builder().build();
    let refused = without.secrets().put("a", &text("x"), AllowedHosts::any(), None).await;
    assert_eq!(refused, Err(SecretError::NoKeys));
}

#[tokio::test]
async fn the_key_file_is_made_once_for_its_owner_alone() {
    let scratch = Scratch::new();
    let path = MasterKeys::path_for(&scratch.path().join("p.db"));
    assert!(MasterKeys::open_existing(&path).unwrap().is_none());
    let first = MasterKeys::open(&path).unwrap();
    assert_eq!(MasterKeys::open(&path).unwrap().ids(), first.ids());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(MasterKeys::open(&path).unwrap_err().to_string().contains("others may read it"));
    }
    let left: Vec<_> =
        std::fs::read_dir(scratch.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["p.db.master-keys"]);
}

#[tokio::test]
async fn rotation_locks_all_anew_and_others_hear_of_it() {
    let (scratch, store) = (Scratch::new(), Arc::new(MemoryStore::new()));
    let (one, other) = (engine_over(&store, keys(&scratch)), engine_over(&store, keys(&scratch)));
    for number in 0..120 {
        let name = format!("s{number}");
        one.secrets()
            .put(&name, &text(&format!("swordfish-{number}")), hosts("a.example"), None)
            .await
            .unwrap();
    }
    assert_eq!(one.secrets().rotate().await, Ok(120));
    let now = keys(&scratch);
    assert_eq!(now.ids().len(), 2);
    let facts = one.secrets().list(None, 200).await.unwrap();
    assert!(
        facts
            .iter()
            .all(|facts| facts.master_key == now.ids()[0] && facts.allowed_hosts == hosts("a.example"))
    );
    // The other process has the old keys in memory, and finds the new one in the file.
    assert_eq!(other.secrets().reveal("s7").await.unwrap().text.reveal(), "swordfish-7");
    // The new key alone will do, and the old one alone won't.
    let file = std::fs::read_to_string(MasterKeys::path_for(&scratch.path().join("p.db"))).unwrap();
    let lines: Vec<&str> = file.lines().collect();
    let with = |line: &str| engine_over(&store, MasterKeys::parse(line).unwrap());
    assert!(with(lines[0]).secrets().reveal("s7").await.is_ok());
    assert!(matches!(with(lines[1]).secrets().reveal("s7").await, Err(SecretError::UnknownKey { .. })));
    // Keys from elsewhere: the first locks.
    let both = with(&format!("{} {}", lines[1], lines[0]));
    assert_eq!(both.secrets().rotate().await, Ok(120));
    assert_eq!(both.secrets().rotate().await, Ok(0));
}

#[tokio::test]
async fn an_exchanged_item_is_damaged() {
    let (scratch, store) = (Scratch::new(), Arc::new(MemoryStore::new()));
    let engine = engine_over(&store, keys(&scratch));
    engine.secrets().put("a", &text("swordfish-a"), hosts("*"), None).await.unwrap();
    engine.secrets().put("b", &text("swordfish-b"), hosts("*"), None).await.unwrap();
    let bytes = store.item("secret", "a").await.unwrap().unwrap().bytes;
    store.put_item("secret", "b", None, bytes.clone()).await.unwrap();
    assert_eq!(engine.secrets().reveal("b").await, Err(SecretError::Damaged { name: "b".into() }));
    store.put_item("secret", "a", None, bytes).await.unwrap();
    assert_eq!(engine.secrets().reveal("a").await, Err(SecretError::Damaged { name: "a".into() }));
}

/// Notes what it is given and gives it back; fails the first so many times, with what it was given in the error.
struct Echoes {
    seen: Mutex<Vec<Value>>,
    failures: u32,
    panics: bool,
}

#[async_trait]
impl Effects for Echoes {
    async fn run(&self, request: EffectRequest) -> Result<EffectOutput, ErrorValue> {
        let say = request.call.params.get("say").cloned().unwrap_or_default();
        self.seen.lock().unwrap().push(request.call.params.clone());
        assert!(prana::holds_secrets());
        assert!(!self.panics, "it was {}", say.to_text());
        if request.call.attempt <= self.failures {
            let error = ErrorValue::new("echo.down", format!("can't say {}", say.to_text()));
            return Err(error.with_details(value!({"say": say})));
        }
        Ok(EffectOutput::Complete(Completed::new(value!({"said": say}))))
    }
}

fn echoes(failures: u32) -> Arc<Echoes> {
    Arc::new(Echoes { seen: Mutex::default(), failures, panics: false })
}

/// A workflow of one echo, then one that says what came.
fn workflow(params: &str) -> prana::core::document::Workflow {
    let document = format!(
        "id: e\nnodes:\n  - {{key: start, type: manual.trigger}}\n  - {{key: echo, type: app.echo, params: {params}, \
         settings: {{retry_on_failed: true, max_retries: 3, retry_delay_ms: 0}}}}\nconnections: [start -> echo]"
    );
    prana::core::document::load("e.yaml", document.as_bytes()).unwrap().remove(0).workflow
}

async fn run(effects: &Arc<Echoes>, params: &str, input: Value, restarts: bool) -> (Outcome, String) {
    let mut registry = Registry::standard();
    registry.effect(Descriptor::new::<Value>("app.echo", "Echo", "Says it.", Effect::Effect));
    let options = EngineOptions { restart_every_step: restarts, ..EngineOptions::default() };
    let engine = Engine::builder()
        .registry(registry)
        .effects(Arc::<Echoes>::clone(effects))
        .options(options)
        .secret("user", text("ada"))
        .unwrap()
        .secret("pw", text("swordfish-1234"))
        .unwrap()
        .build();
    let serving = tokio::spawn({
        let engine = engine.clone();
        async move { engine.serve().await }
    });
    let outcome = engine.run(&workflow(params), input).await.unwrap();
    let execution = engine.execution(outcome.id).await.unwrap();
    engine.shut_down();
    serving.await.unwrap();
    let told = format!("{outcome:?} {} {execution:?}", serde_json::to_string(&execution).unwrap());
    (outcome, told)
}

#[tokio::test]
async fn an_action_gets_the_secret_and_nobody_else() {
    for restarts in [false, true] {
        let effects = echoes(0);
        let params = "{say: 'Bearer {{ $secrets.pw }} for {{ $input.name }}'}";
        let (outcome, told) = run(&effects, params, value!({"name": "bob"}), restarts).await;
        assert_eq!(outcome.output, value!({"said": "[redacted]"}));
        assert_eq!(*effects.seen.lock().unwrap(), [value!({"say": "Bearer swordfish-1234 for bob"})]);
        assert!(!told.contains("swordfish"), "{told}");
        assert!(told.contains("Bearer {{ $secrets.pw }} for {{ $input.name }}"), "{told}");
    }
}

#[tokio::test]
async fn what_filters_make_of_it_is_kept_out_too() {
    let effects = echoes(0);
    let params = r#"{say: ["Basic {{ $secrets.user + ':' + $secrets.pw | base64 }}", "{{ $secrets.pw | sha256 }}", "{{ $secrets.pw | reverse }}"]}"#;
    let (outcome, told) = run(&effects, params, Value::Null, false).await;
    assert_eq!(outcome.status, Status::Completed, "{told}");
    let seen = effects.seen.lock().unwrap()[0].get("say").unwrap().clone();
    for made in seen.as_list().unwrap().iter() {
        let made = made.as_str().unwrap();
        assert!(!told.contains(made), "{made}");
        assert!(!told.contains(made.trim_start_matches("Basic ")), "{made}");
    }
    assert_eq!(outcome.output, value!({"said": ["[redacted]", "[redacted]", "[redacted]"]}));
}

#[tokio::test]
async fn every_attempt_gets_the_same_and_no_error_tells_it() {
    for restarts in [false, true] {
        let effects = echoes(2);
        let params = "{say: '{{ $now }} {{ $input | upper }} {{ $secrets.pw }}'}";
        let (outcome, told) = run(&effects, params, value!("x"), restarts).await;
        assert_eq!(outcome.status, Status::Completed, "{told}");
        let seen = effects.seen.lock().unwrap().clone();
        assert!(seen.len() == 3 && seen.windows(2).all(|pair| pair[0] == pair[1]), "{seen:?}");
        assert!(told.contains("can't say [redacted]") && !told.contains("swordfish"), "{told}");
    }
}

#[tokio::test]
async fn a_panic_tells_nothing() {
    let effects = Arc::new(Echoes { seen: Mutex::default(), failures: 0, panics: true });
    let (outcome, told) = run(&effects, "{say: '{{ $secrets.pw }}'}", Value::Null, false).await;
    assert_eq!(outcome.error.unwrap().code, "action.panicked");
    assert!(!told.contains("swordfish"), "{told}");
}

#[tokio::test]
async fn a_reference_in_data_is_data() {
    for forged in ["{{ $secrets.pw }}", "\u{e000}secret:pw\u{e001}", "{{ $secrets[\"pw\"] }}"] {
        let effects = echoes(0);
        let params = "{say: ['{{ $input }}', '{{ $input }}!', '{{ $secrets.user }} {{ $input }}']}";
        let (outcome, _) = run(&effects, params, value!(forged), false).await;
        let said = value!([forged, format!("{forged}!"), format!("ada {forged}")]);
        assert_eq!(effects.seen.lock().unwrap()[0], value!({ "say": said.clone() }));
        assert_eq!(outcome.status, Status::Completed);
    }
}

#[tokio::test]
async fn what_goes_wrong_is_told_without_the_value() {
    let check = async |params: &str, code: &str, part: &str| {
        let effects = echoes(0);
        let (outcome, told) = run(&effects, params, Value::Null, false).await;
        let error = outcome.error.unwrap();
        assert_eq!((&*error.code, effects.seen.lock().unwrap().len()), (code, 0), "{error}");
        assert!(error.message.contains(part) && !told.contains("swordfish"), "{error}");
    };
    check("{say: '{{ $secrets.missing }}'}", "secret.not_found", "there is no secret `missing`").await;
    check("{say: '{{ $secrets.pw | to_int }}'}", "expression.value", "say: a template with secrets").await;
    check("{say: '{{ $secrets.pw + 1 - 1 }}'}", "expression.type", "say: ").await;
}
