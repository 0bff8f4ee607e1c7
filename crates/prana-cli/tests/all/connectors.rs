//! Connectors: those of a directory, those out of OpenAPI documents, and what the guide says of them.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::mpsc;

use crate::program::{Scratch, prana, root};

const GUIDE: &str = include_str!("../../../../docs/guide/connectors.md");

/// The block of the guide that begins so.
fn block(begin: &str) -> String {
    let at = GUIDE.find(&format!("```yaml\n{begin}")).unwrap_or_else(|| panic!("no block {begin:?}"));
    let (text, _) = GUIDE[at + 8..].split_once("```").unwrap();
    text.to_owned()
}

/// A service that gives these answers, one after the other: its address, and the first lines and headers that it sees.
fn service(answers: &[(u16, &'static str)]) -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let (sender, asked) = mpsc::channel();
    let answers = answers.to_vec();
    std::thread::spawn(move || {
        for (status, body) in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
            sender.send(head.join("\n")).unwrap();
            let length = body.len();
            let head = format!(
                "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
            );
            stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
        }
    });
    (url, asked)
}

/// The guide's connector in a directory, for a service at this address.
fn shop(scratch: &Scratch, url: &str) -> String {
    let directory = scratch.path("connectors");
    std::fs::create_dir_all(&directory).unwrap();
    let text = block("id: shop").replace("https://api.shop.example/v1", url);
    std::fs::write(format!("{directory}/shop.yaml"), text).unwrap();
    directory
}

#[test]
fn the_guide_runs() {
    let scratch = Scratch::new();
    let (url, asked) = service(&[
        (200, r#"{"orders": [{"id": 1, "price": 5}, {"id": 2, "price": 7}], "next": "b"}"#),
        (200, r#"{"orders": [{"id": 3, "price": 1}, {"id": 4, "price": 9}], "next": "c"}"#),
    ]);
    let connectors = shop(&scratch, &url);
    prana(&["connector", "check", &format!("{connectors}/shop.yaml")]).ends(0).prints("shop with 3 actions");
    prana(&["actions", "shop.list_orders", "--connectors", &connectors]).ends(0).prints("List orders");
    let workflow = scratch.file("orders.yaml", block("id: orders"));
    let secret = scratch.file("key", "the-key-of-the-shop");
    let secret = format!("shop=@{secret}");
    let ran =
        prana(&["run", &workflow, "--connectors", &connectors, "--secret", &secret, "-o", "json"]).ends(0);
    let output = ran.json()["output"].clone();
    assert_eq!(output["total"], 13);
    assert_eq!(output["orders"].as_array().map(Vec::len), Some(3));
    assert!(!ran.stdout.contains("the-key-of-the-shop"));
    let (first, second) = (asked.recv().unwrap(), asked.recv().unwrap());
    assert!(first.starts_with("GET /v1/orders?status=open&page_size=50 "), "{first}");
    assert!(first.to_lowercase().contains("authorization: bearer the-key-of-the-shop"), "{first}");
    assert!(second.starts_with("GET /v1/orders?status=open&page_size=50&after=b "), "{second}");
}

#[test]
fn errors_of_a_service_are_those_of_its_connector() {
    let scratch = Scratch::new();
    let (url, _asked) = service(&[(404, r#"{"error": "order 7"}"#)]);
    let connectors = shop(&scratch, &url);
    let workflow = "id: w\nnodes: [{key: s, type: manual.trigger}, {key: g, type: shop.get_order, params: {id: 7}}]\nconnections: [s -> g]\n";
    let workflow = scratch.file("w.yaml", workflow);
    let ran = prana(&["run", &workflow, "--connectors", &connectors, "-o", "json"]).ends(1);
    assert_eq!(ran.json()["error"]["code"], "shop.not_found");
    assert_eq!(ran.json()["error"]["message"], "there is no such order: order 7");
    // Without its directory nobody knows it.
    prana(&["validate", &workflow]).ends(2);
    let wrong =
        scratch.file("wrong.yaml", std::fs::read_to_string(&workflow).unwrap().replace("id: 7", "id: seven"));
    let ran = prana(&["validate", &wrong, "--connectors", &connectors]).ends(2);
    assert!(
        format!("{}{}", ran.stdout, ran.stderr).contains("expected a whole number, found a string"),
        "{ran:?}"
    );
}

#[test]
fn those_that_are_shipped_are_listed() {
    let ran = prana(&["connector", "list", "--format", "json"]).ends(0);
    let all = ran.json();
    let ids: Vec<&str> = all.as_array().unwrap().iter().filter_map(|one| one["id"].as_str()).collect();
    let shipped = [
        "airtable",
        "discord",
        "github",
        "google_sheets",
        "jira",
        "notion",
        "s3",
        "slack",
        "stripe",
        "telegram",
    ];
    assert_eq!(ids, shipped);
    let guide = GUIDE.split("Ten are in the program:").nth(1).unwrap().split('\n').next().unwrap();
    assert!(shipped.iter().all(|id| guide.contains(&format!("`{id}`"))), "{guide}");
    for id in shipped {
        assert!(root().join(format!("connectors/{id}.yaml")).exists());
    }
    prana(&["connector", "list"]).ends(0).prints("GitHub");
    prana(&["actions", "github.create_issue"]).ends(0).prints("owner");
}

#[test]
fn what_is_wrong_is_shown_with_its_line() {
    let scratch = Scratch::new();
    let file =
        scratch.file("bad.yaml", block("id: shop").replace("/orders/{id}/notes", "/orders/{number}/notes"));
    prana(&["connector", "check", &file]).ends(2).says("`number` must be a parameter that is required");
    let ran = prana(&["actions", "--connectors", &scratch.path("")]);
    ran.ends(2).says("`number` must be a parameter that is required");
    prana(&["actions", "--connectors", "/nowhere/at/all"]).ends(2).says("/nowhere/at/all can't be read");
}

#[test]
fn one_comes_out_of_an_openapi_document() {
    let scratch = Scratch::new();
    let (url, asked) = service(&[(200, r#"{"id": 7, "name": "Rex"}"#)]);
    let api = r##"{"openapi": "3.1.0", "info": {"title": "Pets"}, "servers": [{"url": "https://pets.example"}], "paths": {
        "/pets/{id}": {"get": {"operationId": "getPet", "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"$ref": "#/components/schemas/Id"}}]},
                       "delete": {"operationId": "deletePet", "deprecated": true}}},
        "components": {"schemas": {"Id": {"type": "integer"}}}}"##;
    let api = scratch.file("openapi.json", api);
    let directory = scratch.path("made");
    std::fs::create_dir_all(&directory).unwrap();
    let ran = prana(&["connector", "add", &api, "-o", &format!("{directory}/pets.yaml")]).ends(0);
    ran.says("left out      DELETE /pets/{id}: it is deprecated")
        .says("pets: 1 operations carried over, 0 changed, 1 left out");
    let workflow = format!(
        "id: w\nnodes: [{{key: s, type: manual.trigger}}, {{key: g, type: pets.get_pet, params: {{id: 7, base_url: '{url}'}}}}]\nconnections: [s -> g]\n"
    );
    let workflow = scratch.file("w.yaml", workflow);
    let ran = prana(&["run", &workflow, "--connectors", &directory, "-o", "json"]).ends(0);
    assert_eq!(ran.json()["output"]["name"], "Rex");
    assert!(asked.recv().unwrap().starts_with("GET /v1/pets/7 "));
    prana(&["connector", "add", &workflow]).ends(2).says("no OpenAPI document");
}

/// A document of the size that services have.
#[test]
fn the_programs_own_api_can_be_one() {
    let args =
        ["connector", "add", "docs/openapi.json", "--id", "own", "--base-url", "http://127.0.0.1:7700"];
    prana(&args).ends(0).prints("  start_execution:").says(" changed, 0 left out");
}
