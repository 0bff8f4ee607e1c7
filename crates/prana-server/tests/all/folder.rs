//! A directory of workflows: what is in its files is live.

use std::path::PathBuf;

use serde_json::json;

use crate::kit::{Kit, Scratch};

struct Stage {
    kit: Kit,
    folder: PathBuf,
}

fn says(text: &str) -> String {
    format!(
        "id: says\nnodes:\n  - {{key: hook, type: webhook.trigger, params: {{path: says, respond: respond_node}}}}\n  - {{key: answer, type: webhook.respond, params: {{body: {text}}}}}\nconnections: [hook -> answer]\n"
    )
}

impl Stage {
    async fn new() -> Stage {
        let scratch = Scratch::new();
        let folder = scratch.path().join("flows");
        std::fs::create_dir_all(folder.join("below")).unwrap();
        let path = folder.clone();
        Stage { kit: Kit::over(scratch, |options| options.workflows = Some(path)).await, folder }
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.join(name), text).unwrap();
    }

    /// Asks until the answer is this.
    async fn until(&self, expect: &str) {
        loop {
            let got = self.kit.post("/webhook/says", json!({})).await;
            let word = if got.status == 404 { "nothing" } else { got.body.as_str().unwrap() };
            if word == expect {
                return;
            }
        }
    }
}

#[tokio::test]
async fn files_come_change_and_go() {
    let stage = Stage::new().await;
    stage.until("nothing").await;
    stage.write("below/says.yaml", &says("one"));
    stage.until("one").await;
    stage.write("below/says.yaml", &says("two"));
    stage.until("two").await;
    // What is wrong is not taken, and what is live stays: two rounds later another file is, and this one isn't.
    stage.write("below/says.yaml", "id: says\nnodes: [{key: hook, type: no.such}]\n");
    stage.write("other.yaml", &says("other").replace("says", "other"));
    while stage.kit.post("/webhook/other", json!({})).await.status == 404 {}
    stage.until("two").await;
    // Nor are tests, or a second file with the same id.
    stage.write("says.test.yaml", &says("test"));
    stage.write("again.yaml", &says("again"));
    stage.write("third.yaml", &says("third").replace("says", "third"));
    while stage.kit.post("/webhook/third", json!({})).await.status == 404 {}
    stage.until("two").await;
    std::fs::remove_file(stage.folder.join("again.yaml")).unwrap();
    std::fs::remove_file(stage.folder.join("below/says.yaml")).unwrap();
    stage.until("nothing").await;
    let workflows = stage.kit.get("/api/v1/workflows").await.is(200).body;
    let active = |id: &str| {
        workflows["workflows"]
            .as_array()
            .unwrap()
            .iter()
            .any(|one| one["id"] == id && !one["active"].is_null())
    };
    assert!(!active("says") && active("other"));
}

#[tokio::test]
async fn what_went_while_nothing_ran_is_taken_out() {
    let stage = Stage::new().await;
    stage.write("says.yaml", &says("one"));
    stage.until("one").await;
    let Stage { kit, folder } = stage;
    kit.running.shut_down().await;
    std::fs::remove_file(folder.join("says.yaml")).unwrap();
    let path = folder.clone();
    let stage = Stage { kit: Kit::over(kit.scratch, |options| options.workflows = Some(path)).await, folder };
    stage.until("nothing").await;
}
