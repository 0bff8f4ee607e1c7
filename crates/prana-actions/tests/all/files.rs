//! Files, inside the directories that are open and nowhere else.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use prana_actions::{ActionCall, Outside, Permissions};
use prana_core::ErrorValue;
use prana_template::{Value, value};

use crate::run;

/// A directory of its own, removed at the end.
struct Directory {
    path: PathBuf,
}

impl Directory {
    fn new() -> Directory {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("prana-actions-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(path.join("open/inner")).expect("a directory");
        fs::write(path.join("secret"), "s3cret").expect("a file");
        Directory { path }
    }

    fn open(&self) -> PathBuf {
        self.path.join("open")
    }

    fn content(&self, name: &str) -> String {
        fs::read_to_string(self.open().join(name)).expect("a file")
    }

    async fn run(&self, action: &str, params: Value) -> Result<Value, ErrorValue> {
        let permissions =
            Permissions { file_roots: vec![self.open()], max_file_bytes: 1000, ..Permissions::default() };
        let outside = Arc::new(Outside::new(permissions).expect("a way outside"));
        run(ActionCall::detached(action, params, outside)).await
    }

    async fn fails(&self, action: &str, params: Value, code: &str) {
        let error = self.run(action, params.clone()).await.expect_err("it should fail");
        assert_eq!(&*error.code, code, "{params:?} {error}");
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

#[tokio::test]
async fn reading_in_every_encoding() {
    let dir = Directory::new();
    fs::write(dir.open().join("a.json"), "{\"a\": 1}").expect("a file");
    for (encoding, expected) in [
        ("utf8", value!("{\"a\": 1}")),
        ("json", value!({"a": 1})),
        ("lines", value!(["{\"a\": 1}"])),
        ("base64", value!("eyJhIjogMX0=")),
    ] {
        let output = dir.run("file.read", value!({"path": "inner/../a.json", "encoding": encoding})).await;
        assert_eq!(output, Ok(value!({"path": "inner/../a.json", "bytes": 8, "content": expected})));
    }
}

#[tokio::test]
async fn what_can_not_be_read() {
    let dir = Directory::new();
    fs::write(dir.open().join("big"), "x".repeat(1001)).expect("a file");
    fs::write(dir.open().join("latin"), b"\xe4").expect("a file");
    let read = |path: &str, encoding: &str| value!({"path": path, "encoding": encoding});
    dir.fails("file.read", read("nothing", "utf8"), "file.not_found").await;
    dir.fails("file.read", read("inner", "utf8"), "file.not_a_file").await;
    dir.fails("file.read", read("big", "base64"), "file.too_large").await;
    dir.fails("file.read", read("latin", "utf8"), "file.invalid_text").await;
    dir.fails("file.read", read("latin", "json"), "file.invalid_json").await;
    dir.fails("file.read", read("", "utf8"), "file.not_allowed").await;
    dir.fails("file.read", read("a", "rot13"), "workflow.invalid_params").await;
}

#[tokio::test]
async fn nothing_leads_out() {
    let dir = Directory::new();
    let secret = dir.path.join("secret");
    std::os::unix::fs::symlink(&secret, dir.open().join("link")).expect("a link");
    std::os::unix::fs::symlink(&dir.path, dir.open().join("up")).expect("a link");
    for path in [
        "../secret",
        "inner/../../secret",
        "link",
        "up/secret",
        secret.to_str().expect("a path"),
        "/etc/passwd",
    ] {
        dir.fails("file.read", value!({"path": path}), "file.not_allowed").await;
        if path != "link" {
            dir.fails("file.write", value!({"path": path, "content": "x"}), "file.not_allowed").await;
        }
        dir.fails("file.write", value!({"path": path, "content": "x", "mode": "append"}), "file.not_allowed")
            .await;
    }
    // A link is replaced, and what it leads to stays.
    dir.run("file.write", value!({"path": "link", "content": "mine"})).await.expect("it is written");
    assert_eq!(dir.content("link"), "mine");
    assert_eq!(fs::read_to_string(&secret).expect("a file"), "s3cret");
}

#[tokio::test]
async fn without_roots_there_are_no_files() {
    let outside = Arc::new(Outside::new(Permissions::default()).expect("a way outside"));
    let call = ActionCall::detached("file.read", value!({"path": "Cargo.toml"}), outside);
    assert_eq!(run(call).await.expect_err("it is refused").code, *"file.not_allowed");
    let permissions =
        Permissions { file_roots: vec![Path::new("/no/such/place").to_owned()], ..Permissions::default() };
    assert!(Outside::new(permissions).is_err());
}

#[tokio::test]
async fn writing_in_every_mode() {
    let dir = Directory::new();
    let write = |content: Value, mode: &str| value!({"path": "inner/f", "content": content, "mode": mode});
    let output = dir.run("file.write", write(value!("one"), "create")).await;
    assert_eq!(output, Ok(value!({"path": "inner/f", "bytes": 3})));
    dir.fails("file.write", write(value!("two"), "create"), "file.exists").await;
    dir.run("file.write", write(value!("two"), "append")).await.expect("it is written");
    assert_eq!(dir.content("inner/f"), "onetwo");
    dir.run("file.write", write(value!(3), "overwrite")).await.expect("it is written");
    assert_eq!(dir.content("inner/f"), "3");
    let left: Vec<_> = fs::read_dir(dir.open().join("inner")).expect("a directory").collect();
    assert_eq!(left.len(), 1, "no temporary file stays: {left:?}");
}

#[tokio::test]
async fn writing_in_every_encoding() {
    let dir = Directory::new();
    for (content, encoding, expected) in [
        (value!({"a": 1}), "json", "{\"a\":1}\n"),
        (value!({"a": 1}), "utf8", "{\"a\":1}"),
        (value!("aGk=\n"), "base64", "hi"),
    ] {
        let params = value!({"path": "f", "content": content, "encoding": encoding});
        dir.run("file.write", params).await.expect("it is written");
        assert_eq!(dir.content("f"), expected);
    }
    dir.fails(
        "file.write",
        value!({"path": "f", "content": "?", "encoding": "base64"}),
        "workflow.invalid_params",
    )
    .await;
    dir.fails("file.write", value!({"path": "f", "content": "x".repeat(1001)}), "file.too_large").await;
    dir.fails("file.write", value!({"path": "inner", "content": "x"}), "file.not_a_file").await;
    dir.fails("file.write", value!({"path": "new/f", "content": "x"}), "file.not_found").await;
    dir.fails("file.write", value!({"path": "f"}), "workflow.invalid_params").await;
}
