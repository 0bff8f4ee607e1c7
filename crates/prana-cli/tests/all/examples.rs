//! Every example does what its first lines say.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;

use crate::program::{Scratch, prana};

fn example(name: &str) -> String {
    format!("examples/workflows/{name}.yaml")
}

#[test]
fn their_tests_pass() {
    for more in [vec![], vec!["--restart-every-step"]] {
        let ran = prana(&[vec!["test", "examples/workflows"], more].concat()).ends(0);
        assert_eq!(ran.stdout.lines().last(), Some("6 passed, 0 failed"));
    }
}

#[test]
fn expense_report() {
    let ran = prana(&["run", &example("expense-report"), "--output", "text"]).ends(0);
    let ran = ran.prints("Ines          627.70 EUR  (3 claims)").prints("To be looked at (3)");
    assert!(ran.stderr.contains("rules -> too_much"), "{}", ran.stderr);
    let ran = prana(&[
        "run",
        &example("expense-report"),
        "-o",
        "text",
        "--var",
        "limit=1000",
        "--var",
        "currency=USD",
    ]);
    ran.ends(0).prints("Omar          720.40 USD").prints("To be looked at (2)");
}

/// What the README shows is what comes.
#[test]
fn readme() {
    let readme = std::fs::read_to_string(crate::program::root().join("README.md")).unwrap();
    let shows = |args: &[&str]| {
        let ran = prana(args).ends(0);
        assert!(readme.contains(ran.stdout.trim_end()), "not in README.md:\n{}", ran.stdout);
    };
    shows(&["run", &example("expense-report"), "--output", "text"]);
    shows(&["graph", &example("expense-report"), "--format", "mermaid"]);
    let (_, test) = readme.split_once("```yaml\nname: ").unwrap();
    let (test, _) = test.split_once("```").unwrap();
    let scratch = Scratch::new();
    let workflow = crate::program::root().join(example("purchase-approval"));
    let test = format!("name: {test}").replace("purchase-approval.yaml", workflow.to_str().unwrap());
    prana(&["test", &scratch.file("readme.test.yaml", test)]).ends(0).prints("1 passed, 0 failed");
    prana(&["eval", "[3, 1, 2] | sort | join(\" < \")"]).ends(0).prints("\"1 < 2 < 3\"");
}

#[test]
fn purchase_approval() {
    let scratch = Scratch::new();
    let db = scratch.path("prana.db");
    let small =
        prana(&["run", &example("purchase-approval"), "-i", "{\"item\": \"mouse\", \"price\": 35}"]).ends(0);
    assert_eq!(small.json()["status"], "ordered");
    let large = "{\"item\": \"standing desk\", \"price\": 780}";
    let ran = prana(&["run", &example("purchase-approval"), "--db", &db, "--input", large]).ends(3);
    let (_, rest) = ran.stderr.split_once("prana executions resume ").unwrap();
    let id = rest.split_whitespace().next().unwrap();
    let answer = "{\"by\": \"ann\", \"agreed\": true}";
    let ran =
        prana(&["executions", "resume", id, "--node", "approve", "--data", answer, "--db", &db]).ends(0);
    assert_eq!(ran.json()["agreed_by"], "ann");
}

#[test]
fn invoices() {
    let all = prana(&["run", &example("invoices")]).ends(0).json();
    assert_eq!(all["total"], 250.0);
    assert_eq!(all["problems"][0], "order A-1003 has nothing in it");
    let order = "{\"id\": \"X\", \"customer\": \"Y\", \"lines\": [{\"price\": 2, \"quantity\": 3}]}";
    let one = prana(&["run", &example("invoices"), "--workflow", "invoice", "--input", order]).ends(0).json();
    assert_eq!(one["total"], 6);
}

#[test]
fn exchange_rates() {
    let down = prana(&["run", &example("exchange-rates"), "--var", "url=http://127.0.0.1:9/down"]).ends(0);
    assert_eq!(down.says("again in").json()["source"], "known rates");
    let url = serve(&["{\"date\": \"2026-02-03\", \"rates\": {\"USD\": 1.2}}"]);
    let input = "{\"price\": 50, \"into\": [\"USD\"]}";
    let up = prana(&["run", &example("exchange-rates"), "--var", &format!("url={url}"), "-i", input]).ends(0);
    assert_eq!(up.json()["prices"][0], "$60.00");
}

#[test]
fn wait_for_job() {
    let url = serve(&[
        "{\"id\": \"j1\"}",
        "{\"state\": \"running\"}",
        "{\"state\": \"done\", \"result\": \"42 pages\"}",
    ]);
    let url = format!("url={url}");
    let ran = prana(&["run", &example("wait-for-job"), "--var", &url, "--var", "every_seconds=0.01"]).ends(0);
    assert_eq!(ran.json(), serde_json::json!({"result": "42 pages", "asked": 2}));
}

#[test]
fn backup_clean_up() {
    let scratch = Scratch::new();
    let file = scratch.file(
        "clean-up.yaml",
        std::fs::read(crate::program::root().join(example("backup-clean-up"))).unwrap(),
    );
    let list = scratch.path("list.json");
    std::fs::copy(crate::program::root().join("examples/data/backups.json"), &list).unwrap();
    let mut command = crate::program::command(&[
        "run",
        &file,
        "--input",
        "{\"today\": \"2026-04-01T00:00:00Z\"}",
        "--var",
        "list=list.json",
        "--var",
        "write_to=old.txt",
    ]);
    command.current_dir(scratch.path(""));
    let ran = crate::program::prana_with(command, b"").ends(0);
    assert_eq!(ran.json()["kept"], 3);
    assert_eq!(std::fs::read_to_string(scratch.path("old.txt")).unwrap().lines().count(), 3);
}

/// A service that gives these answers, one after the other, and its address.
fn serve(answers: &[&'static str]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/jobs", listener.local_addr().unwrap());
    let answers = answers.to_vec();
    std::thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut length = 0;
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                if line == "\r\n" {
                    break;
                }
            }
            reader.read_exact(&mut vec![0; length]).unwrap();
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                answer.len()
            );
            stream.write_all(format!("{head}{answer}").as_bytes()).unwrap();
        }
    });
    url
}
