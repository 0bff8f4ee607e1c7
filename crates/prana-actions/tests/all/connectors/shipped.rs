//! The connectors that are shipped. What each action must send, and what comes of the answer, stands in `tests/connectors/*.yaml`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use prana_actions::Connector;
use prana_template::{Map, Value, value};

use super::{answering, at, body_of, field, run};
use crate::server::Asked;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn shipped(id: &str) -> Connector {
    let path = root().join(format!("connectors/{id}.yaml"));
    let text = std::fs::read(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    Connector::read(&path.display().to_string(), &text).unwrap_or_else(|unreadable| panic!("{unreadable}"))
}

/// All cases of a connector; every one of its actions has one.
async fn check(id: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/connectors/{id}.yaml"));
    let text = std::fs::read(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    let (_, cases) =
        prana_core::document::read_value("cases.yaml", &text).unwrap_or_else(|f| panic!("{f:?}"));
    let cases = cases.as_map().expect("a map");
    let connector = shipped(id);
    let mut untried: BTreeSet<String> = connector
        .actions()
        .map(|action| action.type_name.split_once('.').unwrap_or_default().1.to_owned())
        .collect();
    for (number, case) in field(cases, "cases").as_list().expect("cases").iter().enumerate() {
        let case = case.as_map().expect("a case");
        let action = field(case, "action").as_str().expect("an action");
        untried.remove(action);
        Case { place: format!("{id}, case {number} ({action})"), connector: &connector, all: cases, case }
            .check(action)
            .await;
    }
    assert!(untried.is_empty(), "{id}: not tried: {untried:?}");
}

struct Case<'c> {
    place: String,
    connector: &'c Connector,
    all: &'c Map,
    case: &'c Map,
}

impl Case<'_> {
    async fn check(&self, action: &str) {
        let exchanges = field(self.case, "exchanges").as_list().expect("exchanges");
        let answers = exchanges.iter().map(|one| one.get("answer").cloned().unwrap_or_default());
        let server = answering(answers.collect()).await;
        let base = field(self.all, "base").to_text();
        let params = at(&server, &base, field(self.case, "params"), self.all.get("auth"));
        let result = run(self.connector, action, params).await;
        let asked = server.asked();
        for (one, asked) in exchanges.iter().zip(&asked) {
            self.compare(one, asked);
        }
        assert_eq!(asked.len(), exchanges.len(), "{}: requests: {asked:#?}, result: {result:?}", self.place);
        match (self.case.get("error"), result) {
            (None, Ok(output)) => assert_eq!(&output, field(self.case, "output"), "{}", self.place),
            (Some(expected), Err(error)) => {
                let mut shown = error.to_value();
                if let Value::Map(shown) = &mut shown {
                    shown.remove("details");
                    shown.insert("retryable", error.retryable);
                    if let Some(after) = error.retry_after_ms {
                        shown.insert("retry_after_ms", Value::Int(after as i64));
                    }
                }
                assert_eq!(&shown, expected, "{}", self.place);
            }
            (_, result) => panic!("{}: {result:?}", self.place),
        }
    }

    fn compare(&self, expected: &Value, asked: &Asked) {
        let line = format!("{} {}", asked.method, asked.target);
        assert_eq!(expected.get("ask"), Some(&Value::from(line)), "{}", self.place);
        let none = Map::new();
        let own = expected.get("headers").and_then(Value::as_map).unwrap_or(&none);
        let all = field(self.all, "headers").as_map().unwrap_or(&none);
        for (name, value) in all.iter().chain(own.iter()) {
            assert_eq!(asked.header(name), value.to_text().as_str(), "{}: {name}", self.place);
        }
        let body = expected.get("body").cloned().unwrap_or_else(|| value!(""));
        assert_eq!(body_of(asked), body, "{}", self.place);
    }
}

macro_rules! each {
    ($($id:ident),*) => {$(
        #[tokio::test]
        async fn $id() {
            check(stringify!($id)).await;
        }
    )*

        /// Nothing is shipped that isn't tried.
        #[test]
        fn all_are_tried() {
            let tried = BTreeSet::from([$(stringify!($id).to_owned()),*]);
            let files = std::fs::read_dir(root().join("connectors")).expect("connectors");
            let names = files.map(|file| file.expect("a file").file_name().into_string().expect("a name"));
            let there: BTreeSet<String> = names.filter_map(|name| name.strip_suffix(".yaml").map(str::to_owned)).collect();
            assert_eq!(there, tried);
        }
    };
}

each!(airtable, discord, github, google_sheets, jira, notion, s3, slack, stripe, telegram);
