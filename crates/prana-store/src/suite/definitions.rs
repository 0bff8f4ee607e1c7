//! Workflow versions and keyed items.

use std::sync::Arc;

use super::stage::at;
use crate::{Catalog, NewVersion, Saved, StoreError, Which};

fn version(id: &str, text: &str, based_on: Option<u64>) -> NewVersion {
    NewVersion { workflow_id: id.to_owned(), bytes: text.as_bytes().to_vec(), based_on, at: at(1) }
}

async fn text(catalog: &Arc<dyn Catalog>, which: Which) -> Option<String> {
    let found = catalog.workflow("a", which).await.unwrap();
    found.map(|version| String::from_utf8(version.bytes).unwrap())
}

pub(super) async fn versions(catalog: Arc<dyn Catalog>) {
    let save = |text, based_on| catalog.save_workflow(version("a", text, based_on));
    assert_eq!(text(&catalog, Which::Latest).await, None);
    assert_eq!(save("one", Some(0)).await, Ok(Saved { version: 1, is_new: true }));
    assert_eq!(save("one", Some(1)).await, Ok(Saved { version: 1, is_new: false }));
    assert_eq!(save("two", None).await, Ok(Saved { version: 2, is_new: true }));
    let outdated = StoreError::Outdated { key: "a".to_owned(), based_on: 1, current: 2 };
    assert_eq!(save("three", Some(1)).await, Err(outdated));
    assert_eq!(text(&catalog, Which::Active).await, None, "saving changes nothing live");
    assert!(catalog.activate("a", Some(1), at(2)).await.unwrap());
    assert!(!catalog.activate("a", Some(9), at(3)).await.unwrap());
    assert!(!catalog.activate("b", Some(1), at(3)).await.unwrap());
    assert_eq!(text(&catalog, Which::Active).await.as_deref(), Some("one"));
    assert_eq!(text(&catalog, Which::Latest).await.as_deref(), Some("two"));
    assert_eq!(text(&catalog, Which::Version(2)).await.as_deref(), Some("two"));
    assert_eq!(text(&catalog, Which::Version(0)).await, None);
    let listed = catalog.versions("a", None, 10).await.unwrap();
    assert_eq!(listed.iter().map(|version| version.version).collect::<Vec<_>>(), [2, 1]);
    assert!(listed.iter().all(|version| version.bytes.is_empty()));
    assert_ne!(listed[0].hash, listed[1].hash);
    assert_eq!(catalog.versions("a", Some(2), 10).await.unwrap().len(), 1);
    assert!(catalog.activate("a", None, at(4)).await.unwrap());
    assert_eq!(text(&catalog, Which::Active).await, None);
    let workflows = catalog.workflows(None, 10).await.unwrap();
    assert_eq!(workflows.len(), 1);
    assert_eq!((workflows[0].latest, workflows[0].active, workflows[0].updated_at), (2, None, at(4)));
}

pub(super) async fn deletion(catalog: Arc<dyn Catalog>) {
    for id in ["c", "a", "b"] {
        catalog.save_workflow(version(id, "one", None)).await.unwrap();
    }
    let names = |after: Option<&'static str>, limit| {
        let catalog = catalog.clone();
        async move {
            let found = catalog.workflows(after, limit).await.unwrap();
            found.into_iter().map(|workflow| workflow.id).collect::<Vec<_>>()
        }
    };
    assert_eq!(names(None, 2).await, ["a", "b"]);
    assert_eq!(names(Some("b"), 2).await, ["c"]);
    catalog.activate("a", Some(1), at(2)).await.unwrap();
    assert!(catalog.delete_workflow("a").await.unwrap());
    assert!(!catalog.delete_workflow("a").await.unwrap());
    assert!(!catalog.delete_workflow("x").await.unwrap());
    assert_eq!(names(None, 9).await, ["b", "c"]);
    assert_eq!(text(&catalog, Which::Latest).await, None);
    assert_eq!(text(&catalog, Which::Active).await, None);
    assert_eq!(
        text(&catalog, Which::Version(1)).await.as_deref(),
        Some("one"),
        "executions are pinned to it"
    );
    assert!(!catalog.activate("a", Some(1), at(3)).await.unwrap());
    let saved = catalog.save_workflow(version("a", "one", Some(0))).await.unwrap();
    assert_eq!(saved, Saved { version: 2, is_new: true });
    assert_eq!(text(&catalog, Which::Active).await, None);
}

pub(super) async fn items(catalog: Arc<dyn Catalog>) {
    let outdated = |based_on, current| StoreError::Outdated { key: "k".to_owned(), based_on, current };
    assert_eq!(catalog.item("secret", "k").await.unwrap(), None);
    assert_eq!(catalog.put_item("secret", "k", Some(1), vec![1]).await, Err(outdated(1, 0)));
    assert_eq!(catalog.put_item("secret", "k", Some(0), vec![1]).await, Ok(1));
    assert_eq!(catalog.put_item("secret", "k", Some(0), vec![2]).await, Err(outdated(0, 1)));
    assert_eq!(catalog.put_item("secret", "k", None, vec![0, 255]).await, Ok(2));
    let item = catalog.item("secret", "k").await.unwrap().unwrap();
    assert_eq!((item.version, item.bytes), (2, vec![0, 255]));
    assert_eq!(catalog.item("token", "k").await.unwrap(), None);
    for key in ["c", "a", "b"] {
        catalog.put_item("schedule", key, None, Vec::new()).await.unwrap();
    }
    let keys = |items: Vec<crate::Item>| items.into_iter().map(|item| item.key).collect::<Vec<_>>();
    assert_eq!(keys(catalog.items("schedule", None, 2).await.unwrap()), ["a", "b"]);
    assert_eq!(keys(catalog.items("schedule", Some("b"), 2).await.unwrap()), ["c"]);
    assert_eq!(keys(catalog.items("secret", None, 9).await.unwrap()), ["k"]);
    assert_eq!(catalog.delete_item("secret", "k", Some(1)).await, Err(outdated(1, 2)));
    assert_eq!(catalog.delete_item("secret", "k", Some(2)).await, Ok(true));
    assert_eq!(catalog.delete_item("secret", "k", None).await, Ok(false));
}

pub(super) async fn racing_saves(catalog: Arc<dyn Catalog>) {
    let tasks: Vec<_> = (0..16)
        .map(|number| {
            let catalog = catalog.clone();
            tokio::spawn(async move {
                let saved = catalog.save_workflow(version("a", &format!("text {number}"), Some(0))).await;
                let put = catalog.put_item("lock", "k", Some(0), Vec::new()).await;
                (saved.is_ok(), put.is_ok())
            })
        })
        .collect();
    let mut winners = (0, 0);
    for task in tasks {
        let (saved, put) = task.await.unwrap();
        winners = (winners.0 + usize::from(saved), winners.1 + usize::from(put));
    }
    assert_eq!(winners, (1, 1));
}
